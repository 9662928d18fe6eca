//! `mio-echo bench`: its arguments.

use super::instruments::InstrumentArguments;
use super::values::{LoadPatternName, message_size, warm_up};
use crate::cli::files::check_reports;
use crate::cli::placement::PlacementArguments;
use crate::cli::values::{
    ArrivalsName, Bytes, ModeName, at_least_one, duration, positive_duration, positive_rate,
    process_id,
};
use clap::Args;
use mio_echo::measure::bench::{Origin, Threshold, WarmUpLength};
use mio_echo::measure::load::{LoadPattern, LoadPlan, StopCondition, Transport, Verify};
use mio_echo::measure::process::Placement;
use mio_echo::rng;
use mio_echo::server::{Mode, connections_that_fit};
use mio_echo::text::address::Address;
use mio_echo::text::endpoint::Endpoint;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a connect or a reply may take, by default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The same for a datagram, which is lost by then.
const UDP_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest `--slack`: beyond it, most of the response time would be the generator's.
const LONGEST_SLACK: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// The server to measure: HOST:PORT, [IPV6]:PORT, a HOST (port 50007), a PORT (of localhost), or a Unix
    /// socket: unix:PATH, on Linux also unix:@NAME
    /// [default: start one of our own]
    pub(super) addr: Option<Endpoint>,

    /// The mode of the server that is started
    #[arg(short, long, value_enum, default_value_t = ModeName::EventLoop, conflicts_with = "addr")]
    pub(super) mode: ModeName,

    /// Measure over UDP: each message is a datagram, and each connection a socket of its own
    #[arg(long, conflicts_with = "connect_rate", help_heading = "Load")]
    udp: bool,

    /// What the connections do
    #[arg(long, value_enum, default_value_t = LoadPatternName::Echo, help_heading = "Load")]
    pattern: LoadPatternName,

    /// Number of concurrent connections
    #[arg(short, long, value_name = "N", value_parser = at_least_one, default_value = "50", help_heading = "Load")]
    connections: usize,

    /// Size of a message [default: 64; stream 64KiB]
    #[arg(short, long, value_name = "SIZE", value_parser = message_size, help_heading = "Load")]
    size: Option<Bytes>,

    /// Messages in flight on each connection [default: 1; stream 8]
    #[arg(short, long, value_name = "N", value_parser = at_least_one, help_heading = "Load")]
    depth: Option<usize>,

    /// Messages due per second over all connections, whether or not the server keeps up
    #[arg(short, long, value_name = "PER-SECOND", value_parser = positive_rate, help_heading = "Load")]
    rate: Option<f64>,

    /// How the times at which messages are due are spaced
    #[arg(long, value_enum, requires = "rate", default_value_t = ArrivalsName::Fixed, help_heading = "Load")]
    arrivals: ArrivalsName,

    /// Seed of the Poisson arrivals [default: random]
    #[arg(long, value_name = "N", help_heading = "Load")]
    seed: Option<u64>,

    /// How late a message may be sent so that several share a wake-up [default: 200us from 80000 per second on, else 0s]
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "rate", help_heading = "Load")]
    slack: Option<Duration>,

    /// Connections opened per second [default: as fast as possible]
    #[arg(long, value_name = "PER-SECOND", value_parser = positive_rate, help_heading = "Load")]
    connect_rate: Option<f64>,

    /// Local addresses to connect from, in turn; each has about 28000 ports [default: the system chooses]
    #[arg(
        long,
        value_name = "ADDRESSES",
        value_delimiter = ',',
        help_heading = "Load"
    )]
    source: Vec<IpAddr>,

    /// How long to measure
    #[arg(short = 't', long, value_name = "TIME", value_parser = positive_duration, default_value = "5s", help_heading = "Load")]
    duration: Duration,

    /// Measure this many messages, however long it takes
    #[arg(short = 'n', long, value_name = "N", value_parser = at_least_one, conflicts_with = "duration", help_heading = "Load")]
    messages: Option<usize>,

    /// How long the load runs before the measurement: a time, or auto, until the server's CPU time per message stops
    /// falling, at most 10s
    #[arg(long, value_name = "TIME", value_parser = warm_up, default_value = "auto", help_heading = "Load")]
    warmup: WarmUpLength,

    /// How long a connect or a reply may take; a datagram without a reply is lost by then [default: 5s, with --udp 1s]
    #[arg(long, value_name = "TIME", value_parser = positive_duration, help_heading = "Load")]
    timeout: Option<Duration>,

    /// Do not compare what comes back with what was sent
    #[arg(long, help_heading = "Load")]
    no_verify: bool,

    /// Measure built-in servers that are wrong in a known way, and print what was injected beside what was measured
    #[arg(long, help_heading = "Measurement", conflicts_with_all = [
        "addr", "mode", "pattern", "connections", "threads", "size", "depth", "rate", "connect_rate", "duration", "messages",
        "warmup", "timeout", "udp", "no_verify", "pid", "no_pin", "fail_if", "html", "hgrm", "hlog", "seed", "source",
        "counters", "flamegraph",
    ])]
    pub(super) calibrate: bool,

    /// Process id of the server at ADDR, to report its costs
    #[arg(
        long,
        value_name = "PID",
        value_parser = process_id,
        requires = "addr",
        help_heading = "Measurement"
    )]
    pub(super) pid: Option<u32>,

    #[command(flatten)]
    pub(super) placement: PlacementArguments,

    #[command(flatten)]
    pub(super) instruments: InstrumentArguments,

    /// Fail if this condition holds, as in 'p99>2ms'; may be given several times
    #[arg(long, value_name = "CONDITION", help_heading = "Output")]
    pub(super) fail_if: Vec<Threshold>,

    /// Write all figures as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) json: Option<PathBuf>,

    /// Write a page with the summary and with charts of rate, latency and failures over time
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) html: Option<PathBuf>,

    /// Write the percentiles as text for the plotters of HdrHistogram
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) hgrm: Option<PathBuf>,

    /// Write the latencies of each second as an HdrHistogram log (version 2), which can be merged with those of other runs
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) hlog: Option<PathBuf>,
}

