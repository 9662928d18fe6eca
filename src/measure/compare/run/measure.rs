//! One measurement: a contender under the load of a scenario, with its values or its failure.

use super::fairness;
use crate::measure::bench::{
    BenchServer, LaunchError, SamplingObserver, UsageSampler, Values, last_lines,
};
use crate::measure::compare::contender::ContenderSpec;
use crate::measure::compare::model::{ContenderFailure, MeasurementStatus};
use crate::measure::compare::plan::Plan;
use crate::measure::compare::scenario::{Scenario, ScenarioPattern};
use crate::measure::load::{self, LoadObserver, LoadPattern, LoadPlan, Progress, StopCondition};
use crate::text::os_error;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

/// How long a server whose connections have failed gets to end, so that its end is reported as the cause.
const EXIT_GRACE: Duration = Duration::from_millis(100);

/// The progress observer asked to stop.
#[derive(Debug)]
pub(super) struct Stopped;

/// Measures the contender of `spec`, its server on `core`. `progress` gets the thousandths that are done and returns
/// whether to go on. A server whose port another program has taken is measured once more, on another port.
pub(super) fn measure(
    plan: &Plan,
    spec: &ContenderSpec,
    core: Option<usize>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<MeasurementStatus, Stopped> {
    match measure_once(plan, spec, core, scenario, progress)? {
        Attempt::PortLost => match measure_once(plan, spec, core, scenario, progress)? {
            Attempt::PortLost => Ok(MeasurementStatus::Failed(ContenderFailure::NotStarted {
                reason: "another program took its port, twice".to_owned(),
                stderr: Vec::new(),
            })),
            Attempt::Done(status) => Ok(status),
        },
        Attempt::Done(status) => Ok(status),
    }
}

enum Attempt {
    Done(MeasurementStatus),
    /// The server ended, and another program listens on its port.
    PortLost,
}

fn measure_once(
    plan: &Plan,
    spec: &ContenderSpec,
    core: Option<usize>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Attempt, Stopped> {
    let go_on = &mut || progress(0);
    let mut server = match BenchServer::start(&spec.origin, core, plan.timeout, go_on) {
        Ok(server) => server,
        Err(LaunchError::Failed { reason, stderr }) => {
            let failure = ContenderFailure::NotStarted { reason, stderr };
            return Ok(Attempt::Done(MeasurementStatus::Failed(failure)));
        }
        Err(LaunchError::Stopped) => return Err(Stopped),
    };
    let sampler = server.pid().and_then(|pid| UsageSampler::new(pid).ok());
    let mut observer = SamplingObserver::new(sampler, |it: &Progress| progress(it.per_mille));
    let values = run_load(plan, scenario, server.address, &mut observer);
    if observer.is_stopped() {
        return Err(Stopped);
    }
    let values = values.map(|values| Values {
        server: observer.cost(),
        ..values
    });
    Ok(match check(scenario, values, &mut server) {
        Ok(values) => Attempt::Done(MeasurementStatus::Measured(values)),
        Err(ContenderFailure::Terminated { .. }) if server.has_lost_port() => Attempt::PortLost,
        Err(failure) => Attempt::Done(MeasurementStatus::Failed(failure)),
    })
}

fn run_load(
    plan: &Plan,
    scenario: &Scenario,
    target: SocketAddr,
    observer: &mut impl LoadObserver,
) -> io::Result<Values> {
    let load_plan = load_plan(plan, scenario, target);
    if scenario.pattern == ScenarioPattern::Fairness {
        return fairness::run(&load_plan, observer);
    }
    Ok(Values::new(&load::run(&load_plan, observer)?, None))
}

/// The load of `scenario` on the server at `target`.
pub(super) fn load_plan(plan: &Plan, scenario: &Scenario, target: SocketAddr) -> LoadPlan {
    LoadPlan {
        pattern: match scenario.pattern {
            ScenarioPattern::Echo | ScenarioPattern::Fairness => LoadPattern::Echo,
            ScenarioPattern::Churn => LoadPattern::Churn,
            ScenarioPattern::Idle => LoadPattern::Idle,
            ScenarioPattern::Stream => LoadPattern::Stream,
        },
        connections: scenario.connections,
        size: scenario.size,
        depth: scenario.depth,
        warm_up: plan.warm_up,
        stop_when: StopCondition::Elapsed(plan.duration),
        verify: plan.verify,
        timeout: plan.timeout,
        ..LoadPlan::new(target)
    }
}

/// The values, unless the server or the measurement has failed.
fn check(
    scenario: &Scenario,
    values: io::Result<Values>,
    server: &mut BenchServer,
) -> Result<Values, ContenderFailure> {
    let values = values.map_err(|error| ContenderFailure::NotMeasured {
        reason: format!("the load could not run: {}", os_error::describe(&error)),
    })?;
    let failure = failure(scenario, &values);
    // Its connections are reset before its end can be seen.
    let grace = failure.as_ref().map_or(Duration::ZERO, |_| EXIT_GRACE);
    if let Some(exited) = server.exit_within(grace) {
        return Err(ContenderFailure::Terminated {
            reason: exited.to_string(),
            stderr: last_lines(&exited),
        });
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(values),
    }
}

/// What went wrong, the most serious first.
fn failure(scenario: &Scenario, values: &Values) -> Option<ContenderFailure> {
    if let Some(mismatch) = values.first_mismatch {
        return Some(ContenderFailure::Corrupted(mismatch));
    }
    if values.starved > 0 {
        let connections = values.starved;
        return Some(ContenderFailure::Starved { connections });
    }
    if values.failures.total() > 0 {
        return Some(ContenderFailure::ConnectionsFailed {
            failures: values.failures,
            first_timeout: values.first_timeout,
        });
    }
    if values.unanswered > 0 {
        let messages = values.unanswered;
        return Some(ContenderFailure::Unanswered { messages });
    }
    let is_silent = values.messages == 0 && scenario.pattern != ScenarioPattern::Idle;
    is_silent.then_some(ContenderFailure::Stalled)
}
