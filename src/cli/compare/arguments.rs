//! `mio-echo compare`: its arguments.

use super::profiling::ProfilingArguments;
use super::reports::ReportFormat;
use super::values::{
    RateArgument, ScenarioPatternName, depth, margin, measuring_time, message_size, rate, rounds,
    seed, until, warm_up,
};
use crate::cli::placement::PlacementArguments;
use crate::cli::values::{ArrivalsName, Bytes, at_least_one, positive_rate};
use clap::Args;
use mio_echo::measure::bench::{Threshold, WarmUpLength};
use mio_echo::measure::compare::ratio::Criterion;
use mio_echo::measure::compare::{
    ContenderSpec, Extra, FollowUp, MODES, OfferedLoad, Plan, RatioCondition, Scenario,
    ScenarioPattern,
};
use mio_echo::measure::load::Verify;
use mio_echo::rng::random_seed;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Contenders:
  event-loop, threads    mio-echo serve in that mode; the default is both
  NAME=HOST:PORT,pid=N   a server that is already running (also
                         NAME=unix:PATH,pid=N); without its process ID N,
                         its costs are not measured
  NAME='COMMAND {port}'  started for each measurement, with a free port in
                         place of {port}, or the path for a Unix socket in
                         place of {socket}
  NAME,warmup=4s='…'     any of these with its own warm-up, as in
                         threads,warmup=4s

The first contender is the one that the others are compared with. It is
measured twice in each round: its difference from itself is the noise of
the machine. The costs are those of all processes of a server. A server
that is started may open as many descriptors as the system allows (the
hard limit of ulimit -n), so that all of them can hold the connections.

Throughput is compared with each contender echoing as many messages as it
can (saturated), latency and CPU time at one rate for all: by default
half of what the slowest one reaches. A contender that cannot hold a rate
gets a row that says so.

What a ratio shows, with its interval:
  slower ×1.31 (1.20–1.44)      the interval excludes 1, corrected for all
                                comparisons of the report
  same within ±5 % (0.98–1.02)  the interval is inside --margin
  undecided (0.69–1.28)         everything else: more rounds may decide it

--syscalls and --flamegraph run each contender once more. --counters reads
the counters in each measurement, which adds a little to each context
switch; virtual machines often have none.

A FILE of - is standard output (for --from, standard input); a report
there replaces the table.

Exit codes:
  0  done
  1  a contender failed a scenario, a condition of --fail-if held, a
     contender became worse than in --baseline, or a report or a flame
     graph could not be written
  2  wrong usage, or perf missing or not allowed
  129, 130, 143
     ended early by SIGHUP, Ctrl-C, SIGTERM, with a report of what was
     measured

Examples:
  mio-echo compare
  mio-echo compare --connections 1,10,100 --size 64,4KiB --html report.html
  mio-echo compare event-loop \\
    'socat=socat tcp-listen:{port},fork,reuseaddr exec:cat'
  mio-echo compare event-loop 'unix=mio-echo serve --quiet unix:{socket}'
  mio-echo compare --connections 50 --rate 10000,20000,40000
  mio-echo compare --connections 50 --sweep --html curve.html
  mio-echo compare --connections 50 --find-rate 'p99<1ms'
  mio-echo compare --from monday.json tuesday.json
  mio-echo compare --baseline before.json --fail-if 'threads/event-loop cpu>2'
  mio-echo compare --udp event-loop 'other=./other {port}'
  mio-echo compare --pattern fairness --connections 20
  mio-echo compare --peers benches/peers --syscalls --markdown -
  mio-echo compare --connections 50 --flamegraph graphs";

/// With nine rounds the interval leaves out the lowest and the highest ratio, so that one round in which the machine
/// was disturbed does not widen it.
pub(super) const LEAST_ROUNDS: u32 = 9;

