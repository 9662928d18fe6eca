//! Charts as SVG, drawn with style sheet classes instead of colours, so that one drawing follows the
//! reader's choice of light or dark: no plotting library does.
//!
//! Read from the bottom up: elements, then [`Scale`], then the two kinds of chart. If one place was measured,
//! bars; else a line for each contender, its markers of a shape of its own, its intervals as whiskers.

use super::super::Metric;
use super::super::metric::Direction;
use super::super::model::{Comparison, Role};
use super::chart::{Chart, Point, Series, groups};
use crate::notation;
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
/// The least distance of two lines of text.
const LINE: f64 = 13.0;

/// Values that differ by more than this factor are drawn on a logarithmic axis.
const TOO_FAR_APART: f64 = 15.0;

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
    let along = Scale::along(chart);
    let mut body = grid(chart, &along, &down);
    // Side by side, so that no whisker covers another; the base last, so that it lies on top.
    let middle = as_f64(chart.series.len().saturating_sub(1)) / 2.0;
    for (number, series) in chart.series.iter().enumerate().rev() {
        let aside = (as_f64(number) - middle) * ASIDE;
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

// Where a value is

/// From values to places on the drawing.
struct Scale {
    from: f64,
    to: f64,
    course: Course,
    /// Where `from` and `to` are.
    pixels: (f64, f64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    /// From zero, equal steps for equal differences.
    Linear,
    /// Equal steps for equal ratios.
    Logarithmic,
}

impl Scale {
    /// For the values of `chart`.
    fn new(chart: &Chart, start: f64, end: f64) -> Self {
        let points = chart.series.iter().flat_map(|series| &series.points);
        let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
        for point in points {
            lowest = lowest.min(point.low);
            highest = highest.max(point.high);
        }
        let far_apart = lowest > 0.0 && highest / lowest > TOO_FAR_APART && lowest.is_finite();
        let (from, to, course) = if far_apart {
            (lowest * 0.8, highest * 1.2, Course::Logarithmic)
        } else {
            (0.0, (highest * 1.06).max(f64::MIN_POSITIVE), Course::Linear)
        };
        Self {
            from,
            to,
            course,
            pixels: (start, end),
        }
    }

    /// For the places of `chart`.
    fn along(chart: &Chart) -> Self {
        let first = as_f64(chart.places.first().copied().unwrap_or(1));
        let last = as_f64(chart.places.last().copied().unwrap_or(1));
        let far_apart = first > 0.0 && last / first >= 8.0;
        Self {
            from: first,
            to: last,
            course: if far_apart {
                Course::Logarithmic
            } else {
                Course::Linear
            },
            pixels: (LEFT + 10.0, WIDTH - RIGHT - 10.0),
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = match self.course {
            Course::Linear => (value - self.from) / (self.to - self.from),
            Course::Logarithmic => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        let (start, end) = self.pixels;
        start + share.clamp(0.0, 1.0) * (end - start)
    }

    /// Round values for the lines of the grid.
    fn ticks(&self, metric: Metric) -> Vec<f64> {
        match self.course {
            Course::Linear => self.equal_steps(metric),
            Course::Logarithmic => self.round_values(metric),
        }
    }

    fn equal_steps(&self, metric: Metric) -> Vec<f64> {
        let (unit, _) = notation::unit_for(self.to, metric.units());
        let rough = self.to / unit / 4.0;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        (0..=8)
            .map(|n| f64::from(n) * step * unit)
            .filter(|tick| *tick <= self.to)
            .collect()
    }

    fn round_values(&self, metric: Metric) -> Vec<f64> {
        let within = |steps: &[f64]| -> Vec<f64> {
            let units = metric.units().iter();
            let values = units.flat_map(|(unit, _)| steps.iter().map(move |step| step * unit));
            values
                .filter(|value| (self.from..=self.to).contains(value))
                .collect()
        };
        let decades = within(&[1.0, 10.0, 100.0]);
        if decades.len() >= 3 {
            return decades;
        }
        within(&[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0])
    }
}

// Elements

/// Colours in the style sheet; whoever comes later shares one, and has another shape.
const COLOURS: usize = 8;

/// A shape of its own for each contender, so that nobody needs the colours.
fn marker(series: &Series, x: f64, y: f64) -> String {
    let outline = match series.colour % 6 {
        0 => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        1 => "m-3.5 -3.5h7v7h-7z",
        2 => "m0 -4.8l4.4 8h-8.8z",
        3 => "m0 -5l5 5l-5 5l-5 -5z",
        4 => "m0 4.8l4.4 -8h-8.8z",
        _ => "m-1.5 -4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    };
    let class = if series.role == Role::Again {
        "mark again"
    } else {
        "mark"
    };
    path(class, &format!("M{x:.1} {y:.1}{outline}"))
}

/// `body` in the colour of `series`, with words for whoever points at it.
fn with_tip(series: &Series, words: &str, body: &str) -> String {
    let class = if series.role == Role::Again {
        " again"
    } else {
        ""
    };
    format!(
        "<g class=\"s{}{class}\"><title>{}: {}</title>{body}</g>",
        series.colour % COLOURS,
        escaped(&series.name),
        escaped(words)
    )
}

fn path(class: &str, course: &str) -> String {
    format!("<path class=\"{class}\" d=\"{course}\"/>")
}

fn text(class: &str, x: f64, y: f64, words: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escaped(words)
    )
}

/// Text as it may stand in SVG and HTML, also between quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// A place on the axis, of which no float rounds one that anybody measures.
fn as_f64(place: usize) -> f64 {
    u32::try_from(place).map_or(f64::from(u32::MAX), f64::from)
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
    fn one_place_is_drawn_as_bars() {
        let mut comparison = example::comparison();
        comparison.scenarios.truncate(1);
        let chart = &groups(&comparison)[0].charts[0];
        let drawing = svg(chart, "c");
        assert_eq!(drawing.matches("class=\"bar\"").count(), 4);
        assert!(drawing.contains("echo, 64 B, 1 connection"), "{drawing}");
    }

    #[test]
    fn values_far_apart_get_a_logarithmic_axis_with_round_ticks() {
        let comparison = example::comparison();
        let charts = &groups(&comparison)[0].charts;
        let memory = charts
            .iter()
            .find(|chart| chart.metric == Metric::Memory)
            .unwrap();
        let scale = Scale::new(memory, 100.0, 0.0);
        assert!(scale.course == Course::Logarithmic);
        let ticks = scale.ticks(Metric::Memory);
        assert!((3..10).contains(&ticks.len()), "{ticks:?}");
        let throughput = Scale::new(&charts[0], 100.0, 0.0);
        assert!(throughput.course == Course::Linear);
        assert!((throughput.at(0.0) - 100.0).abs() < 1e-9, "from zero");
    }

    #[test]
    fn names_beside_a_chart_do_not_cover_each_other() {
        let comparison = example::comparison();
        let chart = &groups(&comparison)[0].charts[0];
        let drawing = svg(chart, "c");
        let (_, behind) = drawing.rsplit_once("class=\"whisker").unwrap();
        let heights: Vec<f64> = behind
            .match_indices("<text class=\"label\"")
            .map(|(at, _)| {
                let y = behind[at..].split("y=\"").nth(1).unwrap();
                y.split('"').next().unwrap().parse().unwrap()
            })
            .collect();
        assert_eq!(heights.len(), 4);
        assert!(
            heights
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= LINE - 0.2),
            "{heights:?}"
        );
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
