//! Reports: a table for people, JSON, JUnit XML and TAP for other programs.
//!
//! A report knows results; no check knows a report.

mod junit;
mod table;
mod tap;

pub use junit::write_junit;
pub use table::{Layout, explanation, grade, list, table};
pub use tap::write_tap;

use crate::check::results::CheckReport;
use crate::text::version::PROGRAM;
use serde::Serialize;
use std::io::{self, Write};

/// The version of the JSON's structure.
const FORMAT: u32 = 1;

/// Writes the reports as JSON: `{"format", "program", "servers": [{"server", "grade", "results", "seconds"}]}`, where only a
/// server that was graded has a grade.
///
/// # Errors
///
/// `output` cannot be written.
pub fn write_json(reports: &[CheckReport], output: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        format: u32,
        program: &'static str,
        servers: &'a [CheckReport],
    }
    let document = Document {
        format: FORMAT,
        program: PROGRAM,
        servers: reports,
    };
    serde_json::to_writer_pretty(&mut *output, &document)?;
    writeln!(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CHECKS;
    use crate::check::definition::Level;
    use crate::check::results::{CheckResult, CheckStatus, Grade};
    use proptest::prelude::*;

    /// Mostly characters that mean something to a terminal or to a format.
    const TEXT: &str = r"[\x00-\x{a0}\x{fffe}\x{ffff}é]{0,30}";

    /// A report in which each text that is not our own is this one.
    fn report(text: &str) -> CheckReport {
        let statuses = [
            CheckStatus::Passed {
                measured: Some(text.to_owned()),
            },
            CheckStatus::Failed {
                symptom: text.to_owned(),
                offset: None,
            },
            CheckStatus::NotApplicable {
                reason: text.to_owned(),
            },
            CheckStatus::NotRun {
                reason: text.to_owned(),
            },
        ];
        let results = CHECKS.iter().zip(statuses);
        let results = results.map(|(check, status)| CheckResult {
            check: *check,
            status,
            seconds: 1.0,
        });
        CheckReport {
            server: text.to_owned(),
            grade: Some(Grade {
                requested: Level::Poll,
                reached: 0,
            }),
            results: results.collect(),
            seconds: 3.0,
        }
    }

    proptest! {
        #[test]
        fn any_text_leaves_each_report_well_formed(text in TEXT) {
            let reports = [report(&text).escaped()];
            let (mut json, mut junit, mut tap) = (Vec::new(), Vec::new(), Vec::new());
            write_json(&reports, &mut json).unwrap();
            write_junit(&reports, &mut junit).unwrap();
            write_tap(&reports, &mut tap).unwrap();
            let [json, junit, tap] = [json, junit, tap].map(|it| String::from_utf8(it).unwrap());
            let layout = Layout { width: 100, colour: false };
            for report in [&json, &junit, &tap, &table(&reports[0], layout)] {
                let is_control = |c: char| c.is_control() && c != '\n';
                prop_assert!(!report.contains(is_control), "{report:?}");
            }
            prop_assert!(!junit.contains(['\u{fffe}', '\u{ffff}']), "{junit:?}");
            let points = tap.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok "));
            prop_assert_eq!(points.count(), 4, "{}", tap);
        }

        #[test]
        fn junit_holds_no_character_that_xml_forbids(text in TEXT) {
            let mut junit = Vec::new();
            write_junit(&[report(&text)], &mut junit).unwrap();
            let junit = String::from_utf8(junit).unwrap();
            let is_forbidden = |c: char| c < ' ' && !"\t\n\r".contains(c) || "\u{fffe}\u{ffff}".contains(c);
            prop_assert!(!junit.contains(is_forbidden), "{junit:?}");
        }
    }
}
