//! System calls per message: a pass of its own, for whoever counts gets in the way of the server.

use super::measure::{Stopped, load_plan};
use super::model::Counted;
use super::server::{NoServer, Server};
use super::{Pattern, Plan, Scenario};
use crate::measure::load::{self, LoadObserver, Progress};
use crate::measure::process::SyscallCounter;
use std::ops::ControlFlow;

/// Messages that are in flight when the counting begins or ends are counted by halves: all messages together have
/// to be so many times as many.
const MANY_TIMES: u64 = 20;

/// Counts the system calls of the contender of number `contender` under the load of `scenario`; nothing where
/// there are no messages to share them among, or no process to look into.
pub(super) fn count_calls(
    plan: &Plan,
    contender: usize,
    core: Option<usize>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<Result<Counted, String>>, Stopped> {
    let has_messages = !matches!(scenario.pattern, Pattern::Idle | Pattern::Fairness);
    let (true, Some(entry)) = (has_messages, plan.entries.get(contender)) else {
        return Ok(None);
    };
    let mut server = match Server::start(entry, core, plan.patience, &mut || progress(0)) {
        Ok(server) => server,
        Err(NoServer::Failed(failure)) => return Ok(Some(Err(failure.to_string()))),
        Err(NoServer::Stopped) => return Err(Stopped),
    };
    let Some(pid) = server.pid() else {
        return Ok(None);
    };
    let mut counting = CountingCalls {
        pid,
        counting: None,
        calls: Err("the load ended before it began".to_owned()),
        progress,
        stopped: false,
    };
    let load = load_plan(plan, scenario, server.address);
    let outcome = load::run(&load, &mut counting);
    if counting.stopped {
        return Err(Stopped);
    }
    let messages = outcome.map_or(0, |outcome| outcome.messages);
    let calls = counting.calls;
    Ok(Some(
        calls.and_then(|calls| shared(calls, messages, scenario)),
    ))
}

/// The calls with the messages to share them among, if these are enough.
fn shared(calls: u64, messages: u64, scenario: &Scenario) -> Result<Counted, String> {
    let in_flight = (scenario.connections * scenario.depth) as u64;
    if messages < MANY_TIMES * in_flight {
        return Err(format!(
            "{messages} messages are too few to share them among"
        ));
    }
    Ok(Counted { calls, messages })
}

/// The load's moments, between which somebody counts.
struct CountingCalls<'a, P> {
    pid: u32,
    counting: Option<SyscallCounter>,
    calls: Result<u64, String>,
    progress: &'a mut P,
    stopped: bool,
}

impl<P: FnMut(u64) -> ControlFlow<()>> LoadObserver for CountingCalls<'_, P> {
    fn measurement_started(&mut self) {
        match SyscallCounter::start(self.pid) {
            Ok(counting) => self.counting = Some(counting),
            Err(error) => self.calls = Err(error.to_string()),
        }
    }

    fn measurement_ended(&mut self) {
        if let Some(counting) = self.counting.take() {
            let counted = counting.finish().map(|counted| counted.total);
            self.calls = counted.map_err(|error| error.to_string());
        }
    }

    fn progress(&mut self, so_far: &Progress) -> ControlFlow<()> {
        let asked = (self.progress)(so_far.per_mille);
        self.stopped |= asked.is_break();
        asked
    }
}
