//! The timeline: a trace as one self-contained page, without network or other files.
//!
//! What the page shows is prepared in `data`, the lines of the server that it quotes in `source`; its elements are in
//! `body`. Style and scripts are files of their own: `page.css`, and in order of dependency `model.js` (queries on the
//! trace), `axis.js` (time), `draw.js` (the picture), `marks.js` (the signs of events), `tables.js` (the text),
//! `legend.js`, `source.js`, `page.js` (keys and pointer), `play.js`, `tour.js` and `predict.js`.

mod body;
mod data;
mod source;

use super::json_lines::Trace;
use crate::text::page::page;
use data::Data;
use maud::html;
use std::io::{self, Write};

/// Writes the page, which names the chapters of the guide without links.
///
/// # Errors
///
/// Any error of writing to `output`.
pub fn write(trace: &Trace, output: &mut impl Write) -> io::Result<()> {
    write_linked(trace, None, output)
}

/// Writes the page, with links to the chapters of the guide at the URL `guide`, if there is one.
///
/// # Errors
///
/// Any error of writing to `output`.
pub fn write_linked(trace: &Trace, guide: Option<&str>, output: &mut impl Write) -> io::Result<()> {
    let data = serde_json::to_string(&Data::of(trace, guide))?;
    let body = body::body(&within_script(&data));
    let page = page("mio-echo timeline", include_str!("page.css"), &body);
    output.write_all(page.into_string().as_bytes())
}

/// Writes the page as a frame of another page: an element of one line, which Markdown takes as it is.
///
/// # Errors
///
/// Any error of writing to `output`.
pub fn write_frame(trace: &Trace, output: &mut impl Write) -> io::Result<()> {
    let mut page = Vec::new();
    write(trace, &mut page)?;
    let page = String::from_utf8_lossy(&page);
    let style = "width: 100%; height: 44rem; border: 1px solid #8888; border-radius: 8px";
    let frame = html! { iframe title="A timeline" style=(style) loading="lazy" srcdoc=(page) {} };
    let line = frame.into_string().replace('\n', "&#10;");
    writeln!(output, "{line}")
}

/// JSON in a form that is safe inside a script element: nothing in it can end the element or begin a comment
/// (HTML Standard, "Restrictions for contents of script elements"). In JSON a `<` occurs only in strings,
/// where it may be escaped.
fn within_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Mode;
    use crate::trace::header::Header;
    use crate::trace::record::{Event, Lane, Record};

    fn page_of(records: Vec<Record>, guide: Option<&str>) -> String {
        let header = Header::new(Mode::EventLoop);
        let mut page = Vec::new();
        write_linked(&Trace { header, records }, guide, &mut page).unwrap();
        String::from_utf8(page).unwrap()
    }

    fn closed(reason: &str) -> Record {
        Record {
            at: 0,
            lane: Lane::Connection(1),
            event: Event::Closed {
                reason: reason.to_owned(),
                bytes_in: 0,
                bytes_out: 0,
            },
        }
    }

    #[test]
    fn no_text_of_a_trace_can_end_the_script() {
        let page = page_of(vec![closed("</script><!--<script>")], None);
        let ends = page.matches("</script>").count();
        assert_eq!(ends, page_of(Vec::new(), None).matches("</script>").count());
        assert!(page.contains("\\u003c/script>\\u003c!--"));
        assert!(page.ends_with("</html>\n"));
    }

    #[test]
    fn chapters_are_linked_below_the_given_url() {
        let page = page_of(vec![closed("finished")], Some("doc/guide"));
        assert!(page.contains(r#""guide":"doc/guide""#));
        assert!(page.contains(r#""module":"chapter_06_endings""#));
    }
}
