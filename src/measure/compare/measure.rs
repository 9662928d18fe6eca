//! One contender, once: what the load and the process say, as values or as the failure that it was.

use super::fairness::{self, Taken};
use super::model::{Cost, Failure, Finding, Values};
use super::server::{NoServer, Server};
use super::{Pattern, Plan, Scenario};
use crate::measure::load::{self, LoadObserver, LoadResults, Progress};
use crate::measure::process::Usage;
use crate::text::units::nanoseconds;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

/// A server that answers nobody for so long has stalled. In less, a busy machine may not have come round to it.
const STALLED: Duration = Duration::from_secs(1);

/// Somebody wants to stop.
#[derive(Debug)]
pub(super) struct Stopped;

/// Measures the contender of number `contender` in `scenario`. `progress` is told how many thousandths of it
/// are done, and says whether to go on.
pub(super) fn measure(
    plan: &Plan,
    contender: usize,
    core: Option<usize>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Finding, Stopped> {
    let Some(entry) = plan.entries.get(contender) else {
        return Err(Stopped);
    };
    let mut go_on = || progress(0);
    let mut server = match Server::start(entry, core, plan.patience, &mut go_on) {
        Ok(server) => server,
        Err(NoServer::Failed(failure)) => return Ok(Finding::Failed(failure)),
        Err(NoServer::Stopped) => return Err(Stopped),
    };
    let pid = server.pid();
    let before = pid.and_then(usage);
    let mut watched = Watched {
        pid,
        begin: None,
        end: None,
        progress,
        stopped: false,
    };
    let load = load_plan(plan, scenario, server.address);
    let taken = put_on(&load, scenario.pattern, &mut watched);
    if watched.stopped {
        return Err(Stopped);
    }
    let cost = cost(before, watched.begin, watched.end);
    Ok(finding(scenario, taken, cost, &mut server))
}

fn put_on(
    load: &load::LoadPlan,
    pattern: Pattern,
    watch: &mut impl LoadObserver,
) -> io::Result<Taken> {
    if pattern == Pattern::Fairness {
        return fairness::run(load, watch);
    }
    let outcome = load::run(load, watch)?;
    let flood = None;
    Ok(Taken { outcome, flood })
}

/// The load of a scenario, for a server.
pub(super) fn load_plan(plan: &Plan, scenario: &Scenario, target: SocketAddr) -> load::LoadPlan {
    load::LoadPlan {
        pattern: match scenario.pattern {
            Pattern::Echo | Pattern::Fairness => load::LoadPattern::Echo,
            Pattern::Churn => load::LoadPattern::Churn,
            Pattern::Idle => load::LoadPattern::Idle,
            Pattern::Stream => load::LoadPattern::Stream,
        },
        connections: scenario.connections,
        size: scenario.size,
        depth: scenario.depth,
        warm_up: plan.warm_up,
        stop_when: load::StopCondition::Elapsed(plan.duration),
        verify: plan.verify,
        timeout: plan.patience,
        ..load::LoadPlan::new(target)
    }
}

/// The load's moments, at which the server's process is looked at.
struct Watched<'a, P> {
    /// None if it cannot be seen.
    pid: Option<u32>,
    begin: Option<Usage>,
    end: Option<Usage>,
    progress: &'a mut P,
    stopped: bool,
}

impl<P: FnMut(u64) -> ControlFlow<()>> LoadObserver for Watched<'_, P> {
    fn measurement_started(&mut self) {
        self.begin = self.pid.and_then(usage);
    }

    fn measurement_ended(&mut self) {
        self.end = self.pid.and_then(usage);
    }

    fn progress(&mut self, so_far: &Progress) -> ControlFlow<()> {
        let asked = (self.progress)(so_far.per_mille);
        self.stopped |= asked.is_break();
        asked
    }
}

/// What the process has cost so far; none if it cannot be seen.
fn usage(pid: u32) -> Option<Usage> {
    Usage::of(pid).ok()
}

fn cost(before: Option<Usage>, begin: Option<Usage>, end: Option<Usage>) -> Option<Cost> {
    let (before, end) = (before?, end?);
    let added = end.since(&begin?);
    Some(Cost {
        user_ns: nanoseconds(added.user),
        system_ns: nanoseconds(added.system),
        voluntary_switches: added.voluntary_switches,
        involuntary_switches: added.involuntary_switches,
        threads: end.threads,
        resident_before: before.resident,
        resident_after: end.resident,
    })
}

fn finding(
    scenario: &Scenario,
    taken: io::Result<Taken>,
    server_cost: Option<Cost>,
    server: &mut Server,
) -> Finding {
    let taken = match taken {
        Ok(taken) => taken,
        Err(error) => {
            let why = format!(
                "the load could not run: {}",
                crate::text::os_error::in_words(&error)
            );
            return Finding::Failed(Failure::NotMeasured { why });
        }
    };
    if let Some(failure) = server.early_exit() {
        let how = failure.to_string();
        return Finding::Failed(Failure::Died { how });
    }
    let outcomes = [Some(&taken.outcome), taken.flood.as_ref()];
    if let Some(failure) = outcomes.into_iter().flatten().find_map(broken) {
        return Finding::Failed(failure);
    }
    let is_silent = taken.outcome.messages == 0 && scenario.pattern != Pattern::Idle;
    if is_silent && taken.outcome.elapsed >= STALLED {
        return Finding::Failed(Failure::Stalled);
    }
    Finding::Measured(values(&taken, server_cost))
}

/// What went wrong with the connections, the gravest first.
fn broken(outcome: &LoadResults) -> Option<Failure> {
    if let Some(mismatch) = outcome.first_mismatch {
        return Some(Failure::Corrupted(mismatch));
    }
    if outcome.failures.total() > 0 {
        let kinds = outcome.failures.by_kind().into_iter();
        let kinds = kinds.filter(|(_, count)| *count > 0);
        return Some(Failure::Broken {
            connections: kinds
                .map(|(kind, count)| (kind.to_string(), count))
                .collect(),
            first: outcome.first_timeout,
        });
    }
    let connections = outcome.starved as u64;
    (connections > 0).then_some(Failure::Starved { connections })
}

fn values(taken: &Taken, server: Option<Cost>) -> Values {
    let outcome = &taken.outcome;
    let latency = outcome.response.as_ref().unwrap_or(&outcome.service);
    let quantile = |quantile| latency.quantile(quantile).map(nanoseconds);
    Values {
        elapsed_ns: nanoseconds(outcome.elapsed),
        messages: outcome.messages,
        bytes: outcome.bytes,
        p50_ns: quantile(0.5),
        p99_ns: quantile(0.99),
        p999_ns: quantile(0.999),
        max_ns: latency.max().map(nanoseconds),
        flood_bytes: taken.flood.as_ref().map(|flood| flood.bytes),
        flood_elapsed_ns: taken.flood.as_ref().map(|flood| nanoseconds(flood.elapsed)),
        server,
        generator_cpu_ns: nanoseconds(outcome.generator.cpu),
    }
}
