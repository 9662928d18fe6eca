//! A measurement as text for a terminal.

use super::cost::{BufferGrowth, ServerCost};
use super::report::{BenchReport, Figures, PlanReport};
use super::values::{LatencySummary, Values};
use crate::measure::load::{DatagramCounts, Transport, Verify, WarmUpEnd};
use crate::measure::process::{Pinning, ProcessorEvent, cores};
use crate::text::units::{self, BANDWIDTH, BYTES, COUNT, RATE, TIME};
use std::fmt::{self, Write};
use std::time::Duration;

/// Width of the names before the figures.
const NAME: usize = 12;

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_load(f, &self.plan)?;
        write_warm_up(f, &self.values)?;
        write_measured(f, self)?;
        write_latency(f, &self.values)?;
        if let Some(server) = &self.values.server {
            write_server(f, &self.figures)?;
            write_memory(f, server, &self.plan)?;
        }
        write_counters(f, &self.values)?;
        write_generator(f, self)?;
        write_delays(f, &self.values)?;
        write_failures(f, self)?;
        write_warnings(f, self)
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(f, "{name:NAME$}{text}")
}

fn write_load(f: &mut fmt::Formatter<'_>, plan: &PlanReport) -> fmt::Result {
    let connections = units::count(plan.connections);
    let (clients, messages) = match plan.transport {
        Transport::Stream => ("connections", "messages"),
        Transport::Datagrams => ("sockets", "datagrams"),
    };
    let load = match (plan.pattern.as_str(), plan.rate) {
        ("churn", _) => format!("{connections} at a time: connect, echo, close"),
        ("idle", _) => format!("{connections} idle connections"),
        (_, Some(rate)) => format!(
            "{connections} {clients}, {} {messages} due per second{}",
            units::value(rate, RATE),
            plan.seed
                .map_or_else(String::new, |seed| format!(" (Poisson, seed {seed})"))
        ),
        (_, None) => format!("{connections} {clients}, {} in flight on each", plan.depth),
    };
    let (size, target) = (units::size(plan.size), &plan.target);
    line(
        f,
        "load",
        &format!("{load}, {messages} of {size}, to {target}"),
    )
}

fn write_measured(f: &mut fmt::Formatter<'_>, report: &BenchReport) -> fmt::Result {
    let values = &report.values;
    let elapsed = units::value(seconds(values.elapsed_ns), TIME);
    let verified = match report.plan.verify {
        _ if values.first_mismatch.is_some() => "a wrong byte came back",
        _ if values.connected == 0 => "no message came back",
        _ if values.bytes == 0 && report.plan.pattern != "idle" => "no message came back",
        Verify::EveryByte if report.plan.pattern == "idle" => "one message verified on each",
        Verify::EveryByte => "every byte verified",
        Verify::Nothing => "not verified",
    };
    let pinned = match &report.pinning {
        Pinning::Cores { server, generator } => {
            let (server, generator) = (cores::list(server), cores::list(generator));
            let siblings = report.pinning.siblings_used(&report.machine.smt_siblings);
            format!("; server on {server}, generator on {generator}{siblings}")
        }
        Pinning::Off | Pinning::Unavailable => String::new(),
    };
    line(f, "measured", &format!("{elapsed}, {verified}{pinned}"))?;
    let things = match report.plan.pattern.as_str() {
        "idle" => {
            let connected = usize::try_from(values.connected).unwrap_or(usize::MAX);
            return line(f, "connections", &units::count(connected));
        }
        "churn" => "connections",
        _ if values.datagrams.is_some() => "datagrams",
        _ => "messages",
    };
    let rate = units::value(report.figures.messages_per_second, RATE);
    let bandwidth = units::value(report.figures.bytes_per_second, BANDWIDTH);
    line(
        f,
        "rate",
        &format!("{rate} {things}/s, {bandwidth} each way"),
    )
}

/// A warm-up that had a fixed length is as it was asked for.
fn write_warm_up(f: &mut fmt::Formatter<'_>, values: &Values) -> fmt::Result {
    match &values.warm_up {
        Some(warm_up) if warm_up.end != WarmUpEnd::Fixed => {
            line(f, "warm-up", &warm_up.to_string())
        }
        _ => Ok(()),
    }
}

fn write_latency(f: &mut fmt::Formatter<'_>, values: &Values) -> fmt::Result {
    if values.service_time.count == 0 {
        return Ok(());
    }
    let names = values.service_time.percentiles_ns.keys();
    let names = names.map(String::as_str).chain(["max", "mean"]);
    line(f, "", &columns(names))?;
    let parts = [
        ("due → sent", values.wait_time.as_ref()),
        ("service", Some(&values.service_time)),
        ("response", values.response_time.as_ref()),
        ("own part", values.generator_lag.as_ref()),
    ];
    for (name, latency) in parts {
        if let Some(latency) = latency {
            line(f, name, &latency_columns(latency))?;
        }
    }
    Ok(())
}

