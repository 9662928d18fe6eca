//! The timeline: a trace as one page that needs nothing else, no network and no other file.
//!
//! What is shown is worked out here (`data`). The page's own source stands beside it: `page.html`,
//! `page.css`, and in the order in which they know of each other `model.js` (what can be asked of the
//! trace), `draw.js` (the picture), `tables.js` (the words) and `page.js` (keys and pointer).

mod data;

use super::json_lines::Trace;
use data::Data;
use std::io::{self, Write};

const HTML: &str = include_str!("page.html");

/// Writes the page, which names the chapters of the guide.
///
/// # Errors
///
/// Those of `output`.
pub fn write(trace: &Trace, output: &mut impl Write) -> io::Result<()> {
    write_linked(trace, None, output)
}

/// Writes the page, with links to the chapters below the URL `guide`, if there is one.
///
/// # Errors
///
/// Those of `output`.
pub fn write_linked(trace: &Trace, guide: Option<&str>, output: &mut impl Write) -> io::Result<()> {
    let data = serde_json::to_string(&Data::of(trace, guide))?;
    let mut rest = HTML;
    for (mark, piece) in [
        ("/* page.css */", include_str!("page.css")),
        ("/* trace */", &within_script(&data)),
        ("/* model.js */", include_str!("model.js")),
        ("/* draw.js */", include_str!("draw.js")),
        ("/* tables.js */", include_str!("tables.js")),
        ("/* page.js */", include_str!("page.js")),
    ] {
        let (before, behind) = rest.split_once(mark).unwrap_or((rest, ""));
        output.write_all(before.as_bytes())?;
        output.write_all(piece.as_bytes())?;
        rest = behind;
    }
    output.write_all(rest.as_bytes())
}

/// JSON as it may stand in a script element: nothing in it can end the element or begin a comment (HTML,
/// "Restrictions for contents of script elements"). In JSON a `<` stands in strings only, where it may be
/// written so.
fn within_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Mode;
    use crate::trace::{Event, Header, Lane, Record};

    #[test]
    fn no_words_of_a_trace_can_end_the_script() {
        let reason = "</script><!--<script>".to_owned();
        let records = vec![Record {
            at: 0,
            lane: Lane::Connection(1),
            event: Event::Closed {
                reason,
                bytes_in: 0,
                bytes_out: 0,
            },
        }];
        let header = Header::new(Mode::EventLoop);
        let mut page = Vec::new();
        write(&Trace { header, records }, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert_eq!(
            page.matches("</script>").count(),
            HTML.matches("</script>").count()
        );
        assert!(page.contains("\\u003c/script>\\u003c!--"));
        assert!(page.ends_with("</html>\n"));
    }

    #[test]
    fn a_guide_is_linked_where_it_was_said_to_be() {
        let header = Header::new(Mode::EventLoop);
        let trace = Trace {
            header,
            records: Vec::new(),
        };
        let mut page = Vec::new();
        write_linked(&trace, Some("doc/guide"), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(r#""guide":"doc/guide""#));
        assert!(page.contains(r#""module":"chapter_03_edges""#));
    }
}
