//! The slides of the course, as a page and in a browser.

use crate::harness::browser::{Screen, document_of};
use crate::harness::tool_or_skip;
use mio_echo::learn::guide::CHAPTERS;
use mio_echo::learn::slides;

fn page_of(chapter: &str) -> String {
    let mut page = Vec::new();
    slides::write(&[chapter], &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// The headings of a chapter that are outside its code, as HTML.
fn headings(chapter: &str) -> Vec<String> {
    let outside_of_code = chapter.split("\n```").step_by(2);
    outside_of_code
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("# ").or(line.strip_prefix("## ")))
        .map(|heading| heading.replace('`', "").replace('&', "&amp;"))
        .collect()
}

#[test]
fn the_slides_of_every_chapter_have_its_headings_and_figures() {
    for chapter in CHAPTERS {
        let (page, headings) = (page_of(chapter), headings(chapter));
        assert!(headings.len() > 4, "{headings:?}");
        for heading in &headings {
            let slide = format!("<h1>{heading}</h1>");
            assert!(page.contains(&slide), "{}: no {slide}", headings[0]);
        }
        let figures = chapter.matches("<svg").count();
        assert!(figures > 0, "{}", headings[0]);
        assert_eq!(page.matches("<svg").count(), figures, "{}", headings[0]);
    }
}

#[test]
fn the_arrow_keys_move_and_a_high_slide_shrinks_to_the_window() {
    if !tool_or_skip("chromium") {
        return;
    }
    let actions = r#"<script>
        const place = () => `${document.querySelectorAll("section.shown").length} shown, ${location.hash}`;
        const press = (key) => dispatchEvent(new KeyboardEvent("keydown", { key }));
        const seen = [place()];
        for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "Home", "ArrowLeft"]) {
          press(key);
          seen.push(place());
        }
        let high = 0;
        for (let number = 1; number <= slides.length; number++) {
          show(number);
          if (document.documentElement.scrollHeight > innerHeight + 1) high += 1;
        }
        document.documentElement.textContent = `REPORT ${seen.join("; ")}; ${high} too high END`;
        </script></body>"#;
    let page = page_of(CHAPTERS[9]).replacen("</body>", actions, 1);
    let document = document_of(&page, "#3", Screen::DESKTOP);
    let expected = "REPORT 1 shown, #3; 1 shown, #4; 1 shown, #5; 1 shown, #4; 1 shown, #1; 1 shown, #1; 0 too high END";
    assert!(document.contains(expected), "{document:.2000}");
}
