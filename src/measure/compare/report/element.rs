//! The elements that charts are made of.

use super::super::model::Role;
use super::chart::Series;

/// Colours in the style sheet; whoever comes later shares one, and has another shape.
pub(super) const COLOURS: usize = 8;

/// A shape of its own for each contender, so that nobody needs the colours.
pub(super) fn marker(series: &Series, x: f64, y: f64) -> String {
    let outline = match series.colour % 6 {
        0 => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        1 => "m-3.5 -3.5h7v7h-7z",
        2 => "m0 -4.8l4.4 8h-8.8z",
        3 => "m0 -5l5 5l-5 5l-5 -5z",
        4 => "m0 4.8l4.4 -8h-8.8z",
        _ => "m-1.5 -4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    };
    let class = if series.role == Role::Again {
        "mark again"
    } else {
        "mark"
    };
    path(class, &format!("M{x:.1} {y:.1}{outline}"))
}

/// `body` in the colour of `series`, with words for whoever points at it.
pub(super) fn with_tip(series: &Series, words: &str, body: &str) -> String {
    let class = if series.role == Role::Again {
        " again"
    } else {
        ""
    };
    format!(
        "<g class=\"s{}{class}\"><title>{}: {}</title>{body}</g>",
        series.colour % COLOURS,
        escaped(&series.name),
        escaped(words)
    )
}

pub(super) fn path(class: &str, course: &str) -> String {
    format!("<path class=\"{class}\" d=\"{course}\"/>")
}

pub(super) fn text(class: &str, x: f64, y: f64, words: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escaped(words)
    )
}

/// Text as it may stand in SVG and HTML, also between quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}
