//! JUnit XML, which every system for continuous integration reads: a test suite for each server, a test case for
//! each check, properties for a grade.

use crate::check::results::{CheckReport, CheckResult, CheckStatus, Grade};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes the reports as JUnit XML.
///
/// # Errors
///
/// `output` cannot be written.
pub fn write_junit(reports: &[CheckReport], output: &mut dyn Write) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(output, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites")
        .write_inner_content(|xml| reports.iter().try_for_each(|report| suite(xml, report)))?;
    writeln!(xml.get_mut())
}

fn suite(xml: &mut Writer<&mut dyn Write>, report: &CheckReport) -> io::Result<()> {
    let [tests, failures, skipped] = [
        report.results.len(),
        report.failed(),
        report.not_applicable() + report.not_run(),
    ]
    .map(|count| count.to_string());
    let time = seconds(report.seconds);
    let server = allowed(&report.server);
    xml.create_element("testsuite")
        .with_attributes([
            ("name", server.as_ref()),
            ("tests", &tests),
            ("failures", &failures),
            ("errors", "0"),
            ("skipped", &skipped),
            ("time", &time),
        ])
        .write_inner_content(|xml| {
            report
                .grade
                .map_or(Ok(()), |grade| properties(xml, grade))?;
            let mut results = report.results.iter();
            results.try_for_each(|result| case(xml, report, result))
        })?;
    Ok(())
}

fn properties(xml: &mut Writer<&mut dyn Write>, grade: Grade) -> io::Result<()> {
    let properties = [
        ("level.requested", grade.requested.number()),
        ("level.reached", grade.reached),
    ];
    let write = |xml: &mut Writer<&mut dyn Write>| {
        properties.iter().try_for_each(|(name, level)| {
            let element = xml.create_element("property");
            let level = level.to_string();
            let element = element.with_attributes([("name", *name), ("value", &level)]);
            element.write_empty().map(drop)
        })
    };
    xml.create_element("properties")
        .write_inner_content(write)
        .map(drop)
}

fn case(
    xml: &mut Writer<&mut dyn Write>,
    report: &CheckReport,
    result: &CheckResult,
) -> io::Result<()> {
    let time = seconds(result.seconds);
    let server = allowed(&report.server);
    let case = xml.create_element("testcase").with_attributes([
        ("classname", server.as_ref()),
        ("name", result.check.name),
        ("time", &time),
    ]);
    match &result.status {
        CheckStatus::Passed { measured: None } => case.write_empty()?,
        CheckStatus::Passed {
            measured: Some(text),
        } => case.write_inner_content(|xml| {
            let element = xml.create_element("system-out");
            let text = allowed(text);
            element.write_text_content(BytesText::new(&text)).map(drop)
        })?,
        CheckStatus::Failed { symptom, .. } => case.write_inner_content(|xml| {
            let check = &result.check;
            let text = format!("{}\n{}\n{}", check.promise, check.why, check.hint);
            xml.create_element("failure")
                .with_attribute(("message", allowed(symptom).as_ref()))
                .write_text_content(BytesText::new(&text))
                .map(drop)
        })?,
        CheckStatus::NotApplicable { reason } | CheckStatus::NotRun { reason } => case
            .write_inner_content(|xml| {
                let element = xml.create_element("skipped");
                let element = element.with_attribute(("message", allowed(reason).as_ref()));
                element.write_empty().map(drop)
            })?,
    };
    Ok(())
}

/// `text` with the characters escaped that XML 1.0 allows in no form (section 2.2, `Char`). One of them, and a reader
/// rejects the whole document.
fn allowed(text: &str) -> Cow<'_, str> {
    let is_forbidden = |c| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    if !text.contains(is_forbidden) {
        return text.into();
    }
    let escaped = |c: char| {
        if is_forbidden(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escaped).collect()
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}
