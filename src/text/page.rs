//! The frame of every HTML page that the program writes. A page is one self-contained file: no network, no
//! second file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A complete HTML document.
///
/// `style` goes into a `<style>` element as it is: CSS that the program ships, never input. `title` is
/// escaped, and so is everything in `body` that is not [`PreEscaped`].
pub(crate) fn page(title: &str, style: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // The style sheets have a dark palette; this gives scroll bars and form controls one, too.
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
        "\n"
    }
}
