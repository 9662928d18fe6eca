//! A finished experiment as one self-contained HTML page: the code of both variants side by side, both traces on one
//! axis, the observations, the explanation, and the whole timelines, each a page of its own in a frame.

use super::code::{CodeRow, rows};
use super::parting;
use super::text::heading;
use crate::learn::lab::experiment::{ExperimentRun, SideBySide};
use crate::learn::lab::variant::Variant;
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
        p.mistake {
            @match experiment.comparison {
                SideBySide::Mistake => { "The mistake: " (experiment.mistake) "." }
                SideBySide::Ways(..) => { "Two ways: " (experiment.label(Variant::Wrong)) ", and " (experiment.label(Variant::Right)) "." }
            }
        }
        (code(run))
        @if let Some(figure) = parting::figure(run) {
            h2 { "Where they part" }
            (figure)
        }
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

fn code(run: &ExperimentRun) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.code {
                thead { tr {
                    th scope="col" { (heading(run, Variant::Wrong)) }
                    th scope="col" { (heading(run, Variant::Right)) }
                } }
                tbody {
                    @for row in rows(&run.experiment) {
                        @match row {
                            CodeRow::Common(line) => tr.common { td { (line) } td { (line) } }
                            CodeRow::Differing(wrong, right) => tr {
                                td.failed { (wrong.unwrap_or_default()) }
                                td.correct { (right.unwrap_or_default()) }
                            }
                            CodeRow::Omitted => tr.common { td { "…" } td { "…" } }
                        }
                    }
                }
            }
        }
    }
}

fn observations(run: &ExperimentRun) -> Markup {
    html! {
        table {
            caption { "Observed" }
            thead { tr {
                th scope="col" {}
                th scope="col" { (run.experiment.label(Variant::Wrong)) }
                th scope="col" { (run.experiment.label(Variant::Right)) }
            } }
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
    let is_mistake = variant == Variant::Wrong && run.experiment.comparison == SideBySide::Mistake;
    let is_correct = !is_mistake && run.variant_is_as_predicted(variant);
    let class = if is_correct { "correct" } else { "failed" };
    let heading = heading(run, variant);
    let mut frame = Vec::new();
    timeline::write(&run.of(variant).trace, &mut frame)?;
    Ok(html! {
        section {
            h2 { (heading) }
            p class=(class) { (run.conclusion(variant)) }
            iframe title={ "Timeline: " (heading) } srcdoc=(String::from_utf8_lossy(&frame)) {}
        }
    })
}