impl BenchArguments {
    /// Rejects combinations that make no sense.
    pub(super) fn validate(&self) -> Result<(), String> {
        let pattern = LoadPattern::from(self.pattern);
        let one_message = matches!(pattern, LoadPattern::Churn | LoadPattern::Idle);
        if one_message && (self.rate.is_some() || self.depth.is_some()) {
            return Err(format!(
                "--rate and --depth do not apply to the pattern {pattern}"
            ));
        }
        if self.udp && pattern != LoadPattern::Echo {
            return Err(format!("--udp has no pattern {pattern}, only echo"));
        }
        if self.udp && self.depth.is_some() && self.rate.is_some() {
            return Err(
                "--depth does not apply to --udp with --rate: nothing holds a datagram back"
                    .to_owned(),
            );
        }
        self.check_schedule()?;
        self.check_load()?;
        self.instruments
            .validate(self.addr.is_none() || self.pid.is_some())?;
        self.placement().check()?;
        check_reports(self.files())
    }

    /// Rejects what contradicts the schedule of an open loop.
    fn check_schedule(&self) -> Result<(), String> {
        if self.seed.is_some() && self.arrivals == ArrivalsName::Fixed {
            return Err("--seed needs --arrivals poisson".to_owned());
        }
        match self.slack {
            Some(slack) if slack > LONGEST_SLACK => Err("--slack must be at most 1s".to_owned()),
            _ => Ok(()),
        }
    }

    /// Rejects a load that this machine cannot generate, or that the server started for it cannot hold.
    fn check_load(&self) -> Result<(), String> {
        let plan = self.load_plan(self.presumed_address());
        plan.check().map_err(|error| error.to_string())?;
        if let (Some(rate), StopCondition::Elapsed(time)) = (plan.rate, plan.stop_when)
            && rate * time.as_secs_f64() < 1.0
        {
            return Err(format!(
                "--rate {rate} is too low: --duration may end before a message is due"
            ));
        }
        let fit = connections_that_fit(self.mode.into());
        if self.addr.is_none() && self.connections > fit {
            return Err(format!(
                "a server in this mode can hold {fit} connections on this system, not {}",
                self.connections
            ));
        }
        Ok(())
    }

