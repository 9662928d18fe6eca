//! Both halves of an experiment as one page that needs nothing else: the story, the numbers, and the two
//! timelines beside each other, each a page within the page.

use crate::learn::lab::{Half, Report, Variant};
use crate::trace::timeline;
use std::io::{self, Write};

const HTML: &str = include_str!("page.html");

/// Writes the page.
pub(crate) fn write(report: &Report, output: &mut impl Write) -> io::Result<()> {
    let mut rest = HTML;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (mark, behind) = behind.split_once("}}").unwrap_or((behind, ""));
        output.write_all(before.as_bytes())?;
        output.write_all(piece(report, mark)?.as_bytes())?;
        rest = behind;
    }
    output.write_all(rest.as_bytes())
}

/// What stands in the place of a mark. All of it is escaped, except the rows of the table, whose cells are.
fn piece(report: &Report, mark: &str) -> io::Result<String> {
    let (experiment, wrong, right) = (&report.experiment, &report.wrong, &report.right);
    Ok(match mark {
        "name" => escaped(experiment.name),
        "mistake" => escaped(experiment.mistake),
        "why" => escaped(experiment.why),
        "sources" => escaped(&experiment.read_on()),
        "observed" => rows(wrong, right),
        "wrong class" => class(wrong, Variant::Wrong),
        "wrong verdict" => escaped(&report.verdict(Variant::Wrong)),
        "wrong timeline" => drawn(wrong)?,
        "right class" => class(right, Variant::Right),
        "right verdict" => escaped(&report.verdict(Variant::Right)),
        "right timeline" => drawn(right)?,
        _ => String::new(),
    })
}

fn rows(wrong: &Half, right: &Half) -> String {
    let pairs = wrong.observed.iter().zip(&right.observed);
    let row = pairs.map(|(wrong, right)| {
        let [what, wrong, right] = [wrong.what, &wrong.value, &right.value].map(escaped);
        format!("<tr><th scope=\"row\">{what}</th><td>{wrong}</td><td>{right}</td></tr>\n")
    });
    row.collect()
}

/// How the verdict is coloured: by whether the server failed, which is what one of the two should.
fn class(half: &Half, variant: Variant) -> String {
    let as_promised = half.outcome.is_promised_of(variant);
    let class = match (variant, as_promised) {
        (Variant::Right, true) => "held",
        (Variant::Right, false) | (Variant::Wrong, _) => "broke",
    };
    class.to_owned()
}

fn drawn(half: &Half) -> io::Result<String> {
    let mut page = Vec::new();
    timeline::write(&half.trace, &mut page)?;
    Ok(escaped(&String::from_utf8_lossy(&page)))
}

/// As it may stand between tags and in a quoted attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_end_neither_an_element_nor_an_attribute() {
        let text = "a < b & \"c\"</script>";
        assert_eq!(escaped(text), "a &lt; b &amp; &quot;c&quot;&lt;/script>");
    }
}
