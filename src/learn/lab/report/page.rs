//! A finished experiment as one self-contained HTML page: the explanation, the observations, and the timelines of
//! both variants side by side, each a page of its own in a frame.

use crate::learn::lab::experiment::{ExperimentRun, Variant};
use crate::text::page::page;
use crate::trace::timeline;
use maud::{Markup, html};
use std::io::{self, Write};

/// Writes the page of `run`.
///
/// # Errors
///
/// Those of `output`.
pub fn write_page(run: &ExperimentRun, output: &mut impl Write) -> io::Result<()> {
    let experiment = &run.experiment;
    let body = html! {
        h1 { (experiment.name) }
        p.mistake { "The mistake: " (experiment.mistake) "." }
        div.summary {
            div {
                h2 { "Why" }
                p { (experiment.why) }
                p.sources { (experiment.see_also()) }
            }
            (observations(run))
        }
        div.variants {
            (variant(run, Variant::Wrong)?)
            (variant(run, Variant::Right)?)
        }
    };
    let title = format!("mio-echo lab: {}", experiment.name);
    let page = page(&title, include_str!("page.css"), &body);
    output.write_all(page.into_string().as_bytes())
}

fn observations(run: &ExperimentRun) -> Markup {
    html! {
        table {
            caption { "Observed" }
            thead { tr { th scope="col" {} th scope="col" { "wrong" } th scope="col" { "right" } } }
            tbody {
                @for (wrong, right) in run.wrong.observations.iter().zip(&run.right.observations) {
                    tr { th scope="row" { (wrong.what) } td { (wrong.value) } td { (right.value) } }
                }
            }
        }
    }
}

fn variant(run: &ExperimentRun, variant: Variant) -> io::Result<Markup> {
    // The wrong server is red even if it failed as predicted: that is what the colour is about.
    let is_correct = variant == Variant::Right && run.variant_is_as_predicted(variant);
    let class = if is_correct { "correct" } else { "failed" };
    let mut frame = Vec::new();
    timeline::write(&run.of(variant).trace, &mut frame)?;
    Ok(html! {
        section {
            h2 { "The " (variant) " server" }
            p class=(class) { (run.conclusion(variant)) }
            iframe title={ "Timeline of the " (variant) " server" } srcdoc=(String::from_utf8_lossy(&frame)) {}
        }
    })
}
