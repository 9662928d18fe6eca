//! A chart of one position: a bar for each contender, with its name above it.

use super::chart::{Chart, Point, Series};
use super::scale::Scale;
use super::shape::{RIGHT, TOP, WIDTH, path, pixel, text, with_tooltip};
use maud::{Markup, html};

/// Height of a bar with its name.
const ROW: f64 = 36.0;

/// Room left of the bars.
const LEFT: f64 = 12.0;

/// The height of the chart, and its content.
pub(super) fn bar_chart(chart: &Chart) -> (f64, Markup) {
    let scale = Scale::of_values(chart, LEFT, WIDTH - RIGHT + 20.0);
    let mut top = TOP;
    let mut rows = Vec::new();
    for series in &chart.series {
        rows.push(html! {
            (text("label", 8.0, top + 8.0, &series.name))
            @match series.points.first() {
                Some(point) => (bar(chart, series, point, &scale, top + 14.0)),
                None => (text("note", 8.0, top + 24.0, "no value: see the table")),
            }
        });
        top += ROW;
    }
    (top + 6.0, html! { @for row in rows { (row) } })
}

fn bar(chart: &Chart, series: &Series, point: &Point, scale: &Scale, top: f64) -> Markup {
    let (start, end) = (LEFT, scale.pixel(point.median));
    let (low, high) = (scale.pixel(point.low), scale.pixel(point.high));
    let (middle, cap) = (top + 6.0, top + 3.0);
    let whisker =
        format!("M{low:.1} {middle:.1}H{high:.1}M{low:.1} {cap:.1}v6M{high:.1} {cap:.1}v6");
    let value = chart.metric.format(point.median);
    let content = html! {
        rect.bar x=(pixel(start)) y=(pixel(top)) width=(pixel((end - start).max(1.0))) height="12" rx="2" {}
        (path("over", &whisker))
        (text("label", high.max(end) + 6.0, top + 10.0, &value))
    };
    with_tooltip(series, &chart.describe(point), &content)
}
