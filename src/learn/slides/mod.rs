//! Slides for a lecture: the headings, figures, tables and code of the chapters, as one self-contained page.
//!
//! Each section of a chapter becomes a slide with its first paragraph and its lists, and one more for each figure, table
//! and piece of code. Folded answers are left out. The page knows the arrow keys, the address of a slide (`#12`), and how
//! to print.

mod outline;

use crate::text::page::page;
use maud::{Markup, PreEscaped, html};
use outline::{Slide, outline};
use std::io::{self, Write};

/// The slides of these chapters, as Markdown, one after the other.
///
/// # Errors
///
/// Those of `output`.
pub fn write(chapters: &[&str], output: &mut impl Write) -> io::Result<()> {
    let slides: Vec<Slide> = chapters.iter().flat_map(|text| outline(text)).collect();
    let title = slides.first().map_or("Slides", |slide| &slide.heading);
    let body = html! {
        main {
            @for (number, slide) in (1..).zip(&slides) {
                (section(number, slide))
            }
        }
        footer { span #place { "1" } " / " (slides.len()) }
        script { (PreEscaped(include_str!("slides.js"))) }
    };
    let page = page(title, include_str!("slides.css"), &body);
    output.write_all(page.into_string().as_bytes())
}

fn section(number: usize, slide: &Slide) -> Markup {
    html! {
        section #(format!("s{number}")) class=[slide.is_title.then_some("title")] {
            h1 { (slide.heading) }
            (slide.body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::guide::CHAPTERS;

    fn page_of(text: &str) -> String {
        let mut page = Vec::new();
        write(&[text], &mut page).unwrap();
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn every_section_has_a_slide_and_so_have_its_figure_and_its_code_unless_it_is_short() {
        for (lines, slides) in [(1, 2), (20, 3)] {
            let code = "a < b\n".repeat(lines);
            let page = page_of(&format!(
                "# 1. One\n\n> **No.**\n\n## Two\n\nWords.\n\n```text\n{code}```\n\n<figure>\n<svg/>\n</figure>\n",
            ));
            for part in ["<h1>1. One</h1>", "No.", "Words.", "a &lt; b", "<svg/>"] {
                assert!(page.contains(part), "{part} is missing in {page}");
            }
            assert_eq!(page.matches("<h1>Two</h1>").count(), slides, "{page}");
        }
    }

    #[test]
    fn folded_answers_are_left_out() {
        let page = page_of(
            "# E\n\n1. Why?\n\n   <details><summary>Answer</summary>\n\n   Because.\n\n   </details>\n",
        );
        assert!(page.contains("Why?"), "{page}");
        assert!(
            !page.contains("Because") && !page.contains("details"),
            "{page}"
        );
    }

    #[test]
    fn a_long_diff_is_divided_at_its_hunks_and_marked() {
        let page =
            page_of("# D\n\n```diff\n--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n@@ -9 +9 @@\n+z\n```\n");
        assert_eq!(page.matches("<pre").count(), 2, "{page}");
        assert!(page.contains(r#"<span class="new">+y"#), "{page}");
    }

    #[test]
    fn all_chapters_fit_into_one_page_without_other_files() {
        let mut page = Vec::new();
        write(CHAPTERS, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert_eq!(page.matches("class=\"title\"").count(), CHAPTERS.len());
        for outside in ["src=", "href=", "url("] {
            assert!(!page.contains(outside), "the page refers to {outside}");
        }
    }
}
