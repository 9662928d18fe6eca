//! Charts as SVG, drawn with style sheet classes instead of colours, so that one drawing follows the
//! reader's choice of light or dark: no plotting library does.
//!
//! Two kinds of chart: if one place was measured, bars; else a line for each contender, its markers of a
//! shape of its own, its intervals as whiskers. `scale` says where a value is, `element` how it is written.

use super::super::Metric;
use super::super::metric::Direction;
use super::super::model::{Comparison, Role};
use super::chart::{Chart, Point, Series, groups};
use super::element::{COLOURS, escaped, marker, path, text, with_tip};
use super::scale::{Scale, as_f64};
use std::fmt::Write;

/// Colours and strokes of charts, for light and dark.
pub(super) const STYLE: &str = include_str!("chart.css");

/// The drawing's own units, of which a telephone shows about one per pixel.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 108.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 42.0;
/// A bar with the name above it.
const BAR_ROW: f64 = 36.0;
/// What keeps the points of two contenders apart.
const ASIDE: f64 = 4.0;
/// What the points of all contenders at one place may take.
const MOST_ASIDE: f64 = 20.0;
/// The least distance of two lines of text.
const LINE: f64 = 13.0;

/// One chart as a file of its own: of the processor time per message, or of what there is.
pub fn picture(comparison: &Comparison) -> Option<String> {
    let groups = groups(comparison);
    let charts = groups.iter().flat_map(|group| &group.charts);
    let chart =
        charts.max_by_key(|chart| (chart.metric == Metric::CpuPerMessage, chart.places.len()))?;
    let drawing = svg(chart, "chart");
    let (head, rest) = drawing.split_once('>')?;
    Some(format!(
        "{head} xmlns=\"http://www.w3.org/2000/svg\"><style>{STYLE}</style>\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>{rest}\n"
    ))
}

/// A chart as an element for a page. `id` is unique in the page.
pub(super) fn svg(chart: &Chart, id: &str) -> String {
    let (height, body) = if chart.places.len() == 1 {
        bars(chart)
    } else {
        lines(chart)
    };
    let meaning = chart.metric.meaning(chart.pattern);
    let better = match chart.metric.direction() {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
    };
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{meaning}: {subject}</title><desc id=\"{id}-d\">{}</desc>\
         {}{}{body}</svg>",
        description(chart),
        text("title", 8.0, 18.0, meaning),
        text("note", 8.0, 34.0, &format!("{} · {better}", chart.subject)),
        subject = escaped(&chart.subject),
    )
}

/// The chart in words, for whoever cannot see it.
fn description(chart: &Chart) -> String {
    let series = chart.series.iter().map(|series| {
        let points = series
            .points
            .iter()
            .map(|point| point_in_words(chart, point));
        let points: Vec<String> = points.collect();
        format!("{}: {}.", series.name, points.join("; "))
    });
    escaped(&series.collect::<Vec<_>>().join(" "))
}

fn point_in_words(chart: &Chart, point: &Point) -> String {
    let median = chart.metric.write(point.median);
    let range = chart.metric.write_range(point.low, point.high);
    let place = chart.axis.write(point.place);
    format!("{median} ({range}) at {place} {}", chart.axis.title())
}

// A bar for each contender

fn bars(chart: &Chart) -> (f64, String) {
    let scale = Scale::new(chart, LEFT - 46.0, WIDTH - RIGHT + 20.0);
    let mut body = String::new();
    let mut top = TOP;
    for series in &chart.series {
        body.push_str(&text("label", 8.0, top + 8.0, &series.name));
        if let Some(point) = series.points.first() {
            body.push_str(&bar(chart, series, point, &scale, top + 14.0));
        } else {
            body.push_str(&text("note", 8.0, top + 24.0, "no value: see the table"));
        }
        top += BAR_ROW;
    }
    (top + 6.0, body)
}

