//! From a chapter to its slides.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{
    CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html,
};

/// The most lines of code on one slide. Longer code is divided where it has an empty line, or else anywhere.
const CODE_LINES: usize = 26;

/// Code of at most this many lines stays beside the words before it.
const SHORT: usize = 8;

/// One slide.
#[derive(Debug)]
pub(super) struct Slide {
    pub(super) heading: String,
    /// Whether it opens a chapter.
    pub(super) is_title: bool,
    pub(super) body: Markup,
}

/// The slides of a chapter, which is written in Markdown.
pub(super) fn outline(text: &str) -> Vec<Slide> {
    let mut slides = Vec::new();
    let mut section = Section::default();
    for block in blocks(text) {
        match block.first() {
            Some(Event::Start(Tag::Heading { level, .. })) => {
                section.finish(&mut slides);
                section = Section::new(&block, *level == HeadingLevel::H1);
            }
            Some(Event::Start(Tag::CodeBlock(kind))) => section.add_code(kind, &block),
            Some(Event::Start(Tag::Table(_)) | Event::Html(_)) => {
                section.apart.push(rendered(block));
            }
            Some(Event::Start(Tag::Paragraph)) if section.has_prose => {}
            Some(_) => {
                section.has_prose |= matches!(block.first(), Some(Event::Start(Tag::Paragraph)));
                section.words.extend(block);
            }
            None => {}
        }
    }
    section.finish(&mut slides);
    slides
}

/// What is between two headings.
#[derive(Debug, Default)]
struct Section<'a> {
    heading: String,
    is_title: bool,
    /// Whether the first paragraph is in `words`.
    has_prose: bool,
    /// For the slide that opens the section.
    words: Vec<Event<'a>>,
    /// For slides of their own.
    apart: Vec<Markup>,
}

impl<'a> Section<'a> {
    fn new(heading: &[Event<'a>], is_title: bool) -> Self {
        let words = heading.iter().filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        });
        Self {
            heading: words.collect(),
            is_title,
            ..Self::default()
        }
    }

    fn add_code(&mut self, kind: &CodeBlockKind<'_>, block: &[Event<'_>]) {
        let text = block.iter().filter_map(|event| match event {
            Event::Text(text) => Some(text.as_ref()),
            _ => None,
        });
        let text: String = text.collect();
        let is_diff =
            matches!(kind, CodeBlockKind::Fenced(language) if language.as_ref() == "diff");
        let is_short = !is_diff && text.lines().count() <= SHORT;
        if is_short && self.apart.is_empty() && !self.words.is_empty() {
            let beside = code(&text, is_diff).into_string();
            return self.words.push(Event::Html(beside.into()));
        }
        let parts = if is_diff { hunks(&text) } else { pages(&text) };
        self.apart
            .extend(parts.iter().map(|part| code(part, is_diff)));
    }

    fn finish(self, slides: &mut Vec<Slide>) {
        let slide = |is_title, body| Slide {
            heading: self.heading.clone(),
            is_title,
            body,
        };
        if self.is_title || !self.words.is_empty() {
            slides.push(slide(self.is_title, rendered(self.words)));
        }
        slides.extend(self.apart.into_iter().map(|body| slide(false, body)));
    }
}

/// The blocks of the text, without links and folded parts.
fn blocks(text: &str) -> Vec<Vec<Event<'_>>> {
    let mut blocks: Vec<Vec<Event<'_>>> = vec![Vec::new()];
    let (mut depth, mut is_folded) = (0_usize, false);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match &event {
            Event::Start(Tag::Link { .. } | Tag::HtmlBlock) | Event::End(TagEnd::Link) => continue,
            Event::End(TagEnd::HtmlBlock) => {
                if depth == 0 {
                    blocks.push(Vec::new());
                }
                continue;
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Html(html) if html.trim_start().starts_with("<details") => is_folded = true,
            _ => {}
        }
        let unfolds =
            matches!(&event, Event::Html(html) if html.trim_start().starts_with("</details"));
        let is_html = matches!(event, Event::Html(_));
        if !is_folded && let Some(block) = blocks.last_mut() {
            block.push(event);
        }
        is_folded &= !unfolds;
        // The lines of a figure are one block.
        if depth == 0 && !is_html {
            blocks.push(Vec::new());
        }
    }
    blocks
}

fn rendered(block: Vec<Event<'_>>) -> Markup {
    let mut html = String::new();
    push_html(&mut html, block.into_iter());
    PreEscaped(html)
}

/// A diff, divided where it leaves out lines. Its header is left out.
fn hunks(diff: &str) -> Vec<String> {
    let parts = diff.split("\n@@ ").skip(1);
    let bodies = parts.filter_map(|part| part.split_once('\n').map(|(_place, body)| body));
    bodies.flat_map(pages).collect()
}

/// Code in pieces that fit on a slide.
fn pages(code: &str) -> Vec<String> {
    let mut pages = vec![String::new()];
    for paragraph in code.split_inclusive("\n\n").flat_map(short) {
        if let Some(page) = pages.last_mut() {
            if page.is_empty() || page.lines().count() + paragraph.lines().count() <= CODE_LINES {
                page.push_str(&paragraph);
            } else {
                pages.push(paragraph);
            }
        }
    }
    pages
}

/// The parts of a paragraph, about equally long.
fn short(paragraph: &str) -> Vec<String> {
    let lines: Vec<&str> = paragraph.split_inclusive('\n').collect();
    let parts = lines.len().div_ceil(CODE_LINES).max(1);
    let length = lines.len().div_ceil(parts).max(1);
    lines.chunks(length).map(<[&str]>::concat).collect()
}

fn code(text: &str, is_diff: bool) -> Markup {
    let class = |line: &str| match line.chars().next() {
        Some('+') if is_diff => Some("new"),
        Some('-') if is_diff => Some("old"),
        _ => None,
    };
    html! {
        pre {
            @for line in text.trim_end().split_inclusive('\n') {
                span class=[class(line)] { (line) }
            }
        }
    }
}
