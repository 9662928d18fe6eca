//! `mio-echo compare`: its arguments.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

use super::{CompareRequest, Format, Task};
use crate::cli::values::{Bytes, at_least_one, duration, positive_duration, size_up_to};
use clap::{Args, ValueEnum};
use mio_echo::measure::compare::{Calls, Entry, MODES, Pattern, Placement, Plan, Scenario};
use mio_echo::measure::load::Verify;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Contenders:
  event-loop, threads     mio-echo serve in that mode; both, if nobody is named
  NAME=HOST:PORT          a server that is running already; its costs cannot be seen
  NAME='COMMAND {port}'   started for each measurement on the port that replaces {port}
The first one is what the others are compared with. It is measured twice in each round: what it
differs from itself by is the noise of the machine.

Exit codes:
  0 done; 1 somebody failed a scenario, or a report could not be written;
  2 wrong usage. Ctrl-C ends early and reports what there is; pressed twice, it exits with 130.

Examples:
  mio-echo compare
  mio-echo compare --connections 1,10,100,1000 --size 64,4KiB --html report.html
  mio-echo compare event-loop 'socat=socat tcp-listen:{port},fork,reuseaddr exec:cat'
  mio-echo compare --pattern fairness --connections 20
  mio-echo compare --peers benches/peers --syscalls --markdown -";

/// The largest message. Every connection holds one.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// With nine rounds the interval leaves out the lowest and the highest ratio, so that one round in which the
/// machine was disturbed does not widen it.
const ROUNDS: u32 = 9;

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The contenders: event-loop, threads, NAME=HOST:PORT or NAME='COMMAND {port}'
    contender: Vec<Entry>,

    /// Build the servers that the manifest in DIR describes, as far as this machine can, and compare them
    /// too; with nobody else named, behind event-loop and threads
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,

    /// What the connections do
    #[arg(long, value_enum, default_value_t = PatternName::Echo, help_heading = "Scenarios")]
    pattern: PatternName,

    /// Connections at once; a list is a scenario for each number [default: 1,50; churn 10; idle 1000;
    /// stream 1,10; fairness 20]
    #[arg(short, long, value_name = "LIST", value_parser = at_least_one, value_delimiter = ',', help_heading = "Scenarios")]
    connections: Vec<usize>,

    /// Size of a message; a list as above [default: 64; stream 64KiB]
    #[arg(short, long, value_name = "LIST", value_parser = message_size, value_delimiter = ',', help_heading = "Scenarios")]
    size: Vec<Bytes>,

    /// Messages in flight on each connection; a list as above [default: 1; stream 8]
    #[arg(short, long, value_name = "LIST", value_parser = at_least_one, value_delimiter = ',', help_heading = "Scenarios")]
    depth: Vec<usize>,

    /// How often everybody is measured in each scenario; an interval needs 6
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), default_value_t = ROUNDS, help_heading = "Rounds")]
    rounds: u32,

    /// How long a measurement takes
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "1s", help_heading = "Rounds")]
    duration: Duration,

    /// What goes before each measurement and does not count
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "200ms", help_heading = "Rounds")]
    warmup: Duration,

    /// What the order of every round is drawn from, to draw it again [default: by chance]
    #[arg(long, value_name = "N", help_heading = "Rounds")]
    seed: Option<u64>,

    /// How long a server may take to start, and to answer
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "5s", help_heading = "Rounds")]
    timeout: Duration,

    /// Let the scheduler place servers and generator, instead of a core for each
    #[arg(long, help_heading = "Rounds")]
    no_pin: bool,

    /// Count system calls too, in a pass of its own: with perf(1) or strace(1)
    #[arg(long, help_heading = "Rounds")]
    syscalls: bool,

    /// Do not check what comes back: cheaper for the generator, and blind
    #[arg(long, help_heading = "Rounds")]
    no_verify: bool,

    /// Write a page with charts; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    html: Option<PathBuf>,

    /// Write one chart as a picture: the server's CPU time per message
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    svg: Option<PathBuf>,

    /// Write the tables as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    markdown: Option<PathBuf>,

    /// Write every raw value, a line for each measurement
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    csv: Option<PathBuf>,

    /// Write everything, also to be reported again
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    json: Option<PathBuf>,

    /// Measure nothing: report what an earlier --json has kept
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["contender", "peers"],
        help_heading = "Reports"
    )]
    from: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PatternName {
    /// Round trips
    Echo,
    /// Connect, one round trip, close
    Churn,
    /// Hold connections that say nothing: what do they cost?
    Idle,
    /// Bytes as fast as they go
    Stream,
    /// Paced connections beside one that floods and one that never reads
    Fairness,
}

