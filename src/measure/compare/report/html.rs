//! A page that is one file: no network, no script, no font.

use super::chart::{ChartGroup, groups};
use super::forest_plot;
use super::svg::{Document, draw};
use crate::measure::compare::diagnosis::warnings;
use crate::measure::compare::headline::sentences;
use crate::measure::compare::model::{Comparison, Role};
use crate::measure::compare::statistics::MIN_VALUES_FOR_INTERVAL;
use crate::measure::compare::summary::{Cell, Row, Table};
use crate::measure::compare::wording;
use crate::text::page::page;
use crate::text::units;
use maud::{Markup, html};

const STYLE: &str = concat!(
    include_str!("../../page.css"),
    include_str!("../../chart.css")
);

/// The comparison as a page.
pub fn html(comparison: &Comparison) -> String {
    let title = title(comparison);
    let body = html! {
        main {
            h1 { (title) }
            @for sentence in sentences(comparison) { p { (sentence) } }
            (forest(comparison))
            (introduction(comparison))
            (warning_box(comparison))
            @for (number, group) in groups(comparison).iter().enumerate() {
                (section(number, group, comparison.margin))
            }
            (before(comparison))
            (method(comparison))
        }
    };
    page(&title, STYLE, &body).into_string()
}

/// What the sentences say, as a picture: the ratios of the primary metrics.
fn forest(comparison: &Comparison) -> Markup {
    let plots = forest_plot::plots(comparison);
    html! {
        @if !plots.is_empty() {
            div.charts { @for plot in plots { figure { (plot) } } }
        }
    }
}

fn title(comparison: &Comparison) -> String {
    let contenders = comparison.contenders.iter();
    let names: Vec<&str> = contenders
        .filter(|contender| contender.role != Role::Again)
        .map(|contender| contender.name.as_str())
        .collect();
    match names.as_slice() {
        [first, second] => format!("Echo servers compared: {first} and {second}"),
        _ => format!("{} echo servers compared", names.len()),
    }
}

fn introduction(comparison: &Comparison) -> Markup {
    let machine = &comparison.machine;
    let rounds = usize::try_from(comparison.rounds).unwrap_or(usize::MAX);
    html! {
        p.soft {
            (comparison.started) " · " (machine.processor) ", "
            (units::counted(machine.cores, "core", "cores")) " · " (machine.kernel)
        }
        p {
            "Verified: " (wording::verified(comparison.verify)) ". "
            @if rounds < MIN_VALUES_FOR_INTERVAL {
                "Whiskers run from the lowest to the highest value"
            } @else {
                "Whiskers are 95\u{a0}% intervals of the median, each by itself"
            }
            "; ratios are to " (wording::baseline(comparison)) ", paired by round. " (wording::reading(comparison))
        }
    }
}

fn warning_box(comparison: &Comparison) -> Markup {
    let warnings = warnings(comparison);
    html! {
        @if !warnings.is_empty() {
            aside.warnings aria-label="Warnings" {
                p { "Read with care" }
                ul { @for warning in warnings { li { (warning.to_string()) } } }
            }
        }
    }
}

fn section(number: usize, group: &ChartGroup<'_>, margin: f64) -> Markup {
    html! {
        section {
            h2 { (group.title) }
            div.charts {
                @for (at, chart) in group.charts.iter().enumerate() {
                    figure { (draw(chart, &format!("chart-{number}-{at}"), Document::Page)) }
                }
            }
            @for table in &group.tables { (self::table(table, margin)) }
        }
    }
}

fn table(table: &Table<'_>, margin: f64) -> Markup {
    let (name, scenario) = (table.scenario.to_string(), &table.scenario);
    html! {
        h3 { (name) }
        div.scroll role="region" aria-label=(name) tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "contender" }
                        @for metric in table.wide_columns() {
                            th scope="col" title=(metric.description(scenario)) { (wording::head(metric, scenario)) }
                        }
                    }
                }
                tbody { @for row in &table.rows { (self::row(table, row, margin)) } }
            }
        }
    }
}

fn row(table: &Table<'_>, row: &Row<'_>, margin: f64) -> Markup {
    html! {
        tr {
            th scope="row" { (row.contender.name) }
            @if let Some(failure) = wording::failure(row) {
                td.failed colspan=(table.wide_columns().count().max(1)) {
                    (failure)
                    @for line in wording::stderr(row) { br; code { (line) } }
                }
            } @else {
                @for metric in table.wide_columns() { td { (cell(row.cell(metric), margin)) } }
            }
        }
    }
}

fn cell(cell: Option<&Cell>, margin: f64) -> Markup {
    let Some(cell) = cell else {
        return html! { "–" };
    };
    html! {
        (cell.metric.format(cell.figure))
        @if let Some(spread) = wording::spread(cell) { small { (spread) } }
        @if let Some(ratio) = &cell.ratio {
            // Two lines keep the column narrow.
            small { (wording::conclusion(cell.metric, ratio, margin)) }
            @if let Some(interval) = ratio.interval { small { "(" (wording::interval(interval)) ")" } }
        }
    }
}

/// What has changed since an earlier comparison.
fn before(comparison: &Comparison) -> Markup {
    html! {
        @if let Some(before) = &comparison.before {
            section {
                h2 { (before.heading()) }
                ul { @for line in before.lines(comparison.margin) { li { (line) } } }
            }
        }
    }
}

fn method(comparison: &Comparison) -> Markup {
    html! {
        section {
            h2 { "How it was measured" }
            dl {
                @for (label, text) in wording::setup(comparison) { dt { (label) } dd { (text) } }
            }
            h3 { "Contenders" }
            dl {
                @for contender in &comparison.contenders {
                    dt { (contender.name) }
                    dd { code { (contender.origin) } }
                }
            }
            h3 { "How to read it" }
            (reading())
        }
    }
}

fn reading() -> Markup {
    html! {
        p {
            "In each round every contender is started afresh, measured, and stopped; the order is shuffled anew. \
            A ratio compares two contenders of the same round, so a machine that is slow for a while is slow for both."
        }
        p {
            "Each cell has the median of all rounds, below it the lowest and the highest value, and below that what the \
            ratio shows, with its interval. Percentiles are those of the messages of all rounds together. Nothing is \
            assumed about the distribution of the noise. p99.9 and max have no ratio: they rest on a few messages."
        }
        p {
            "The generator costs about as much as a server. Where it was the limit, the throughput shows more of it \
            than of the server. The server’s CPU time per message depends on the load too: a server that gets more \
            messages at a time needs less for each. So latency and CPU time are compared at the same rate."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn every_scenario_and_every_contender_has_its_row() {
        let comparison = example::comparison();
        let page = html(&comparison);
        assert_eq!(page.matches("<tr><th scope=\"row\">").count(), 6 * 4);
        assert_eq!(page.matches("<svg class=\"chart\"").count(), 5);
        assert_eq!(page.matches("<svg class=\"chart forest\"").count(), 6);
        assert!(page.contains("failed in round 2: corrupted connection 3, byte 4096"));
    }

    #[test]
    fn it_fetches_nothing_and_lets_no_name_become_markup() {
        let page = html(&example::comparison());
        for foreign in [
            "http:", "https:", "src=", "<script", "<link", "@import", "url(", "<other>",
        ] {
            assert!(!page.contains(foreign), "the page contains {foreign}");
        }
    }
}