fn latency_columns(latency: &LatencySummary) -> String {
    let percentiles = latency.percentiles_ns.values().copied();
    let times = percentiles.chain([latency.max_ns, latency.mean_ns]);
    let bound = latency.lower_bound_from_ns.unwrap_or(u64::MAX);
    columns(times.map(|time| match time {
        Some(time) if time >= bound => format!(">{}", units::value(seconds(time), TIME)),
        Some(time) => units::value(seconds(time), TIME),
        None => "-".to_owned(),
    }))
}

fn columns(cells: impl Iterator<Item = impl fmt::Display>) -> String {
    let cells: Vec<String> = cells.map(|cell| format!("{cell:>10}")).collect();
    cells.concat()
}

fn write_server(f: &mut fmt::Formatter<'_>, figures: &Figures) -> fmt::Result {
    let mut text = share_of_a_core(figures.server_cpu_share.unwrap_or(0.0));
    let time = |us: f64| units::value(us / 1e6, TIME);
    if let Some(all) = figures.server_cpu_us_per_message {
        write!(text, ", {} per message", time(all))?;
        let user = figures.server_user_us_per_message;
        match user.zip(figures.server_system_us_per_message) {
            Some((user, system)) => {
                write!(text, " (user {}, system {})", time(user), time(system))?;
            }
            None => text.push_str(" (user -, system -: less than 100 clock ticks)"),
        }
    }
    line(f, "server", &text)?;
    let (Some(voluntary), Some(involuntary)) = (
        figures.voluntary_switches_per_message,
        figures.involuntary_switches_per_message,
    ) else {
        return Ok(());
    };
    let [voluntary, involuntary] = [voluntary, involuntary].map(|each| units::value(each, COUNT));
    line(
        f,
        "",
        &format!("context switches per message: {voluntary} voluntary, {involuntary} involuntary"),
    )
}

/// Events of the processor. Those that were not counted are a dash each, with the reason once.
fn write_counters(f: &mut fmt::Formatter<'_>, values: &Values) -> fmt::Result {
    let Some(counts) = &values.counters else {
        return Ok(());
    };
    let events = ProcessorEvent::ALL;
    let figures = events.map(|event| {
        let figure = values.events_per_message(event);
        let figure = figure.map_or_else(|| "-".to_owned(), |it| units::value(it, RATE));
        format!("{figure} {}", event.name())
    });
    line(
        f,
        "counted",
        &format!("per message: {}", figures.join(", ")),
    )?;
    let reasons = events.iter().filter_map(|it| counts.of(*it).reason());
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        line(f, "", &format!("-: {reason}"))?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes, printed with three digits"
)]
fn write_memory(f: &mut fmt::Formatter<'_>, server: &ServerCost, plan: &PlanReport) -> fmt::Result {
    let resident = units::value(server.resident_bytes as f64, BYTES);
    let threads = if server.threads == 1 {
        "1 thread".to_owned()
    } else {
        format!("{} threads", server.threads)
    };
    let mut text = format!("{resident} resident, {threads}");
    if plan.pattern != "churn" && plan.transport == Transport::Stream {
        let growth = units::value(server.bytes_per_connection(plan.connections), BYTES);
        let since = match server.connections_before {
            0 => "start-up included",
            _ => "after the first",
        };
        write!(text, "; grew by {growth} per connection ({since})")?;
    }
    line(f, "", &text)?;
    if plan.transport == Transport::Stream && !plan.target.starts_with("unix:") {
        line(f, "", &tcp_buffers(server))?;
    }
    Ok(())
}

/// What the kernel adds in its buffers, which it counts for the whole machine.
fn tcp_buffers(server: &ServerCost) -> String {
    let growth = match server.buffer_growth() {
        None => "- (no sockstat on this system)".to_owned(),
        Some(BufferGrowth::Below(least)) => {
            let least = units::value(least, BYTES);
            format!("- (a change below {least} is not counted)")
        }
        Some(BufferGrowth::Shrunk) => {
            "- (other connections of this machine released more)".to_owned()
        }
        Some(BufferGrowth::Bytes(bytes)) => {
            format!("grew by {}, at both ends", units::value(bytes, BYTES))
        }
    };
    format!("TCP buffers of the kernel: {growth}")
}

