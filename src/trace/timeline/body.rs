//! The elements of the page. The scripts fill in what depends on the trace.

use maud::{Markup, PreEscaped, html};

/// In order of dependency.
const SCRIPTS: [&str; 11] = [
    include_str!("model.js"),
    include_str!("axis.js"),
    include_str!("draw.js"),
    include_str!("marks.js"),
    include_str!("tables.js"),
    include_str!("legend.js"),
    include_str!("source.js"),
    include_str!("page.js"),
    include_str!("play.js"),
    include_str!("tour.js"),
    include_str!("predict.js"),
];

/// The body of the page. `data` is JSON that is safe inside a script element.
pub(super) fn body(data: &str) -> Markup {
    html! {
        header {
            h1 { "mio-echo timeline" }
            p #about {}
        }
        (controls())
        (tour())
        div #chart {
            canvas tabindex="0" role="img" aria-describedby="about help" {}
            div #height {}
        }
        div #tip aria-hidden="true" hidden {}
        ul #legend aria-label="Legend" {}
        (prediction())
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
        script { "begin();" }
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
                button #play title="Play the events one after another (space)" aria-pressed="false" { "play" }
                select #speed aria-label="Speed" {
                    @for speed in ["0.25", "0.5", "1", "2", "4", "8"] {
                        option value=(speed) selected[speed == "1"] { (speed) "×" }
                    }
                }
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
            span.buttons {
                button #tour-start title="The events of this trace that are worth a look" { "tour" }
                button #predict-start title="Predict what a connection does next, then reveal it" { "predict" }
            }
        }
    }
}

fn tour() -> Markup {
    html! {
        aside #tour aria-labelledby="tour-title" hidden {
            p.where { span #tour-place {} }
            h2 #tour-title {}
            p #tour-text aria-live="polite" {}
            p.buttons {
                button #tour-back { "back" }
                button #tour-on { "next" }
                button #tour-end { "close" }
            }
        }
    }
}

fn prediction() -> Markup {
    html! {
        aside #predict aria-labelledby="question" hidden {
            h2 #question {}
            p.buttons {
                @for action in ["read", "write", "park", "yield"] {
                    button data-guess=(action) { (action) }
                }
            }
            p #answer aria-live="polite" {}
            p.buttons {
                button #predict-next { "another" }
                button #predict-end { "close" }
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
            section #source-pane aria-labelledby="source-title" {
                h2 #source-title { "Source, as executed in this step" }
                div #source.scroll tabindex="0" {}
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
    let keys: [(&[&str], &str); 10] = [
        (&["←", "→"], "step"),
        (&["P", "N"], "previous, next event"),
        (&["Space"], "play, pause"),
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
