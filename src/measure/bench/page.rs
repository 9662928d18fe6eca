//! A measurement as a page: the summary, and what each second of it was like. One file, without a script.

use super::interval::LoadInterval;
use super::report::BenchReport;
use crate::text::page::page;
use crate::text::units::{self, RATE, TIME};
use maud::{Markup, html};
use std::time::Duration;

const STYLE: &str = concat!(
    include_str!("../page.css"),
    include_str!("../chart.css"),
    "pre{overflow-x:auto;background:var(--sheet);border:1px solid var(--rule);border-radius:8px;padding:12px;font-size:.85rem}"
);

/// Width and height of a chart, in its own units.
const SIZE: (f64, f64) = (420.0, 210.0);

/// The drawing lies between these pixels: left of it are the labels of the values, right of it the names of the lines.
const X: (f64, f64) = (64.0, 360.0);

/// From the axis up.
const Y: (f64, f64) = (178.0, 50.0);

/// Where the names of the lines are, from the top.
const LEGEND: [u32; 3] = [60, 76, 92];

/// The outline of a mark around its middle.
const DOT: &str = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z";

/// More points than these have no marks of their own.
const MOST_MARKS: usize = 120;

/// A chart over the time of the measurement.
struct TimeChart {
    title: &'static str,
    note: &'static str,
    axis: ValueAxis,
    units: &'static [(f64, &'static str)],
    lines: Vec<TimeLine>,
}

/// How values become pixels.
#[derive(Clone, Copy)]
enum ValueAxis {
    /// From zero.
    Linear,
    /// Equal distances for equal ratios.
    Logarithmic,
}

/// A line: a value for each second, or none.
struct TimeLine {
    name: &'static str,
    values: Vec<Option<f64>>,
}

impl BenchReport {
    /// The measurement as a page, with a chart of each second if it has [`intervals`](Self::intervals).
    pub fn html(&self) -> String {
        let title = format!("{} on {}", self.plan.pattern, self.plan.target);
        let body = html! {
            main {
                h1 { (title) }
                p.soft {
                    (self.started) " · " (self.machine.processor) ", "
                    (units::counted(self.machine.cores, "core", "cores"))
                    " · " (self.machine.kernel) " · " (self.program)
                }
                pre { (self.to_string()) }
                @if !self.intervals.is_empty() {
                    h2 { "Second by second" }
                    div.charts {
                        @for (number, chart) in charts(self).iter().enumerate() {
                            figure { (draw(chart, number, &self.intervals)) }
                        }
                    }
                    details { summary { "The figures" } (table(&self.intervals)) }
                }
            }
        };
        page(&title, STYLE, &body).into_string()
    }
}

fn charts(report: &BenchReport) -> [TimeChart; 3] {
    let all = |value: &dyn Fn(&LoadInterval) -> Option<f64>| -> Vec<Option<f64>> {
        report.intervals.iter().map(value).collect()
    };
    let line = |name, values| TimeLine { name, values };
    let is_response = report.values.response_time.is_some();
    [
        TimeChart {
            title: "Messages per second",
            note: "echoed",
            axis: ValueAxis::Linear,
            units: RATE,
            lines: vec![line("rate", all(&|it| Some(it.messages_per_second())))],
        },
        TimeChart {
            title: "Latency",
            note: if is_response {
                "response time"
            } else {
                "service time"
            },
            axis: ValueAxis::Logarithmic,
            units: TIME,
            lines: vec![
                line("p50", all(&|it| it.p50_ns.map(seconds))),
                line("p99", all(&|it| it.p99_ns.map(seconds))),
                line("max", all(&|it| it.max_ns.map(seconds))),
            ],
        },
        TimeChart {
            title: "Failed connections",
            note: "in each second",
            axis: ValueAxis::Linear,
            units: units::COUNT,
            #[expect(clippy::cast_precision_loss, reason = "a count")]
            lines: vec![line("failures", all(&|it| Some(it.failures as f64)))],
        },
    ]
}

