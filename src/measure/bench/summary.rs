//! A measurement, told to people.

use super::report::Report;
use super::server::ServerReport;
use super::times::Times;
use crate::text::units::{self, BANDWIDTH, BYTES, COUNT, RATE, TIME};
use std::fmt::{self, Write};
use std::time::Duration;

/// Width of the names before the figures.
const NAME: usize = 12;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_head(f)?;
        self.write_times(f)?;
        if let Some(server) = &self.server {
            write_server(f, server, self)?;
        }
        self.write_generator(f)?;
        self.write_troubles(f)
    }
}

impl Report {
    fn write_head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        let connections = units::count(plan.connections);
        let load = match (plan.pattern.as_str(), plan.rate) {
            ("churn", _) => format!("{connections} at a time: connect, echo, close"),
            ("idle", _) => format!("{connections} idle connections"),
            (_, Some(rate)) => format!(
                "{connections} connections, {} messages due a second",
                units::value(rate, RATE)
            ),
            (_, None) => format!(
                "{connections} connections, {} in flight on each",
                plan.depth
            ),
        };
        let size = units::size(plan.size);
        line(
            f,
            "load",
            &format!("{load}, messages of {size}, to {}", plan.target),
        )?;
        let elapsed = seconds(self.elapsed_ns);
        let placed = match self.cores {
            Some(cores) => format!(
                "; server on core {}, generator on core {}",
                cores.server, cores.generator
            ),
            None => String::new(),
        };
        let verified = if plan.verified {
            "every byte verified"
        } else {
            "not verified"
        };
        let elapsed = units::value(elapsed, TIME);
        line(f, "measured", &format!("{elapsed}, {verified}{placed}"))?;
        if plan.pattern == "idle" {
            return line(
                f,
                "connections",
                &units::count(usize::try_from(self.connected).unwrap_or(usize::MAX)),
            );
        }
        let what = if plan.pattern == "churn" {
            "connections"
        } else {
            "messages"
        };
        let rate = units::value(self.messages_per_second, RATE);
        let bandwidth = units::value(self.bytes_per_second, BANDWIDTH);
        line(f, "rate", &format!("{rate} {what}/s, {bandwidth} each way"))
    }

    fn write_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.service.count == 0 {
            return Ok(());
        }
        let mut head = String::new();
        for (name, _) in &self.service.percentiles_ns {
            write!(head, "{name:>10}")?;
        }
        line(f, "", &format!("{head}{:>10}{:>10}", "max", "mean"))?;
        line(f, "service", &times(&self.service))?;
        if let Some(response) = &self.response {
            line(f, "response", &times(response))?;
        }
        Ok(())
    }

    fn write_generator(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generator = &self.generator;
        let mut words = format!("{:.0} % of a core", generator.cpu_share * 100.0);
        if let Some(each) = generator.cpu_us_per_message {
            write!(words, ", {} a message", units::value(each / 1e6, TIME))?;
        }
        if let Some(late) = generator.lag.as_ref().and_then(|lag| lag.percentile("p99")) {
            write!(
                words,
                "; p99 of its lateness {}",
                units::value(late.as_secs_f64(), TIME)
            )?;
        }
        line(f, "generator", &words)
    }

    fn write_troubles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures.by_kind();
        let failed = failed.iter().filter(|(_, count)| *count > 0);
        let failed: Vec<String> = failed
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        if !failed.is_empty() {
            line(f, "failed", &format!("connections: {}", failed.join(", ")))?;
        }
        if let Some(mismatch) = &self.mismatch {
            line(f, "mismatch", &mismatch.to_string())?;
        }
        if let Some(silence) = &self.silence {
            line(f, "silence", &silence.to_string())?;
        }
        if self.starved > 0 {
            line(
                f,
                "starved",
                &format!("{} connections never had an answer", self.starved),
            )?;
        }
        if self.unanswered > 0 {
            line(
                f,
                "unanswered",
                &format!("{} messages that were due", self.unanswered),
            )?;
        }
        if self.ended_early {
            line(f, "note", "it ended before its time")?;
        }
        for verdict in &self.verdicts {
            line(f, "note", &verdict.to_string())?;
        }
        Ok(())
    }
}

fn write_server(f: &mut fmt::Formatter<'_>, server: &ServerReport, report: &Report) -> fmt::Result {
    let mut words = format!("{:.0} % of a core", server.cpu_share * 100.0);
    if let (Some(all), Some(user), Some(system)) = (
        server.cpu_us_per_message,
        server.user_us_per_message,
        server.system_us_per_message,
    ) {
        let [all, user, system] = [all, user, system].map(|us| units::value(us / 1e6, TIME));
        write!(words, ", {all} a message (user {user}, system {system})")?;
    }
    line(f, "server", &words)?;
    if let (Some(voluntary), Some(involuntary)) = (
        server.voluntary_switches_per_message,
        server.involuntary_switches_per_message,
    ) {
        let [voluntary, involuntary] =
            [voluntary, involuntary].map(|count| units::value(count, COUNT));
        line(
            f,
            "",
            &format!("switches a message: {voluntary} voluntary, {involuntary} involuntary"),
        )?;
    }
    write_memory(f, server, report)
}

#[expect(clippy::cast_precision_loss, reason = "bytes, told with three digits")]
fn write_memory(f: &mut fmt::Formatter<'_>, server: &ServerReport, report: &Report) -> fmt::Result {
    let resident = units::value(server.resident_bytes as f64, BYTES);
    let threads = if server.threads == 1 {
        "1 thread".to_owned()
    } else {
        format!("{} threads", server.threads)
    };
    let mut words = format!("{resident} in memory, {threads}");
    if report.plan.pattern != "churn" {
        let growth = server.bytes_per_connection(report.plan.connections);
        write!(
            words,
            "; grown by {} a connection",
            units::value(growth, BYTES)
        )?;
    }
    line(f, "", &words)
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, words: &str) -> fmt::Result {
    writeln!(f, "{name:NAME$}{words}")
}

fn times(times: &Times) -> String {
    let percentiles = times.percentiles_ns.iter().map(|(_, time)| *time);
    let all = percentiles.chain([times.max_ns, times.mean_ns]);
    let told = all.map(|time| match time {
        Some(time) => units::value(seconds(time), TIME),
        None => "-".to_owned(),
    });
    told.fold(String::new(), |line, time| format!("{line}{time:>10}"))
}

fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}