/// How long a server may take to start, a connect to succeed, a reply to arrive, by default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a reply to a datagram may take by default. It is lost by then.
const UDP_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// The contenders: event-loop, threads, NAME=HOST:PORT[,pid=N] or NAME='COMMAND {port}'; with its own warm-up,
    /// NAME,warmup=TIME=...
    contender: Vec<ContenderSpec>,

    /// Compare the servers of the manifest peers.json in DIR too, after the CONTENDERs or their default, and build them
    /// first if this machine can
    #[arg(long, value_name = "DIR")]
    pub(super) peers: Option<PathBuf>,

    /// Of the servers of the manifest, compare only these
    #[arg(long, value_name = "NAMES", requires = "peers", value_delimiter = ',')]
    pub(super) only: Vec<String>,

    /// What the connections do
    #[arg(long, value_enum, default_value_t = ScenarioPatternName::Echo, help_heading = "Scenarios")]
    pattern: ScenarioPatternName,

    /// Compare over UDP: each message is a datagram, and each connection a socket of its own. The tables have
    /// the share of the datagrams that were lost, reordered and duplicated
    #[arg(long, help_heading = "Scenarios")]
    udp: bool,

    /// Number of concurrent connections; a list makes a scenario of each number [default: 1,50; churn 10;
    /// idle 1000; stream 1,10; fairness 20]
    #[arg(short, long, value_name = "LIST", value_parser = at_least_one, value_delimiter = ',', help_heading = "Scenarios")]
    connections: Vec<usize>,

    /// Size of a message, or a list [default: 64; stream 64KiB]
    #[arg(short, long, value_name = "LIST", value_parser = message_size, value_delimiter = ',', help_heading = "Scenarios")]
    size: Vec<Bytes>,

    /// Messages in flight on each connection, or a list [default: 1; stream 8]
    #[arg(short, long, value_name = "LIST", value_parser = depth, value_delimiter = ',', help_heading = "Scenarios")]
    depth: Vec<usize>,

    /// Messages per second over all connections, the same for all contenders: a number, max (as many as each contender
    /// echoes) or half (half of what the slowest reaches at max, which half implies), or a list [default: max,half]
    #[arg(short, long, value_name = "LIST", value_parser = rate, value_delimiter = ',', help_heading = "Scenarios")]
    rate: Vec<RateArgument>,

    /// How the times at which messages are due are spaced; --seed repeats those of a Poisson process
    #[arg(long, value_enum, default_value_t = ArrivalsName::Fixed, help_heading = "Scenarios")]
    arrivals: ArrivalsName,

    /// Connections opened per second before each measurement, for servers with a short backlog [default: as fast as
    /// possible]
    #[arg(long, value_name = "PER-SECOND", value_parser = positive_rate, help_heading = "Scenarios")]
    connect_rate: Option<f64>,

    /// After max, the curve: latency and CPU time at six rates up to what the fastest contender reaches
    #[arg(long, conflicts_with_all = ["rate", "find_rate"], help_heading = "Scenarios")]
    sweep: bool,

    /// After max, search for the highest rate of each contender at which this holds, as in 'p99<1ms'
    #[arg(
        long,
        value_name = "CONDITION",
        conflicts_with = "rate",
        help_heading = "Scenarios"
    )]
    find_rate: Option<Threshold>,

    /// How often each scenario measures each contender [default: 9, or more if 9 are too few to decide any of the
    /// comparisons]
    #[arg(long, value_name = "N", value_parser = rounds, help_heading = "Rounds")]
    pub(super) rounds: Option<u32>,

    /// Add rounds, up to five times as many, until the intervals of the primary metrics are within ± this share
    #[arg(long, value_name = "SHARE", value_parser = until, help_heading = "Rounds")]
    until: Option<f64>,

    /// The largest difference that does not matter [default: 5%]
    #[arg(long, value_name = "SHARE", value_parser = margin, help_heading = "Rounds")]
    pub(super) margin: Option<f64>,

    /// How long a measurement takes
    #[arg(short = 't', long, value_name = "TIME", value_parser = measuring_time, default_value = "1s", help_heading = "Rounds")]
    duration: Duration,

    /// How long the load runs before each measurement: a time, or auto, until the server's CPU time per message stops
    /// falling, at most 10s
    #[arg(long, value_name = "TIME", value_parser = warm_up, default_value = "auto", help_heading = "Rounds")]
    warmup: WarmUpLength,

    /// Seed of the order of contenders in each round, to repeat it [default: random]
    #[arg(long, value_name = "N", value_parser = seed, help_heading = "Rounds")]
    seed: Option<u64>,

    /// How long a server may take to start, a connect to succeed, a reply to arrive; a datagram without a reply
    /// is lost by then [default: 5s, for a reply over UDP 1s]
    #[arg(long, value_name = "TIME", value_parser = measuring_time, help_heading = "Rounds")]
    timeout: Option<Duration>,

    #[command(flatten)]
    placement: PlacementArguments,

    /// Do not compare what comes back with what was sent: less work for the generator
    #[arg(long, help_heading = "Rounds")]
    no_verify: bool,

    #[command(flatten)]
    pub(super) profiling: ProfilingArguments,

    /// Fail if the ratio of two contenders is certain to meet this condition in a scenario, as in
    /// 'threads/event-loop cpu>1.5'; may be given several times. Metrics: rate, bandwidth, p50, p99, cpu, memory, switches;
    /// with --counters, instructions, cycles, cache-misses
    #[arg(long, value_name = "CONDITION", help_heading = "Reports")]
    pub(super) fail_if: Vec<RatioCondition>,

    /// Compare with the comparison that an earlier --json wrote, at the same common rates, and fail if the primary metric of
    /// a contender has certainly become worse by more than --margin
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(super) baseline: Option<PathBuf>,

    /// Write a page with charts
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    html: Option<PathBuf>,

    /// Write one chart: the server's CPU time per message
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    svg: Option<PathBuf>,

    /// Write the tables as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    markdown: Option<PathBuf>,

    /// Write every raw value, a line for each measurement
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    csv: Option<PathBuf>,

    /// Write the whole comparison, which --from can report again; updated after each scenario
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(super) json: Option<PathBuf>,

    /// Measure nothing: report the comparison that an earlier --json wrote, or several of one machine, measured alike, as one
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        conflicts_with_all = ["contender", "peers"],
        help_heading = "Reports"
    )]
    pub(super) from: Vec<PathBuf>,
}

