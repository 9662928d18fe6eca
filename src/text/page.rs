//! The frame of every page that the program writes: self-contained, with no network and no other file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A page with `title`, the style sheet `style` and `body`. Only `style` is not escaped.
pub(crate) fn page(title: &str, style: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    }
}