    /// Where the server is, before its name is resolved. One that is still to be started is on the loopback interface of
    /// IPv4.
    fn presumed_address(&self) -> Address {
        if let Some(name) = self.addr.as_ref().and_then(Endpoint::unix_name) {
            return Address::Unix(name.clone());
        }
        let host = match self.source.first() {
            Some(IpAddr::V6(_)) if self.addr.is_some() => Ipv6Addr::LOCALHOST.into(),
            _ => IpAddr::from(Ipv4Addr::LOCALHOST),
        };
        Address::Inet((host, 0).into())
    }

    /// The files to write.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [
            &self.json,
            &self.html,
            &self.hgrm,
            &self.hlog,
            &self.instruments.flamegraph,
        ];
        let files = files.into_iter().flatten();
        files.map(PathBuf::as_path)
    }

    /// How many of the files are standard output.
    pub(super) fn reports_on_stdout(&self) -> usize {
        self.files().filter(|file| *file == Path::new("-")).count()
    }

    /// What was measured, as the title of a picture.
    pub(super) fn subject(&self, target: &str) -> String {
        let server = match &self.addr {
            Some(_) => target.to_owned(),
            None => format!("mio-echo serve --mode {}", Mode::from(self.mode)),
        };
        let pattern = LoadPattern::from(self.pattern);
        let plural = if self.connections == 1 { "" } else { "s" };
        format!(
            "{server}: {pattern}, {} connection{plural}",
            self.connections
        )
    }

    /// What carries the messages.
    pub(super) fn transport(&self) -> Transport {
        if self.udp {
            Transport::Datagrams
        } else {
            Transport::Stream
        }
    }

    /// How long a connect or a reply may take.
    pub(super) fn timeout(&self) -> Duration {
        let default = if self.udp { UDP_TIMEOUT } else { TIMEOUT };
        self.timeout.unwrap_or(default)
    }

    /// Where the server comes from.
    pub(super) fn origin(&self) -> Origin {
        match &self.addr {
            Some(endpoint) => Origin::Running {
                endpoint: endpoint.clone(),
                pid: self.pid,
            },
            None => Origin::Own(self.mode.into()),
        }
    }

    /// A server that is already running is not moved to other cores, and neither is the generator unless an option says so.
    pub(super) fn placement(&self) -> Placement {
        if self.addr.is_some() && !self.placement.is_given() {
            Placement::Unpinned
        } else {
            self.placement.placement()
        }
    }

    /// The load on the server at `target`.
    pub(super) fn load_plan(&self, target: Address) -> LoadPlan {
        let pattern = LoadPattern::from(self.pattern);
        let (size, depth) = match pattern {
            LoadPattern::Stream => (64 * 1024, 8),
            LoadPattern::Echo | LoadPattern::Churn | LoadPattern::Idle => (64, 1),
        };
        LoadPlan {
            target,
            transport: self.transport(),
            sources: self.source.clone(),
            pattern,
            connections: self.connections,
            threads: self.placement.threads,
            size: self.size.map_or(size, |size| size.0),
            depth: self.depth.unwrap_or(depth),
            rate: self.rate,
            arrivals: self
                .arrivals
                .with_seed(self.seed.unwrap_or_else(rng::random_seed)),
            slack: self.slack,
            connect_rate: self.connect_rate,
            warm_up: self.warmup.least(),
            warm_up_extension: self.warmup.extension(),
            stop_when: match self.messages {
                Some(count) => StopCondition::Messages(count as u64),
                None => StopCondition::Elapsed(self.duration),
            },
            verify: if self.no_verify {
                Verify::Nothing
            } else {
                Verify::EveryByte
            },
            timeout: self.timeout(),
        }
    }
}
