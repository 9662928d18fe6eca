//! The SVG elements that charts are made of. Colours are classes, which the style sheet defines for light and dark.

use super::chart::Series;
use crate::measure::compare::contender::AGAIN;
use crate::measure::compare::model::Role;
use maud::{Markup, html};

/// Width of every chart in its own units. A telephone shows about one of them per pixel.
pub(super) const WIDTH: f64 = 420.0;

/// Where the drawing starts, below the titles.
pub(super) const TOP: f64 = 52.0;

/// Room right of the drawing, for the names of lines.
pub(super) const RIGHT: f64 = 108.0;

/// Colours in the style sheet. Further contenders share one, but have another marker.
const COLOURS: usize = 8;

pub(super) fn text(class: &str, x: f64, y: f64, content: &str) -> Markup {
    html! { text.(class) x=(pixel(x)) y=(pixel(y)) { (content) } }
}

pub(super) fn path(class: &str, d: &str) -> Markup {
    html! { path.(class) d=(d) {} }
}

/// `content` in the colour of `series`.
pub(super) fn coloured(series: &Series, content: &Markup) -> Markup {
    html! { g.{ "s" (series.colour % COLOURS) } { (content) } }
}

/// `content` in the colour of `series`, with a tooltip.
pub(super) fn with_tooltip(series: &Series, tooltip: &str, content: &Markup) -> Markup {
    html! {
        g.{ "s" (series.colour % COLOURS) }.again[series.role == Role::Again] {
            title { (series.name) ": " (tooltip) }
            (content)
        }
    }
}

/// The marker of a contender, of a shape of its own, so that its colour is not needed to recognise it.
pub(super) fn marker(series: &Series, x: f64, y: f64) -> Markup {
    let outline = match series.colour % 6 {
        0 => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        1 => "m-3.5 -3.5h7v7h-7z",
        2 => "m0 -4.8l4.4 8h-8.8z",
        3 => "m0 -5l5 5l-5 5l-5 -5z",
        4 => "m0 4.8l4.4 -8h-8.8z",
        _ => "m-1.5 -4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    };
    html! {
        path.mark.again[series.role == Role::Again] d={ "M" (pixel(x)) " " (pixel(y)) (outline) } {}
    }
}

/// A name cut to `most` letters, at least 8.
pub(super) fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let suffix = if name.ends_with(AGAIN) {
        "… again"
    } else {
        "…"
    };
    let room = most.saturating_sub(suffix.chars().count());
    name.chars().take(room).chain(suffix.chars()).collect()
}

/// A coordinate as it is written. A tenth of a pixel is precise enough.
pub(super) fn pixel(value: f64) -> String {
    format!("{value:.1}")
}