impl From<PatternName> for Pattern {
    fn from(name: PatternName) -> Self {
        match name {
            PatternName::Echo => Self::Echo,
            PatternName::Churn => Self::Churn,
            PatternName::Idle => Self::Idle,
            PatternName::Stream => Self::Stream,
            PatternName::Fairness => Self::Fairness,
        }
    }
}

impl From<Compare> for CompareRequest {
    fn from(compare: Compare) -> Self {
        let reports = [
            (Format::Html, &compare.html),
            (Format::Svg, &compare.svg),
            (Format::Markdown, &compare.markdown),
            (Format::Csv, &compare.csv),
            (Format::Json, &compare.json),
        ];
        let reports = reports
            .into_iter()
            .filter_map(|(format, file)| Some((format, file.clone()?)));
        Self {
            reports: reports.collect(),
            task: match compare.from {
                Some(file) => Task::Report(file),
                None => Task::Measure {
                    peers: compare.peers.clone(),
                    plan: plan(compare),
                },
            },
        }
    }
}

fn plan(compare: Compare) -> Plan {
    let pattern = compare.pattern.into();
    let (connections, size, depth) = usual(pattern);
    let sizes: Vec<usize> = compare.size.iter().map(|size| size.0).collect();
    let mut entries = compare.contender;
    if entries.is_empty() {
        entries.extend(MODES.map(Entry::ours));
    }
    Plan {
        entries,
        scenarios: Scenario::matrix(
            pattern,
            or_usual(&compare.connections, connections),
            or_usual(&sizes, &[size]),
            or_usual(&compare.depth, &[depth]),
        ),
        rounds: compare.rounds,
        duration: compare.duration,
        warm_up: compare.warmup,
        seed: compare.seed.unwrap_or_else(by_chance),
        placement: if compare.no_pin {
            Placement::Anywhere
        } else {
            Placement::Apart
        },
        verify: if compare.no_verify {
            Verify::Nothing
        } else {
            Verify::EveryByte
        },
        calls: if compare.syscalls {
            Calls::Counted
        } else {
            Calls::NotCounted
        },
        patience: compare.timeout,
        program: mio_echo::text::version::PROGRAM.to_owned(),
        command_line: std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
    }
}

/// What is asked of a pattern if nobody says more: connections, bytes of a message, messages in flight.
fn usual(pattern: Pattern) -> (&'static [usize], usize, usize) {
    match pattern {
        Pattern::Echo => (&[1, 50], 64, 1),
        Pattern::Churn => (&[10], 64, 1),
        Pattern::Idle => (&[1000], 64, 1),
        Pattern::Stream => (&[1, 10], 64 * 1024, 8),
        Pattern::Fairness => (&[20], 64, 1),
    }
}

fn or_usual<'a>(asked: &'a [usize], usual: &'a [usize]) -> &'a [usize] {
    if asked.is_empty() { usual } else { asked }
}

/// A seed that is short enough to be typed again.
fn by_chance() -> u64 {
    // The hasher's keys come from the system's source of chance.
    RandomState::new().build_hasher().finish() % 1_000_000
}

fn message_size(text: &str) -> Result<Bytes, String> {
    size_up_to(LARGEST_MESSAGE, text)
}
