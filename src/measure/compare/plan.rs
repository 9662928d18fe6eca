//! What to compare, and how.

use super::contender::ContenderSpec;
use super::correction::rounds_needed;
use super::extra::Extra;
use super::metric::Metric;
use super::model::Role;
use super::scenario::{OfferedLoad, Scenario, ScenarioPattern};
use crate::measure::bench::{Threshold, WarmUpLength, float};
use crate::measure::load::{Arrivals, LoadPlan, Transport, Verify};
use crate::measure::process::Placement;
use crate::server::{Mode, connections_that_fit};
use crate::text::units;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How many times as many rounds there are at most, if they are added until the intervals are narrow.
pub const MAX_EXTENSION: u32 = 5;

/// What a measurement takes besides its warm-up and its duration: starting and stopping a server, opening
/// connections.
const OVERHEAD: Duration = Duration::from_millis(200);

/// What to compare, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The contenders, at least one. The first is the baseline of every ratio.
    pub contenders: Vec<ContenderSpec>,
    /// The scenarios, each of them run with every contender.
    pub scenarios: Vec<Scenario>,
    /// What follows each scenario in which the contenders are saturated.
    pub follow_up: FollowUp,
    /// Rounds for each scenario, at least one. [`rounds_for`] is a good number.
    pub rounds: u32,
    /// More rounds are added until the intervals of the primary metric are within ± this share of the ratio, up to
    /// [`MAX_EXTENSION`] times as many; `None` adds none.
    pub until: Option<f64>,
    /// The common rates of an earlier comparison, to be used again.
    pub common_rates: Vec<Scenario>,
    /// The largest difference between contenders that does not matter, as a share of 1.
    pub margin: f64,
    /// How long each measurement takes.
    pub duration: Duration,
    /// How long the load runs before each measurement of a contender that asks for nothing else.
    pub warm_up: WarmUpLength,
    /// Seed of the order of contenders in every round.
    pub seed: u64,
    /// How the times at which messages are due are spaced, where a scenario has a rate; the same times for all contenders.
    pub arrivals: Arrivals,
    /// Connections opened per second before each measurement; `None` opens them as fast as possible.
    pub connect_rate: Option<f64>,
    /// Threads of the generator, but at most one for each connection of a scenario.
    pub threads: usize,
    /// Which cores servers and generator run on.
    pub placement: Placement,
    /// Whether every byte that comes back is compared.
    pub verify: Verify,
    /// Whether to count system calls, with perf(1) or strace(1). That slows the server down, so it has a pass of its own after
    /// the last round.
    pub syscalls: Extra,
    /// Whether to count instructions, cycles and cache misses in each measurement, with perf(1).
    pub counters: Extra,
    /// Whether to draw a flame graph of each contender in each scenario, with perf(1), in a pass of its own.
    pub flame_graphs: Extra,
    /// How long a server may take to start.
    pub start_timeout: Duration,
    /// How long a connection may take to be accepted, and a message to come back. A datagram that does not is lost.
    pub timeout: Duration,
    /// The command line as it was typed, for the reports.
    pub command_line: Vec<String>,
}

/// What is measured after a scenario in which the contenders are saturated, with rates that follow from what they reached.
#[derive(Debug, Clone, PartialEq)]
pub enum FollowUp {
    /// Nothing.
    Nothing,
    /// The same at one rate that all of them hold: half of what the slowest one reached, or less if need be.
    CommonRate,
    /// The same at several rates, up to what the fastest one reached.
    Sweep,
    /// For each of them, a search for the highest rate at which this holds.
    FindRate(Threshold),
}

/// The rates of a sweep, in percent of what the fastest contender reached.
pub(super) const SWEEP_PERCENT: [u32; 6] = [10, 25, 50, 70, 85, 95];

impl FollowUp {
    /// The scenarios that are measured for each saturated one.
    fn scenarios(&self) -> usize {
        match self {
            Self::Nothing | Self::FindRate(_) => 0,
            Self::CommonRate => 1,
            Self::Sweep => SWEEP_PERCENT.len(),
        }
    }
}