fn draw(chart: &TimeChart, number: usize, intervals: &[LoadInterval]) -> Markup {
    let values = chart.lines.iter().flat_map(|line| &line.values).flatten();
    let lowest = values.clone().copied().fold(f64::INFINITY, f64::min);
    let highest = values.copied().fold(0.0, f64::max);
    let (low, high) = match chart.axis {
        ValueAxis::Linear => (0.0, highest.max(1.0)),
        ValueAxis::Logarithmic => (lowest.max(1e-9) * 0.8, highest.max(1e-9) * 1.25),
    };
    let y = |value: f64| {
        let share = match chart.axis {
            ValueAxis::Linear => value / high,
            ValueAxis::Logarithmic => (value / low).ln() / (high / low).ln(),
        };
        Y.0 + share.clamp(0.0, 1.0) * (Y.1 - Y.0)
    };
    let end = intervals
        .last()
        .map_or(1.0, |it| seconds(it.from_ns + it.length_ns));
    let x = |time: f64| X.0 + (time / end.max(1e-9)).clamp(0.0, 1.0) * (X.1 - X.0);
    let id = format!("time-{number}");
    html! {
        svg.chart viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-labelledby=(id) {
            title id=(id) { (chart.title) " over time; the figures are in the table" }
            text.title x="8" y="18" { (chart.title) }
            text.note x="8" y="34" { (chart.note) }
            @for tick in ticks(chart.axis, low, high) {
                path.grid d={ "M" (pixel(X.0)) " " (pixel(y(tick))) "H" (pixel(X.1)) } {}
                text.tick.end x=(pixel(X.0 - 6.0)) y=(pixel(y(tick) + 4.0)) { (label(tick, chart.units)) }
            }
            @for share in [0.0, 0.5, 1.0] {
                text.tick.middle x=(pixel(x(end * share))) y=(pixel(Y.0 + 16.0)) { (label(end * share, TIME)) }
            }
            @for ((colour, line), top) in chart.lines.iter().enumerate().zip(LEGEND) {
                g.{ "s" (colour) } {
                    (self::line(line, chart.units, intervals, &x, &y))
                    path.mark d={ "M" (pixel(X.1 + 10.0)) " " (top) (DOT) } {}
                    text.label x=(pixel(X.1 + 18.0)) y=(top + 4) { (line.name) }
                }
            }
        }
    }
}

/// The line, broken where a second has no value.
fn line(
    line: &TimeLine,
    units: &'static [(f64, &'static str)],
    intervals: &[LoadInterval],
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) -> Markup {
    let (mut path, mut pen, mut points) = (Vec::new(), 'M', Vec::new());
    for (interval, value) in intervals.iter().zip(&line.values) {
        let Some(value) = *value else {
            pen = 'M';
            continue;
        };
        let middle = interval.from_ns.saturating_add(interval.length_ns / 2);
        let (left, top) = (x(seconds(middle)), y(value));
        path.push(format!("{pen}{left:.1} {top:.1}"));
        pen = 'L';
        points.push((left, top, value));
    }
    let has_marks = points.len() <= MOST_MARKS;
    html! {
        path.line d=(path.concat()) {}
        @for (left, top, value) in points.iter().filter(|_| has_marks) {
            path.mark d={ "M" (pixel(*left)) " " (pixel(*top)) (DOT) } {
                title { (line.name) " " (units::value(*value, units)) }
            }
        }
    }
}

/// A label of an axis: a value, or `0` without a unit.
fn label(value: f64, units: &'static [(f64, &'static str)]) -> String {
    if value > 0.0 {
        units::value(value, units)
    } else {
        "0".to_owned()
    }
}

/// The values of the grid lines: thirds of a linear axis; 1, 2 and 5 times a power of ten on a logarithmic one, or only the
/// powers if those are many.
fn ticks(axis: ValueAxis, low: f64, high: f64) -> Vec<f64> {
    match axis {
        ValueAxis::Linear => vec![0.0, high / 2.0, high],
        ValueAxis::Logarithmic => {
            let within = |steps: &[f64]| -> Vec<f64> {
                let powers = (-9..=3).map(|power| 10_f64.powi(power));
                let all = powers.flat_map(|power| steps.iter().map(move |step| step * power));
                all.filter(|it| (low..=high).contains(it)).collect()
            };
            let all = within(&[1.0, 2.0, 5.0]);
            if all.len() > 5 { within(&[1.0]) } else { all }
        }
    }
}

fn table(intervals: &[LoadInterval]) -> Markup {
    let time = |nanoseconds: Option<u64>| match nanoseconds {
        Some(nanoseconds) => units::value(seconds(nanoseconds), TIME),
        None => "–".to_owned(),
    };
    html! {
        div.scroll role="region" aria-label="The figures of each second" tabindex="0" {
            table {
                thead {
                    tr { @for title in ["from", "messages/s", "p50", "p99", "max", "failures"] { th scope="col" { (title) } } }
                }
                tbody {
                    @for it in intervals {
                        tr {
                            th scope="row" { (units::value(seconds(it.from_ns), TIME)) }
                            td { (units::value(it.messages_per_second(), RATE)) }
                            td { (time(it.p50_ns)) }
                            td { (time(it.p99_ns)) }
                            td { (time(it.max_ns)) }
                            td { (it.failures) }
                        }
                    }
                }
            }
        }
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}

/// A coordinate as it is written. A tenth of a pixel is precise enough.
fn pixel(value: f64) -> String {
    format!("{value:.1}")
}
