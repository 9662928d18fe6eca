//! The statistics as text in the format of OpenMetrics 1.0, which Prometheus reads.
//!
//! Source: <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>

use mio_echo::server::{Mode, Stats};
use std::fmt::{self, Display, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// The media type of the text.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of a server that began to count at `since`.
pub(super) fn render(stats: &Stats, mode: Mode, since: SystemTime) -> String {
    let mut text = MetricText(String::new());
    // Writing to a string cannot fail.
    let _complete = text.server(mode, since);
    let _complete = text.connections(stats);
    let _complete = text.datagrams(stats);
    let _complete = text.misbehaviour(stats);
    text.0.push_str("# EOF\n");
    text.0
}

/// Text that grows by a family of metrics at a time.
struct MetricText(String);

/// What the samples of a family are.
#[derive(Clone, Copy)]
enum Kind {
    /// Only increases; the name of its sample ends in `_total`.
    Counter,
    Gauge,
    /// Always 1; its labels are the information.
    Info,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge => "",
            Self::Info => "_info",
        }
    }
}

impl MetricText {
    fn server(&mut self, mode: Mode, since: SystemTime) -> fmt::Result {
        let version = env!("CARGO_PKG_VERSION");
        let labels = format!("{{version=\"{version}\",mode=\"{mode}\"}}");
        self.family(Kind::Info, "build", "The program and how it serves.")?;
        self.sample(Kind::Info, "build", &labels, 1)?;
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = "start_time_seconds";
        self.family(
            Kind::Gauge,
            start,
            "When the server began to serve (Unix time).",
        )?;
        self.sample(Kind::Gauge, start, "", since.as_secs_f64())
    }

    fn connections(&mut self, stats: &Stats) -> fmt::Result {
        let open = stats.accepted - stats.closed;
        self.counter(
            "connections_accepted",
            "Connections accepted.",
            stats.accepted,
        )?;
        self.counter(
            "connections_closed",
            "Connections that are over.",
            stats.closed,
        )?;
        self.gauge("connections_open", "Connections that are open.", open)?;
        self.counter(
            "received_bytes",
            "Bytes received to be echoed.",
            stats.bytes_in,
        )?;
        self.counter("sent_bytes", "Bytes of echoes sent.", stats.bytes_out)?;
        let help = "The most bytes that were ever pending for one peer.";
        self.gauge("longest_queue_bytes", help, stats.longest_queue)?;
        self.counters(
            "errors",
            "Errors, each of one peer.",
            "error",
            &stats.errors,
        )
    }

    fn datagrams(&mut self, stats: &Stats) -> fmt::Result {
        let datagrams = &stats.datagrams;
        self.counter(
            "datagrams_received",
            "Datagrams received.",
            datagrams.received,
        )?;
        self.counter("datagrams_replied", "Datagrams echoed.", datagrams.replied)?;
        let help = "Echoes dropped because the send buffer was full.";
        self.counter("datagrams_dropped", help, datagrams.dropped)?;
        let help = "Datagrams not echoed.";
        self.counters("datagrams_refused", help, "reason", &datagrams.refused)?;
        let help = "Bytes of the datagrams received.";
        self.counter("datagrams_received_bytes", help, datagrams.bytes_in)?;
        let help = "Bytes of the datagrams echoed.";
        self.counter("datagrams_sent_bytes", help, datagrams.bytes_out)
    }

    fn misbehaviour(&mut self, stats: &Stats) -> fmt::Result {
        let Some(counts) = &stats.misbehaved else {
            return Ok(());
        };
        let help = "Connections with a fault that the server was asked for.";
        self.counters("connections_misbehaved", help, "fault", counts.by_fault())
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) -> fmt::Result {
        self.family(Kind::Counter, name, help)?;
        self.sample(Kind::Counter, name, "", value)
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) -> fmt::Result {
        self.family(Kind::Gauge, name, help)?;
        self.sample(Kind::Gauge, name, "", value)
    }

    /// A counter for each value of a label.
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: impl IntoIterator<Item = (impl Display, impl Display)>,
    ) -> fmt::Result {
        self.family(Kind::Counter, name, help)?;
        for (value, count) in counts {
            let labels = format!("{{{label}=\"{}\"}}", escaped(&value.to_string()));
            self.sample(Kind::Counter, name, &labels, count)?;
        }
        Ok(())
    }

    /// The lines before the samples. A name that ends in a unit has that unit.
    fn family(&mut self, kind: Kind, name: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# TYPE mio_echo_{name} {}", kind.name())?;
        for unit in ["bytes", "seconds"] {
            if name.ends_with(&format!("_{unit}")) {
                writeln!(self.0, "# UNIT mio_echo_{name} {unit}")?;
            }
        }
        writeln!(self.0, "# HELP mio_echo_{name} {help}")
    }

    fn sample(&mut self, kind: Kind, name: &str, labels: &str, value: impl Display) -> fmt::Result {
        writeln!(self.0, "mio_echo_{name}{}{labels} {value}", kind.suffix())
    }
}

/// The value of a label: three characters have to be escaped.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn text_of(stats: &Stats) -> String {
        let since = UNIX_EPOCH + Duration::from_millis(1_500);
        render(stats, Mode::EventLoop, since)
    }

    #[test]
    fn each_family_has_its_type_its_unit_its_help_and_then_its_samples() {
        let mut stats = Stats::default();
        stats.bytes_in = 7;
        let text = text_of(&stats);
        let family = "\
# TYPE mio_echo_received_bytes counter
# UNIT mio_echo_received_bytes bytes
# HELP mio_echo_received_bytes Bytes received to be echoed.
mio_echo_received_bytes_total 7
";
        assert!(text.contains(family), "{text}");
        assert!(
            text.contains("\nmio_echo_start_time_seconds 1.5\n"),
            "{text}"
        );
        assert!(text.ends_with("\n# EOF\n"), "{text}");
    }

    #[test]
    fn errors_are_labels_whatever_characters_they_have() {
        let mut stats = Stats::default();
        stats.errors.insert("a \"b\" \\ c\nd".to_owned(), 3);
        let line = "mio_echo_errors_total{error=\"a \\\"b\\\" \\\\ c\\nd\"} 3\n";
        let text = text_of(&stats);
        assert!(text.contains(line), "{text}");
    }
}