impl CompareArguments {
    /// The reports to write besides the table. A path `-` is standard output, where it replaces the table.
    pub(super) fn reports(&self) -> Vec<(ReportFormat, &Path)> {
        let reports = [
            (ReportFormat::Html, &self.html),
            (ReportFormat::Svg, &self.svg),
            (ReportFormat::Markdown, &self.markdown),
            (ReportFormat::Csv, &self.csv),
            (ReportFormat::Json, &self.json),
        ];
        let reports = reports.into_iter();
        reports
            .filter_map(|(format, path)| Some((format, path.as_deref()?)))
            .collect()
    }

    /// Rejects combinations that make no sense.
    pub(super) fn validate(&self) -> Result<(), String> {
        let pattern = ScenarioPattern::from(self.pattern);
        if self.udp {
            self.validate_udp(pattern)?;
        }
        let option = [
            (self.arrivals != ArrivalsName::Fixed, "--arrivals"),
            (!self.rate.is_empty(), "--rate"),
            (self.sweep, "--sweep"),
            (self.find_rate.is_some(), "--find-rate"),
        ];
        let given = option.into_iter().find(|(is_given, _)| *is_given);
        match given.filter(|_| !pattern.takes_rate()) {
            Some((_, option)) => Err(format!("{option} does not apply to the pattern {pattern}")),
            None => Ok(()),
        }
    }

    /// Rejects what UDP does not have.
    fn validate_udp(&self, pattern: ScenarioPattern) -> Result<(), String> {
        if pattern != ScenarioPattern::Echo {
            return Err(format!("--udp has no pattern {pattern}, only echo"));
        }
        let depth_at_rate = !self.depth.is_empty() && !self.has_saturation();
        let given = [
            (
                depth_at_rate,
                "--depth",
                "at a rate, nothing holds a datagram back",
            ),
            (
                self.connect_rate.is_some(),
                "--connect-rate",
                "there are no connections",
            ),
            (
                self.peers.is_some(),
                "--peers",
                "the servers of a manifest speak TCP",
            ),
        ];
        match given.into_iter().find(|(is_given, ..)| *is_given) {
            Some((_, option, why)) => Err(format!("{option} does not apply to --udp: {why}")),
            None => Ok(()),
        }
    }

