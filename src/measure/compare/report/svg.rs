//! Charts as SVG, our own because no plotting library lets a chart follow the reader's choice of light or dark.
//!
//! A chart with one position is drawn as bars (`bar_chart`), others as lines (`line_chart`).

use super::bar_chart::bar_chart;
use super::chart::{Chart, groups};
use super::line_chart::line_chart;
use super::shape::{WIDTH, text};
use crate::measure::compare::metric::{Direction, Metric};
use crate::measure::compare::model::Comparison;
use maud::{Markup, PreEscaped, html};

/// Colours and strokes, for light and dark.
const STYLE: &str = include_str!("../../chart.css");

/// What a chart is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// A page, which brings the style sheet.
    Page,
    /// A file of its own.
    File,
}

/// One chart as a file: the CPU time per message, or another metric if that was not measured. `None` without values.
pub fn svg(comparison: &Comparison) -> Option<String> {
    let groups = groups(comparison);
    let charts = groups.iter().flat_map(|group| &group.charts);
    let chart = charts.max_by_key(|chart| {
        let is_preferred = chart.metric == Metric::CpuPerMessage;
        (is_preferred, chart.positions.len())
    })?;
    Some(draw(chart, "chart", Document::File).into_string() + "\n")
}

/// Draws a chart. `id` is unique in the document.
pub(super) fn draw(chart: &Chart, id: &str, document: Document) -> Markup {
    let (height, content) = match chart.positions.as_slice() {
        [_] => bar_chart(chart),
        _ => line_chart(chart),
    };
    let is_file = document == Document::File;
    let metric = chart.metric.description(&chart.scenario);
    let direction = match chart.metric.direction() {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
    };
    html! {
        svg.chart
            xmlns=[is_file.then_some("http://www.w3.org/2000/svg")]
            viewBox={ "0 0 " (WIDTH) " " (height) }
            role="img"
            aria-labelledby={ (id) "-title " (id) "-desc" }
        {
            title id={ (id) "-title" } { (metric) ": " (chart.subject) }
            desc id={ (id) "-desc" } { (describe(chart)) }
            @if is_file {
                style { (PreEscaped(STYLE)) }
                rect.ground width="100%" height="100%" {}
            }
            (text("title", 8.0, 18.0, metric))
            (text("note", 8.0, 34.0, &format!("{} · {direction}", chart.subject)))
            (content)
        }
    }
}

/// The chart in words, for screen readers.
fn describe(chart: &Chart) -> String {
    let series = chart.series.iter().map(|series| {
        let points = series.points.iter().map(|point| chart.describe(point));
        let points: Vec<String> = points.collect();
        format!("{}: {}.", series.name, points.join("; "))
    });
    series.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn one_position_is_drawn_as_bars() {
        let mut comparison = example::comparison();
        comparison.scenarios.truncate(1);
        let chart = &groups(&comparison)[0].charts[0];
        let drawing = draw(chart, "c", Document::Page).into_string();
        assert_eq!(drawing.matches("class=\"bar\"").count(), 4);
        assert!(drawing.contains("echo, 64 B, 1 connection"), "{drawing}");
    }

    #[test]
    fn a_file_stands_alone() {
        let drawing = svg(&example::comparison()).unwrap();
        assert!(
            drawing.starts_with("<svg") && drawing.contains("xmlns="),
            "{drawing}"
        );
        assert!(drawing.contains("prefers-color-scheme"));
        assert!(drawing.contains("&lt;other&gt;"), "names are escaped");
    }
}