fn write_generator(f: &mut fmt::Formatter<'_>, report: &BenchReport) -> fmt::Result {
    let mut text = match report.values.generator_threads {
        0 | 1 => String::new(),
        threads => format!("{threads} threads: "),
    };
    text += &share_of_a_core(report.figures.generator_cpu_share);
    if let Some(us) = report.figures.generator_cpu_us_per_message {
        write!(text, ", {} per message", units::value(us / 1e6, TIME))?;
    }
    let busy = report.figures.generator_busy_share * 100.0;
    write!(text, "; busy for {busy:.0} % of the time")?;
    line(f, "generator", &text)
}

/// How long either side was ready to run and had no core.
fn write_delays(f: &mut fmt::Formatter<'_>, values: &Values) -> fmt::Result {
    let share = |share: Option<f64>, unknown: &str| match share {
        Some(share) => format!("{:.1} % of the time", share * 100.0),
        None => format!("- ({unknown})"),
    };
    let unreported = "the kernel has no schedstat";
    let unseen = match values.server {
        Some(_) => unreported,
        None => "its process is not visible",
    };
    let server = share(values.server_delayed_share(), unseen);
    let generator = share(values.generator_delayed_share(), unreported);
    let text = format!("for a core: server {server}, generator {generator}");
    line(f, "waited", &text)?;
    let pressure = share(
        values.cpu_pressure_share(),
        "the kernel has no /proc/pressure",
    );
    line(f, "", &format!("some task of this machine: {pressure}"))
}

fn write_failures(f: &mut fmt::Formatter<'_>, report: &BenchReport) -> fmt::Result {
    let values = &report.values;
    let kinds = values.failures.by_kind().into_iter();
    let kinds = kinds.filter(|(_, count)| *count > 0);
    let kinds: Vec<String> = kinds
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !kinds.is_empty() {
        let what = match values.datagrams {
            None => "connections",
            Some(_) => "datagrams",
        };
        line(f, "failed", &format!("{what}: {}", kinds.join(", ")))?;
    }
    if let Some(mismatch) = &values.first_mismatch {
        line(f, "mismatch", &mismatch.to_string())?;
    }
    if let Some(timed_out) = &values.first_timeout {
        line(f, "timed out", &timed_out.to_string())?;
    }
    if values.starved > 0 {
        let connections = counted(values.starved, "connection");
        line(f, "starved", &format!("{connections} got no reply"))?;
    }
    if let Some(counts) = &values.datagrams {
        line(f, "datagrams", &datagrams(counts, values.loss()))?;
    }
    let unanswered = values.unexpectedly_unanswered();
    if unanswered > 0 {
        let messages = counted(unanswered, "message");
        let text = format!("{messages}, in the latencies with their age (>)");
        line(f, "unanswered", &text)?;
    }
    if report.is_silent() {
        line(f, "silent", "no message came back during the measurement")?;
    }
    if let Some(stall) = values.stall_ns {
        let time = units::value(seconds(stall), TIME);
        line(
            f,
            "stalled",
            &format!("no connection got a reply for {time}"),
        )?;
    }
    if let Some(exit) = &report.server_exit {
        line(f, "server", &format!("ended during the run: {exit}"))?;
    }
    Ok(())
}

/// What became of them: `10,000 sent, 12 lost (0.12 %, in the latencies with their age, >), 0 reordered, 0 doubled`.
fn datagrams(counts: &DatagramCounts, loss: Option<f64>) -> String {
    let count = |count: u64| units::count(usize::try_from(count).unwrap_or(usize::MAX));
    let mut text = format!("{} sent, {} lost", count(counts.sent), count(counts.lost));
    if let Some(share) = loss.filter(|_| counts.lost > 0) {
        // Writing to a string cannot fail.
        let _written = write!(
            text,
            " ({:.2} %; in the latencies with their age, >)",
            share * 100.0
        );
    }
    for (number, what) in [
        (counts.late, "late"),
        (counts.reordered, "reordered"),
        (counts.duplicated, "duplicated"),
    ] {
        let _written = write!(text, ", {} {what}", count(number));
    }
    text
}

/// `1 message`, `2,000 messages`.
fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    let count = units::count(usize::try_from(count).unwrap_or(usize::MAX));
    format!("{count} {noun}{plural}")
}

fn write_warnings(f: &mut fmt::Formatter<'_>, report: &BenchReport) -> fmt::Result {
    if report.values.ended_early {
        line(f, "warning", "the measurement ended early")?;
    }
    for warning in &report.warnings {
        line(f, "warning", &warning.to_string())?;
    }
    Ok(())
}

fn share_of_a_core(share: f64) -> String {
    format!("{:.0} % of a core", share * 100.0)
}

fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}