    /// What to compare, without the peers of a manifest, in the fewest rounds.
    pub(super) fn plan(&self) -> Plan {
        let seed = self.seed.unwrap_or_else(random_seed);
        let reply_timeout = if self.udp { UDP_TIMEOUT } else { TIMEOUT };
        let mut contenders = self.contender.clone();
        if contenders.is_empty() {
            contenders.extend(MODES.map(ContenderSpec::own));
        }
        let mut plan = Plan {
            contenders,
            scenarios: self.scenarios(),
            follow_up: self.follow_up(),
            rounds: LEAST_ROUNDS,
            until: self.until,
            common_rates: Vec::new(),
            margin: self.margin.unwrap_or(Criterion::MARGIN),
            duration: self.duration,
            warm_up: self.warmup,
            seed,
            arrivals: self.arrivals.with_seed(seed),
            connect_rate: self.connect_rate,
            threads: self.placement.threads,
            placement: self.placement.placement(),
            verify: if self.no_verify {
                Verify::Nothing
            } else {
                Verify::EveryByte
            },
            syscalls: Extra::Unwanted,
            counters: Extra::Unwanted,
            flame_graphs: Extra::Unwanted,
            start_timeout: self.timeout.unwrap_or(TIMEOUT),
            timeout: self.timeout.unwrap_or(reply_timeout),
            command_line: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        };
        self.profiling.add_to(&mut plan);
        plan
    }

    fn follow_up(&self) -> FollowUp {
        let is_default = self.rate.is_empty() && ScenarioPattern::from(self.pattern).takes_rate();
        match &self.find_rate {
            Some(condition) => FollowUp::FindRate(condition.clone()),
            None if self.sweep => FollowUp::Sweep,
            None if is_default || self.rate.contains(&RateArgument::Half) => FollowUp::CommonRate,
            None => FollowUp::Nothing,
        }
    }

    /// Whether the contenders are saturated at first.
    fn has_saturation(&self) -> bool {
        let is_saturation = |rate: &RateArgument| !matches!(rate, RateArgument::Fixed(_));
        self.rate.is_empty() || self.rate.iter().any(is_saturation)
    }

    /// The loads of the scenarios, without those that follow from what the contenders reach.
    fn loads(&self) -> Vec<OfferedLoad> {
        let fixed = self.rate.iter().filter_map(|rate| match rate {
            RateArgument::Fixed(rate) => Some(OfferedLoad::Rate(*rate)),
            RateArgument::Max | RateArgument::Half => None,
        });
        let saturation = self.has_saturation().then_some(OfferedLoad::Saturation);
        saturation.into_iter().chain(fixed).collect()
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let pattern = if self.udp {
            ScenarioPattern::Datagrams
        } else {
            self.pattern.into()
        };
        let (connections, size, depth): (&[usize], _, _) = match pattern {
            ScenarioPattern::Echo | ScenarioPattern::Datagrams => (&[1, 50], 64, 1),
            ScenarioPattern::Churn => (&[10], 64, 1),
            ScenarioPattern::Idle => (&[1000], 64, 1),
            ScenarioPattern::Stream => (&[1, 10], 64 * 1024, 8),
            ScenarioPattern::Fairness => (&[20], 64, 1),
        };
        let sizes: Vec<usize> = self.size.iter().map(|size| size.0).collect();
        Scenario::matrix(
            pattern,
            non_empty_or(&self.connections, connections),
            non_empty_or(&sizes, &[size]),
            non_empty_or(&self.depth, &[depth]),
            &self.loads(),
        )
    }
}

fn non_empty_or<'a>(values: &'a [usize], default: &'a [usize]) -> &'a [usize] {
    if values.is_empty() { default } else { values }
}
