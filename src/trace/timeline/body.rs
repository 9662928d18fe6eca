//! The elements of the page. The scripts fill in what depends on the trace.

use maud::{Markup, PreEscaped, html};

/// In order of dependency.
const SCRIPTS: [&str; 4] = [
    include_str!("model.js"),
    include_str!("draw.js"),
    include_str!("tables.js"),
    include_str!("page.js"),
];

/// The body of the page. `data` is JSON that is safe inside a script element.
pub(super) fn body(data: &str) -> Markup {
    html! {
        header {
            h1 { "mio-echo timeline" }
            p #about {}
        }
        (controls())
        div #chart {
            canvas tabindex="0" role="img" aria-describedby="about help" {}
            div #height {}
        }
        div #tip aria-hidden="true" hidden {}
        ul #legend aria-label="Legend" {}
        (panels())
        details #all {
            summary { "The whole trace as text" }
            p { button #earlier { "earlier" } " " span #page {} " " button #later { "later" } }
            div.scroll tabindex="0" {
                table #records aria-label="Records" { (event_columns()) tbody {} }
            }
        }
        noscript {
            "This page draws the trace with JavaScript. The trace itself is in the page's source, as JSON."
        }
        script type="application/json" id="trace" { (PreEscaped(data)) }
        @for script in SCRIPTS {
            script { (PreEscaped(script)) }
        }
    }
}

fn controls() -> Markup {
    html! {
        nav aria-label="Timeline" {
            span.buttons {
                button #first title="First step (Home)" aria-label="First step" { "|◀" }
                button #back title="Step back (←)" aria-label="Step back" { "◀" }
                output #position aria-live="polite" {}
                button #forward title="Step forward (→)" aria-label="Step forward" { "▶" }
                button #last title="Last step (End)" aria-label="Last step" { "▶|" }
            }
            span.buttons {
                button #out title="Zoom out (−)" aria-label="Zoom out" { "−" }
                button #in title="Zoom in (+)" aria-label="Zoom in" { "+" }
                button #fit title="Zoom to the step (F)" { "step" }
                button #whole title="Show the whole trace (0)" { "whole" }
            }
            label title="Shorten the times in which nothing happens (G)" {
                input type="checkbox" id="fold" checked;
                " fold gaps"
            }
        }
    }
}

fn panels() -> Markup {
    html! {
        div #panels {
            section aria-labelledby="detail-title" {
                h2 #detail-title { "Explanation" }
                div #detail aria-live="polite" {
                    p { "Point at the timeline, or press N for the next event." }
                }
                (key_help())
            }
            section aria-labelledby="events-title" {
                h2 #events-title { "Events of this step" }
                div.scroll tabindex="0" {
                    table #events aria-labelledby="events-title" { (event_columns()) tbody {} }
                }
            }
            section aria-labelledby="states-title" {
                h2 #states-title { "Connections after this step" }
                div.scroll tabindex="0" {
                    table #states aria-labelledby="states-title" { thead {} tbody {} }
                }
            }
        }
    }
}

fn key_help() -> Markup {
    let keys: [(&[&str], &str); 9] = [
        (&["←", "→"], "step"),
        (&["P", "N"], "previous, next event"),
        (&["+", "−"], "or mouse wheel: zoom"),
        (&["A", "D"], "or drag: pan"),
        (&["W", "S"], "scroll the lanes"),
        (&["F"], "zoom to the step"),
        (&["0"], "whole trace"),
        (&["G"], "fold gaps"),
        (&["Home", "End"], "first, last step"),
    ];
    html! {
        p #help {
            @for (keys, action) in keys {
                span { @for key in keys { kbd { (key) } " " } (action) }
                " "
            }
        }
    }
}

fn event_columns() -> Markup {
    html! {
        thead {
            tr { th scope="col" { "time" } th scope="col" { "lane" } th scope="col" { "event" } }
        }
    }
}
