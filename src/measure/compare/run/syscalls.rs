//! System calls per message, counted in a pass of its own because counting slows the server down.

use super::measure::{Stopped, load_plan};
use crate::measure::bench::{BenchServer, LaunchError};
use crate::measure::compare::contender::ContenderSpec;
use crate::measure::compare::model::SyscallStatus;
use crate::measure::compare::plan::Plan;
use crate::measure::compare::scenario::{Scenario, ScenarioPattern};
use crate::measure::load::{self, LoadObserver, Progress};
use crate::measure::process::SyscallCounter;
use crate::text::units;
use std::ops::ControlFlow;

/// Messages in flight when counting starts or ends are counted in part. This many times as many messages make the
/// error negligible.
const MIN_MESSAGES_PER_IN_FLIGHT: u64 = 20;

/// Counts the system calls of the contender of `spec` under the load of `scenario`. `None` where the scenario has no
/// messages to relate them to, or where the server's process is not visible.
pub(super) fn count_syscalls(
    plan: &Plan,
    spec: &ContenderSpec,
    cores: Option<&[usize]>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<SyscallStatus>, Stopped> {
    if let ScenarioPattern::Idle | ScenarioPattern::Fairness = scenario.pattern {
        return Ok(None);
    }
    let (go_on, transport) = (&mut || progress(0), scenario.pattern.transport());
    let server = match BenchServer::start(&spec.origin, transport, cores, plan.start_timeout, go_on)
    {
        Ok(server) => server,
        Err(LaunchError::Failed { reason, .. }) => {
            let reason = format!("the server did not start: {reason}");
            return Ok(Some(SyscallStatus::NotCounted { reason }));
        }
        Err(LaunchError::Stopped) => return Err(Stopped),
    };
    let Some(pid) = server.pid() else {
        return Ok(None);
    };
    let mut observer = CountingObserver {
        pid,
        counter: None,
        syscalls: Err("the load ended before the measurement started".to_owned()),
        progress,
        is_stopped: false,
    };
    let results = load::run(
        &load_plan(plan, spec, scenario, &server.address),
        &mut observer,
    );
    if observer.is_stopped {
        return Err(Stopped);
    }
    let messages = results.map_or(0, |results| results.messages);
    Ok(Some(status(observer.syscalls, messages, scenario)))
}

fn status(syscalls: Result<u64, String>, messages: u64, scenario: &Scenario) -> SyscallStatus {
    let in_flight = scenario.connections.saturating_mul(scenario.depth) as u64;
    match syscalls {
        Err(reason) => SyscallStatus::NotCounted { reason },
        Ok(_) if messages < MIN_MESSAGES_PER_IN_FLIGHT.saturating_mul(in_flight) => {
            SyscallStatus::NotCounted {
                reason: format!(
                    "{} are too few for a figure per message",
                    units::counted(
                        usize::try_from(messages).unwrap_or(usize::MAX),
                        "message",
                        "messages"
                    )
                ),
            }
        }
        Ok(syscalls) => SyscallStatus::Counted { syscalls, messages },
    }
}

/// Counts from the start to the end of the measurement.
struct CountingObserver<'a, P> {
    pid: u32,
    /// `Some` while counting.
    counter: Option<SyscallCounter>,
    syscalls: Result<u64, String>,
    progress: &'a mut P,
    is_stopped: bool,
}

impl<P: FnMut(u64) -> ControlFlow<()>> LoadObserver for CountingObserver<'_, P> {
    fn measurement_started(&mut self) {
        match SyscallCounter::start(self.pid) {
            Ok(counter) => self.counter = Some(counter),
            Err(error) => self.syscalls = Err(error.to_string()),
        }
    }

    fn measurement_ended(&mut self) {
        if let Some(counter) = self.counter.take() {
            let count = counter.finish().map(|count| count.total);
            self.syscalls = count.map_err(|error| error.to_string());
        }
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let next = (self.progress)(progress.per_mille);
        self.is_stopped |= next.is_break();
        next
    }
}