fn bar(chart: &Chart, series: &Series, point: &Point, scale: &Scale, top: f64) -> String {
    let (end, middle, cap) = (scale.at(point.median), top + 6.0, top + 3.0);
    let (low, high) = (scale.at(point.low), scale.at(point.high));
    let start = scale.pixels.0;
    let body = format!(
        "<rect class=\"bar\" x=\"{start:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"12\" rx=\"2\"/>{}{}",
        (end - start).max(1.0),
        path(
            "over",
            &format!("M{low:.1} {middle:.1}H{high:.1}M{low:.1} {cap:.1}v6M{high:.1} {cap:.1}v6")
        ),
        text(
            "label",
            high.max(end) + 6.0,
            top + 10.0,
            &chart.metric.write(point.median)
        ),
    );
    with_tip(series, &point_in_words(chart, point), &body)
}

// A line for each contender

fn lines(chart: &Chart) -> (f64, String) {
    let down = Scale::new(chart, HEIGHT - BOTTOM, TOP);
    let along = Scale::along(chart, LEFT + 10.0, WIDTH - RIGHT - 10.0);
    let mut body = grid(chart, &along, &down);
    // Side by side, so that no whisker covers another; the base last, so that it lies on top.
    let gaps = as_f64(chart.series.len().saturating_sub(1)).max(1.0);
    let step = ASIDE.min(MOST_ASIDE / gaps);
    let middle = gaps / 2.0;
    for (number, series) in chart.series.iter().enumerate().rev() {
        let aside = (as_f64(number) - middle) * step;
        body.push_str(&line(chart, series, &along, &down, aside));
    }
    body.push_str(&labels(chart, &down));
    (HEIGHT, body)
}

fn grid(chart: &Chart, along: &Scale, down: &Scale) -> String {
    let mut body = String::new();
    let (left, right) = (LEFT, WIDTH - RIGHT);
    for tick in down.ticks(chart.metric) {
        let at = down.at(tick);
        body.push_str(&path("grid", &format!("M{left:.1} {at:.1}H{right:.1}")));
        body.push_str(&text(
            "tick end",
            left - 6.0,
            at + 4.0,
            &chart.metric.write_tick(tick),
        ));
    }
    let mut free_from = 0.0;
    for place in &chart.places {
        let at = along.at(as_f64(*place));
        if at >= free_from {
            let name = chart.axis.write(*place);
            free_from = at + 7.0 * as_f64(name.len()) + 6.0;
            body.push_str(&text("tick middle", at, HEIGHT - BOTTOM + 16.0, &name));
        }
        body.push_str(&path("grid", &format!("M{at:.1} {:.1}v4", HEIGHT - BOTTOM)));
    }
    let middle = f64::midpoint(left, right);
    body.push_str(&text(
        "note middle",
        middle,
        HEIGHT - 8.0,
        chart.axis.title(),
    ));
    body
}

fn line(chart: &Chart, series: &Series, along: &Scale, down: &Scale, aside: f64) -> String {
    let mut marks = String::new();
    let mut course = String::new();
    let mut pen = 'M';
    for place in &chart.places {
        let Some(point) = series.points.iter().find(|point| point.place == *place) else {
            // Where a contender failed, its line is broken.
            pen = 'M';
            continue;
        };
        let (x, y) = (along.at(as_f64(*place)) + aside, down.at(point.median));
        // Writing to a string cannot fail.
        let _ = write!(course, "{pen}{x:.1} {y:.1}");
        pen = 'L';
        let body = [whisker(point, x, down), marker(series, x, y)].concat();
        marks.push_str(&with_tip(series, &point_in_words(chart, point), &body));
    }
    let class = match series.role {
        Role::Again => "line again",
        Role::Base | Role::Other => "line",
    };
    let course = path(class, &course);
    format!(
        "<g class=\"s{}\">{course}</g>{marks}",
        series.colour % COLOURS
    )
}

fn whisker(point: &Point, x: f64, down: &Scale) -> String {
    let (low, high, left) = (down.at(point.low), down.at(point.high), x - 3.0);
    let course = format!("M{x:.1} {low:.1}V{high:.1}M{left:.1} {low:.1}h6M{left:.1} {high:.1}h6");
    path("whisker", &course)
}

