//! A chart of several positions: a line for each contender, with markers at its medians and whiskers for the
//! intervals.

use super::chart::{Chart, Point, Series};
use super::scale::{Scale, as_f64};
use super::shape::{RIGHT, TOP, WIDTH, coloured, marker, path, shortened, text, with_tooltip};
use crate::measure::compare::model::Role;
use maud::{Markup, html};

const HEIGHT: f64 = 300.0;

/// Room left of the grid, for the labels of its lines.
const LEFT: f64 = 58.0;

/// The pixel of the x axis; below it are its labels and its title.
const AXIS: f64 = HEIGHT - 42.0;

/// The distance between the points of two contenders at one position, so that whiskers do not overlap.
const POINT_DISTANCE: f64 = 4.0;

/// The most that the points of all contenders at one position are spread out.
const MAX_SPREAD: f64 = 20.0;

/// The least distance between two lines of text.
const LINE_HEIGHT: f64 = 13.0;

/// Letters of a name that fit beside a chart.
const MAX_NAME: usize = 14;

/// The height of the chart, and its content.
pub(super) fn line_chart(chart: &Chart) -> (f64, Markup) {
    let y = Scale::of_values(chart, AXIS, TOP);
    let x = Scale::of_positions(chart, LEFT + 10.0, WIDTH - RIGHT - 10.0);
    let gaps = as_f64(chart.series.len().saturating_sub(1)).max(1.0);
    let distance = POINT_DISTANCE.min(MAX_SPREAD / gaps);
    let content = html! {
        (grid(chart, &x, &y))
        // The baseline last, so that it lies on top.
        @for (number, series) in chart.series.iter().enumerate().rev() {
            (line(chart, series, &x, &y, (as_f64(number) - gaps / 2.0) * distance))
        }
        (names(chart, &y))
    };
    (HEIGHT, content)
}

fn grid(chart: &Chart, x: &Scale, y: &Scale) -> Markup {
    let (left, right) = (LEFT, WIDTH - RIGHT);
    html! {
        @for tick in y.ticks(chart.metric) {
            @let at = y.pixel(tick);
            (path("grid", &format!("M{left:.1} {at:.1}H{right:.1}")))
            (text("tick end", left - 6.0, at + 4.0, &chart.metric.format_tick(tick)))
        }
        @for position in &chart.positions {
            (path("grid", &format!("M{:.1} {AXIS:.1}v4", x.pixel(as_f64(*position)))))
        }
        (position_labels(chart, x))
        (text("note middle", f64::midpoint(left, right), HEIGHT - 8.0, chart.axis.title(chart.scenario.pattern)))
    }
}

/// The labels of the positions, without those that would overlap.
fn position_labels(chart: &Chart, x: &Scale) -> Markup {
    let mut labels = Vec::new();
    let mut free_from = 0.0;
    for position in &chart.positions {
        let at = x.pixel(as_f64(*position));
        if at >= free_from {
            let label = chart.axis.format(*position);
            free_from = at + 7.0 * as_f64(label.len()) + 6.0;
            labels.push(text("tick middle", at, AXIS + 16.0, &label));
        }
    }
    html! { @for label in labels { (label) } }
}

/// The line of a contender, its points `offset` beside their positions. It is broken where the contender failed.
fn line(chart: &Chart, series: &Series, x: &Scale, y: &Scale, offset: f64) -> Markup {
    let mut segments = Vec::new();
    let mut pen = 'M';
    let mut points = Vec::new();
    for position in &chart.positions {
        let point = series.points.iter().find(|it| it.position == *position);
        let Some(point) = point else {
            pen = 'M';
            continue;
        };
        let (left, top) = (x.pixel(as_f64(*position)) + offset, y.pixel(point.median));
        segments.push(format!("{pen}{left:.1} {top:.1}"));
        pen = 'L';
        let content = html! { (whisker(point, left, y)) (marker(series, left, top)) };
        points.push(with_tooltip(series, &chart.describe(point), &content));
    }
    let class = match series.role {
        Role::Again => "line again",
        Role::Baseline | Role::Other => "line",
    };
    html! {
        (coloured(series, &path(class, &segments.concat())))
        @for point in points { (point) }
    }
}

