//! `mio-echo bench`: its arguments.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

use super::{BenchOutput, BenchRequest, Pinning, Subject};
use crate::cli::values::{
    Bytes, ModeName, at_least_one, duration, positive_duration, positive_rate, size_up_to,
};
use clap::{Args, ValueEnum};
use mio_echo::measure::bench::Threshold;
use mio_echo::measure::load::{LoadPattern, StopCondition, Verify};
use mio_echo::text::endpoint::Endpoint;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Without ADDR a server is started as a process of its own, measured and ended.

Without --rate each connection starts a message when one comes back (closed loop): a server that \
stalls is asked less while it stalls, and its percentiles hide it. With --rate messages are due at \
fixed times (open loop), and what waits to be sent counts from the time at which it was due \
('response').

Metrics for --fail-if:
  p50 p90 p99 p99.9 p99.99 mean max   a time; with --rate of the response, else of the service
  cpu                                 processor time of the server for a message
  rate errors starved unanswered      messages a second; connections; connections; messages

Exit codes:
  0 measured; 1 a threshold was crossed, a byte came back wrong, or a connection failed;
  2 wrong usage, no server, or nobody there.

Examples:
  mio-echo bench
  mio-echo bench --mode threads --connections 1000 --duration 5s
  mio-echo bench localhost:50007 --rate 10000 --fail-if 'p99>2ms' --fail-if 'errors>0'
  mio-echo bench localhost:50007 --pid 4711 --pattern stream --size 1MiB --json -";

/// The largest message, in bytes.
const LARGEST_MESSAGE: usize = 1 << 30;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The server, HOST:PORT or [IPV6]:PORT [default: one of our own, started for this]
    addr: Option<Endpoint>,

    /// The mode of the server that is started
    #[arg(short, long, value_enum, default_value_t = ModeName::EventLoop, conflicts_with = "addr")]
    mode: ModeName,

    /// What the connections do
    #[arg(long, value_enum, default_value_t = PatternName::Echo, help_heading = "Load")]
    pattern: PatternName,

    /// Connections that are held
    #[arg(short, long, value_name = "N", value_parser = at_least_one, default_value = "50", help_heading = "Load")]
    connections: usize,

    /// Bytes of a message [default: 64, for stream 64KiB]
    #[arg(short, long, value_name = "SIZE", value_parser = message_size, help_heading = "Load")]
    size: Option<Bytes>,

    /// Messages that each connection has in flight [default: 1, for stream 8]
    #[arg(short, long, value_name = "N", value_parser = at_least_one, help_heading = "Load")]
    depth: Option<usize>,

    /// Messages that are due in a second, over all connections, whether or not the server keeps up
    #[arg(short, long, value_name = "PER-SECOND", value_parser = positive_rate, help_heading = "Load")]
    rate: Option<f64>,

    /// Connections opened in a second [default: as fast as it goes]
    #[arg(long, value_name = "PER-SECOND", value_parser = positive_rate, help_heading = "Load")]
    connect_rate: Option<f64>,

    /// How long to measure
    #[arg(short = 't', long, value_name = "TIME", value_parser = positive_duration, default_value = "5s", help_heading = "Load")]
    duration: Duration,

    /// Measure so many messages, however long that takes
    #[arg(short = 'n', long, value_name = "N", value_parser = at_least_one, conflicts_with = "duration", help_heading = "Load")]
    messages: Option<usize>,

    /// How long the load runs before it counts
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "500ms", help_heading = "Load")]
    warmup: Duration,

    /// How long a connect or an answer may take
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "5s", help_heading = "Load")]
    timeout: Duration,

    /// Do not compare what comes back with what was sent
    #[arg(long, help_heading = "Load")]
    no_verify: bool,

    /// The process of the server at ADDR, to tell what it needs
    #[arg(
        long,
        value_name = "PID",
        requires = "addr",
        help_heading = "Measurement"
    )]
    pid: Option<u32>,

    /// Let server and generator run on any core [default: each on one of its own, if the server is started
    /// here]
    #[arg(long, help_heading = "Measurement")]
    no_pin: bool,

    /// Fail if this is so, as in 'p99>2ms'; may be given several times
    #[arg(long, value_name = "CONDITION", help_heading = "Output")]
    fail_if: Vec<Threshold>,

    /// Write all figures as JSON; - for standard output, in place of the summary
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,

    /// Write the percentiles as text, for the plotters of HdrHistogram; - for standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    hgrm: Option<PathBuf>,

    /// Write the latencies as an HdrHistogram log (version 2), to be merged with those of other runs; - for
    /// standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    hlog: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PatternName {
    /// Round trips over connections that stay
    Echo,
    /// Connect, one round trip, close; and again
    Churn,
    /// Connections that are held and silent
    Idle,
    /// Round trips of large messages, for the bytes a second
    Stream,
}

impl From<PatternName> for LoadPattern {
    fn from(name: PatternName) -> Self {
        match name {
            PatternName::Echo => Self::Echo,
            PatternName::Churn => Self::Churn,
            PatternName::Idle => Self::Idle,
            PatternName::Stream => Self::Stream,
        }
    }
}

impl TryFrom<Bench> for BenchRequest {
    type Error = String;

    fn try_from(bench: Bench) -> Result<Self, String> {
        let pattern = LoadPattern::from(bench.pattern);
        let one_message = matches!(pattern, LoadPattern::Churn | LoadPattern::Idle);
        if one_message && (bench.rate.is_some() || bench.depth.is_some()) {
            return Err(format!(
                "--rate and --depth mean nothing to the pattern {pattern}"
            ));
        }
        let outputs = [&bench.json, &bench.hgrm, &bench.hlog];
        let to_stdout = outputs
            .into_iter()
            .flatten()
            .filter(|path| *path == Path::new("-"));
        if to_stdout.count() > 1 {
            return Err(
                "only one of --json, --hgrm and --hlog can go to standard output".to_owned(),
            );
        }
        let (size, depth) = match pattern {
            LoadPattern::Stream => (64 * 1024, 8),
            LoadPattern::Echo | LoadPattern::Churn | LoadPattern::Idle => (64, 1),
        };
        Ok(Self {
            subject: match bench.addr {
                Some(endpoint) => Subject::Running {
                    endpoint,
                    pid: bench.pid,
                },
                None => Subject::Own(bench.mode.into()),
            },
            pinning: if bench.no_pin {
                Pinning::Off
            } else {
                Pinning::Apart
            },
            pattern,
            connections: bench.connections,
            size: bench.size.map_or(size, |size| size.0),
            depth: bench.depth.unwrap_or(depth),
            rate: bench.rate,
            connect_rate: bench.connect_rate,
            warm_up: bench.warmup,
            end: match bench.messages {
                Some(count) => StopCondition::Messages(count as u64),
                None => StopCondition::Elapsed(bench.duration),
            },
            verify: if bench.no_verify {
                Verify::Nothing
            } else {
                Verify::EveryByte
            },
            patience: bench.timeout,
            thresholds: bench.fail_if,
            output: BenchOutput {
                json: bench.json,
                hgrm: bench.hgrm,
                hlog: bench.hlog,
            },
        })
    }
}

fn message_size(text: &str) -> Result<Bytes, String> {
    size_up_to(LARGEST_MESSAGE, text)
}