impl Plan {
    /// Every contender that a round measures, with its role: the contenders in their order, then the baseline a
    /// second time.
    pub(super) fn participants(&self) -> impl Iterator<Item = (Role, &ContenderSpec)> {
        let roles = std::iter::once(Role::Baseline).chain(std::iter::repeat(Role::Other));
        let again = self.contenders.first().map(|first| (Role::Again, first));
        roles.zip(&self.contenders).chain(again)
    }

    /// Measurements in total, unless a contender fails.
    pub(super) fn measurements(&self) -> usize {
        let rounds = usize::try_from(self.rounds).unwrap_or(usize::MAX);
        let saturated = self.scenarios.iter().filter(|it| it.is_saturated()).count();
        let follow_ups = saturated.saturating_mul(self.follow_up.scenarios());
        let scenarios = self.scenarios.len().saturating_add(follow_ups);
        let each_round = self.participants().count().saturating_mul(scenarios);
        each_round.saturating_mul(rounds)
    }

    /// How long all of them may take together.
    pub(super) fn estimate(&self) -> Duration {
        let each = self
            .duration
            .saturating_add(self.warm_up.usual())
            .saturating_add(self.opening())
            .saturating_add(OVERHEAD);
        each.saturating_mul(u32::try_from(self.measurements()).unwrap_or(u32::MAX))
    }

    /// How long the scenario with the most connections takes to open them.
    fn opening(&self) -> Duration {
        let connections = self.scenarios.iter().map(|scenario| scenario.connections);
        let most = float(connections.max().unwrap_or(0) as u64);
        let seconds = self.connect_rate.map_or(0.0, |rate| most / rate);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Whether this machine can run it.
    ///
    /// # Errors
    ///
    /// The placement asks for cores that may not be used, a scenario has more connections than this program, or a server
    /// that it starts, may have open files (`RLIMIT_NOFILE`, getrlimit(2)), the generator has too many threads, or UDP is
    /// to carry what it cannot. The error is one line of text.
    pub fn check(&self) -> Result<(), String> {
        self.placement.check()?;
        self.check_datagrams()?;
        let connections = self.scenarios.iter().map(|scenario| scenario.connections);
        let most = connections.max().unwrap_or(0);
        let fit = connections_that_fit(Mode::EventLoop);
        if most > fit {
            return Err(format!(
                "{} do not fit within the limit on open files: at most {} do (ulimit -n)",
                units::counted(most, "connection", "connections"),
                units::count(fit)
            ));
        }
        let load = LoadPlan {
            threads: self.threads.min(most),
            connections: most,
            ..LoadPlan::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        };
        load.check().map_err(|error| error.to_string())
    }

    /// A datagram has a largest size, and no Unix socket that is compared takes any.
    fn check_datagrams(&self) -> Result<(), String> {
        let scenarios = self.scenarios.iter();
        let udp = scenarios.filter(|it| it.pattern == ScenarioPattern::Datagrams);
        for scenario in udp {
            let load = LoadPlan {
                transport: Transport::Datagrams,
                threads: self.threads,
                size: scenario.size,
                ..LoadPlan::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            };
            load.check().map_err(|error| error.to_string())?;
            let mut contenders = self.contenders.iter();
            if let Some(contender) = contenders.find(|it| it.is_on_unix_socket()) {
                let name = &contender.name;
                return Err(format!("`{name}` is on a Unix socket, which has no UDP"));
            }
        }
        Ok(())
    }
}

/// As many rounds as it takes to draw conclusions from all contenders in all scenarios of `plan`, and no fewer than
/// `least`.
pub fn rounds_for(plan: &Plan, least: u32) -> u32 {
    let compared_in = |scenario: &Scenario| Metric::compared_in(scenario, plan.counters);
    let compared_with_follow_up = |scenario: &Scenario| {
        let own = compared_in(scenario);
        if !scenario.is_saturated() {
            return own;
        }
        let load = OfferedLoad::CommonRate(1);
        let follow_up = compared_in(&Scenario { load, ..*scenario });
        own + follow_up.saturating_mul(plan.follow_up.scenarios())
    };
    let metrics = plan
        .scenarios
        .iter()
        .map(compared_with_follow_up)
        .sum::<usize>();
    let others = plan.contenders.len().saturating_sub(1);
    rounds_needed(others.saturating_mul(metrics)).max(least)
}