fn whisker(point: &Point, x: f64, y: &Scale) -> Markup {
    let (low, high, left) = (y.pixel(point.low), y.pixel(point.high), x - 3.0);
    let d = format!("M{x:.1} {low:.1}V{high:.1}M{left:.1} {low:.1}h6M{left:.1} {high:.1}h6");
    path("whisker", &d)
}

/// The contenders' names at the ends of their lines, moved apart until they do not overlap.
fn names(chart: &Chart, y: &Scale) -> Markup {
    let mut ends: Vec<(f64, &Series)> = chart
        .series
        .iter()
        .filter_map(|series| Some((y.pixel(series.points.last()?.median), series)))
        .collect();
    ends.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut free_from = f64::NEG_INFINITY;
    for (at, _) in &mut ends {
        *at = at.max(free_from);
        free_from = *at + LINE_HEIGHT;
    }
    // Names below the axis move up, and those above them make room.
    let mut free_to = AXIS;
    for (at, _) in ends.iter_mut().rev() {
        *at = at.min(free_to);
        free_to = *at - LINE_HEIGHT;
    }
    let x = WIDTH - RIGHT + 10.0;
    html! {
        @for (at, series) in &ends {
            @let name = text("label", x + 9.0, at + 4.0, &shortened(&series.name, MAX_NAME));
            (coloured(series, &html! { (marker(series, x, *at)) (name) }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chart::groups;
    use super::*;
    use crate::measure::compare::example;

    fn drawn(chart: &Chart) -> String {
        line_chart(chart).1.into_string()
    }

    #[test]
    fn a_line_has_a_marker_for_each_point_and_one_at_its_name() {
        let drawing = drawn(&groups(&example::comparison())[0].charts[0]);
        assert_eq!(drawing.matches("class=\"line").count(), 4);
        assert_eq!(drawing.matches("class=\"mark").count(), 11 + 4);
        assert_eq!(drawing.matches("class=\"whisker").count(), 11);
    }

    #[test]
    fn the_line_of_a_contender_is_broken_where_it_failed() {
        let comparison = example::comparison();
        let chart = &groups(&comparison)[0].charts[0];
        let parts = |series: &Series| {
            let drawing = drawn(chart);
            let line = format!("<g class=\"s{}\"><path class=\"line\" d=\"", series.colour);
            let (_, rest) = drawing.split_once(&line).unwrap();
            let d = rest.split('"').next().unwrap();
            (d.matches('M').count(), d.matches('L').count())
        };
        assert_eq!(parts(&chart.series[0]), (1, 2));
        assert_eq!(
            parts(&chart.series[2]),
            (2, 0),
            "the second of three failed"
        );
    }

    #[test]
    fn names_beside_a_chart_do_not_overlap_and_stay_beside_it() {
        let comparison = example::comparison();
        let mut charts = groups(&comparison).remove(0).charts;
        let chart = &mut charts[0];
        let top = chart.series[0].points[1].high;
        for all_end_at in [0.0, top / 2.0, top] {
            for series in &mut chart.series {
                series.points.last_mut().unwrap().median = all_end_at;
            }
            let heights = heights_of_names(&drawn(chart));
            assert_eq!(heights.len(), 4);
            let apart = heights
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= LINE_HEIGHT - 0.2);
            assert!(apart, "{heights:?}");
            let beside = heights.iter().all(|y| (TOP..AXIS + 6.0).contains(y));
            assert!(beside, "{heights:?}");
        }
    }

    fn heights_of_names(drawing: &str) -> Vec<f64> {
        let labels = drawing.split("<text class=\"label\"").skip(1);
        labels
            .map(|label| {
                let y = label.split("y=\"").nth(1).unwrap();
                y.split('"').next().unwrap().parse().unwrap()
            })
            .collect()
    }

    #[test]
    fn a_long_name_is_cut_and_the_second_baseline_still_named_so() {
        assert_eq!(shortened("python-threads", MAX_NAME), "python-threads");
        assert_eq!(shortened("a-very-long-name", MAX_NAME), "a-very-long-n…");
        assert_eq!(shortened("event-loop (again)", MAX_NAME), "event-l… again");
    }
}