/// The contenders' names where their lines end, moved apart until none covers another.
fn labels(chart: &Chart, down: &Scale) -> String {
    let mut ends: Vec<(f64, &Series)> = chart
        .series
        .iter()
        .filter_map(|series| Some((down.at(series.points.last()?.median), series)))
        .collect();
    ends.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let lowest = HEIGHT - BOTTOM;
    let mut free_from = f64::NEG_INFINITY;
    for (at, _) in &mut ends {
        *at = at.max(free_from);
        free_from = *at + LINE;
    }
    // Whoever was pushed below the axis pushes the others back up.
    let mut free_to = lowest;
    for (at, _) in ends.iter_mut().rev() {
        *at = at.min(free_to);
        free_to = *at - LINE;
    }
    let x = WIDTH - RIGHT + 10.0;
    let label = |(at, series): &(f64, &Series)| {
        let mark = marker(series, x, *at);
        let name = text("label", x + 9.0, at + 4.0, &shortened(&series.name));
        format!("<g class=\"s{}\">{mark}{name}</g>", series.colour % COLOURS)
    };
    ends.iter().map(label).collect()
}

/// As much of a name as fits beside a chart.
fn shortened(name: &str) -> String {
    const FITS: usize = 15;
    match name.strip_suffix(" (again)") {
        Some(base) if name.chars().count() > FITS => {
            let room = FITS - "… again".len();
            let short: String = base.chars().take(room).collect();
            format!("{short}… again")
        }
        _ if name.chars().count() > FITS => {
            let short: String = name.chars().take(FITS - 1).collect();
            format!("{short}…")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn a_line_has_a_marker_for_each_point_and_one_at_its_name() {
        let comparison = example::comparison();
        let chart = &groups(&comparison)[0].charts[0];
        let drawing = svg(chart, "c");
        assert_eq!(drawing.matches("class=\"line").count(), 4);
        assert_eq!(drawing.matches("class=\"mark").count(), 11 + 4);
        assert_eq!(drawing.matches("class=\"whisker").count(), 11);
    }

    #[test]
    fn the_line_of_a_contender_is_broken_where_it_failed() {
        let comparison = example::comparison();
        let chart = &groups(&comparison)[0].charts[0];
        let courses = |series: &Series| {
            let drawing = svg(chart, "c");
            let line = format!("<g class=\"s{}\"><path class=\"line\" d=\"", series.colour);
            let (_, behind) = drawing.split_once(&line).unwrap();
            let course = behind.split('"').next().unwrap();
            (course.matches('M').count(), course.matches('L').count())
        };
        assert_eq!(courses(&chart.series[0]), (1, 2));
        assert_eq!(
            courses(&chart.series[2]),
            (2, 0),
            "the second of three failed"
        );
    }

    #[test]
    fn one_place_is_drawn_as_bars() {
        let mut comparison = example::comparison();
        comparison.scenarios.truncate(1);
        let chart = &groups(&comparison)[0].charts[0];
        let drawing = svg(chart, "c");
        assert_eq!(drawing.matches("class=\"bar\"").count(), 4);
        assert!(drawing.contains("echo, 64 B, 1 connection"), "{drawing}");
    }

    #[test]
    fn names_beside_a_chart_do_not_cover_each_other_and_stay_beside_it() {
        let comparison = example::comparison();
        let mut charts = groups(&comparison).remove(0).charts;
        let chart = &mut charts[0];
        let top = chart.series[0].points[1].high;
        for all_end_at in [0.0, top / 2.0, top] {
            for series in &mut chart.series {
                series.points.last_mut().unwrap().median = all_end_at;
            }
            let heights = heights_of_names(&svg(chart, "c"));
            assert_eq!(heights.len(), 4);
            let apart = heights
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= LINE - 0.2);
            assert!(apart, "{heights:?}");
            let beside = heights
                .iter()
                .all(|y| (TOP..HEIGHT - BOTTOM + 6.0).contains(y));
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
    fn a_picture_stands_alone() {
        let drawing = picture(&example::comparison()).unwrap();
        assert!(
            drawing.starts_with("<svg") && drawing.contains("xmlns="),
            "{drawing}"
        );
        assert!(drawing.contains("prefers-color-scheme"));
        assert!(drawing.contains("&lt;other&gt;"), "names are escaped");
    }
}
