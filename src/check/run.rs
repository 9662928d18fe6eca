//! Runs checks against a server, one after the other.
//!
//! A failed check must not affect the next one: each has connections and a time limit of its own, and a server that
//! has exited or no longer echoes is started again.

use super::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use super::results::{CheckReport, CheckResult, CheckStatus, Grade};
use super::server::{CheckTarget, CheckedServer, LaunchSetup, START_TIMEOUT};
use super::symptom::Symptom;
use super::time_limit::{RunLimit, TimeLimit};
use super::trial::{Effort, Trial};
use crate::measure::load::{Payload, Transport};
use crate::measure::process::Usage;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a server is restarted before the remaining checks are given up.
const MAX_RESTARTS: u32 = 10;

/// The longest wait for the echo of two bytes after a failure. It shows whether the server still works.
const ECHO_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait for the end of a server that no longer echoes, so that it can be reported.
const EXIT_TIME: Duration = Duration::from_millis(200);

/// Why a check was not run after a signal.
const INTERRUPTED: &str = "interrupted";

/// Why a check was not run that the limit of the run leaves no time for.
const NO_TIME: &str = "no time was left";

/// What to check, and how.
#[derive(Debug, Clone)]
pub struct CheckPlan {
    /// What the report calls the server.
    pub name: String,
    /// The server.
    pub target: CheckTarget,
    /// How it is spoken to.
    pub transport: Transport,
    /// The checks, in this order.
    pub checks: Vec<Check>,
    /// How much each check does.
    pub effort: Effort,
    /// How long all of them together may take, from when the server has started. A check for which that leaves no time, or
    /// which it cuts short, is not run; the first one, which has all of the time, fails. `None` means no limit.
    pub time: Option<Duration>,
    /// How long the server may be silent while a byte is due. A check as a whole may take a small multiple of it.
    pub timeout: Duration,
    /// What to do after a failure.
    pub on_failure: OnFailure,
}

/// What to do after a check has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Run the rest.
    Continue,
    /// Leave out the rest: the server does not reach this level, for which it is graded.
    Stop(Level),
}

/// The server could not be started or reached, for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoServer(pub String);

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoServer {}

/// Runs the checks of `plan`. Before each one, `on_check` is called with its index. Once `cancelled` is set, the rest is
/// not run.
///
/// # Errors
///
/// The server could not be started or reached.
pub fn run(
    plan: &CheckPlan,
    cancelled: &AtomicBool,
    mut on_check: impl FnMut(usize, &Check),
) -> Result<CheckReport, NoServer> {
    let mut runner = CheckRunner::new(plan, cancelled)?;
    for (index, check) in plan.checks.iter().enumerate() {
        if runner.obstacle().is_none() {
            on_check(index, check);
        }
        let result = runner.result_of(check);
        runner.results.push(result);
    }
    let grade = match plan.on_failure {
        OnFailure::Stop(level) => Some(Grade::of(level, &runner.results)),
        OnFailure::Continue => None,
    };
    let report = CheckReport {
        server: plan.name.clone(),
        grade,
        results: runner.results,
        seconds: runner.started.elapsed().as_secs_f64(),
    };
    Ok(report.escaped())
}

struct CheckRunner<'a> {
    plan: &'a CheckPlan,
    cancelled: &'a AtomicBool,
    payload: Payload,
    /// The server, or why there is none.
    server: Result<CheckedServer, String>,
    restarts: u32,
    started: Instant,
    limit: RunLimit,
    results: Vec<CheckResult>,
}

impl<'a> CheckRunner<'a> {
    fn new(plan: &'a CheckPlan, cancelled: &'a AtomicBool) -> Result<Self, NoServer> {
        let server = match start(plan, cancelled, RunLimit::from_now(None)) {
            Err(reason) if !cancelled.load(Ordering::Relaxed) => return Err(NoServer(reason)),
            server => server,
        };
        Ok(Self {
            plan,
            cancelled,
            payload: Payload::printable(),
            server,
            restarts: 0,
            started: Instant::now(),
            limit: RunLimit::from_now(plan.time),
            results: Vec::new(),
        })
    }

    /// Why no more checks are run.
    fn obstacle(&self) -> Option<String> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(INTERRUPTED.to_owned());
        }
        if let OnFailure::Stop(level) = self.plan.on_failure
            && self.results.iter().any(CheckResult::is_failure)
        {
            return Some(format!("level {} was not reached", level.number()));
        }
        if self.limit.is_over() {
            return Some(NO_TIME.to_owned());
        }
        self.server.as_ref().err().cloned()
    }

    fn result_of(&mut self, check: &Check) -> CheckResult {
        let started = Instant::now();
        let end = started + self.plan.timeout * check.timeouts + check.pauses;
        let outcome = match self.silence() {
            Some(symptom) => Ok(Err(symptom)),
            None => self.outcome_of(check, end),
        };
        let seconds = started.elapsed().as_secs_f64();
        let status = match outcome {
            Ok(outcome) => self.status_of(outcome, end),
            Err(reason) => CheckStatus::NotRun { reason },
        };
        CheckResult {
            check: *check,
            status,
            seconds,
        }
    }

    /// What is wrong with a server that echoes nothing. It is asked before the first check, which then fails with this, and the
    /// rest is not run: each check would report the same, in other words.
    fn silence(&mut self) -> Option<Symptom> {
        if !self.results.is_empty() {
            return None;
        }
        let server = self.server.as_mut().ok()?;
        let time = self.plan.timeout.min(self.limit.left());
        let limit = TimeLimit::new(Instant::now() + time, time / 2, self.cancelled);
        let symptom = server.expect_any_echo(limit).err()?;
        let exit = server.early_exit();
        self.server = Err("the server does not echo".to_owned());
        Some(match exit {
            Some(how) => symptom.and(&format!("the server {how}")),
            None => symptom,
        })
    }

    /// What the check found, which has to end at `end`, or why it was not run.
    fn outcome_of(&self, check: &Check, end: Instant) -> Result<TrialResult, String> {
        self.obstacle().map_or(Ok(()), Err)?;
        let server = self.server.as_ref().map_err(Clone::clone)?;
        let end = self.limit.at_most(end);
        let limit = TimeLimit::new(end, self.plan.timeout, self.cancelled);
        let trial = Trial::new(server, limit, self.plan.effort, &self.payload);
        let not_applicable = |reason: &str| Ok(TrialOutcome::NotApplicable(reason.to_owned()));
        Ok(match (check.run, server.process()) {
            (Run::OnAddress(run), _) => run(&trial),
            (Run::OnProcess(run), Some(process)) => match process.hidden_because() {
                None => run(&trial, process),
                Some(reason) => not_applicable(&reason),
            },
            (Run::OnProcess(_), None) => not_applicable("the process of the server is not known"),
        })
    }

    /// What is reported, once it is known whether the server has survived the check, which had to end at `end`.
    fn status_of(&mut self, outcome: TrialResult, end: Instant) -> CheckStatus {
        if self.cancelled.load(Ordering::Relaxed) {
            let reason = INTERRUPTED.to_owned();
            return CheckStatus::NotRun { reason };
        }
        let is_cut_short = self.limit.is_before(end) && self.limit.is_over();
        let outcome = match (self.ensure_server(&outcome), outcome) {
            // A pause that was cut short proves nothing, and what was too slow may be the checks before.
            (None, outcome) if is_cut_short && (outcome.is_ok() || !self.results.is_empty()) => {
                let reason = NO_TIME.to_owned();
                return CheckStatus::NotRun { reason };
            }
            (None, outcome) => outcome,
            (Some(trouble), Err(symptom)) => Err(symptom.and(&trouble)),
            (Some(trouble), Ok(_)) => Err(Symptom::of(trouble)),
        };
        status_of(
            outcome.map_err(|symptom| {
                symptom.beside(Usage::tcp_buffers(), Usage::tcp_buffers_pressure())
            }),
        )
    }

    /// Ensures that a server is running for the next check. Returns what has become of the one before, if it does not
    /// work any more: a check after which the server is gone has failed.
    fn ensure_server(&mut self, outcome: &TrialResult) -> Option<String> {
        let limit = self.limit;
        let server = self.server.as_mut().ok()?;
        let echo_timeout = self.plan.timeout.min(ECHO_TIMEOUT);
        let trouble = match server.early_exit() {
            Some(how) => format!("the server {how}"),
            None if outcome.is_ok() => return None,
            // Less time than that proves nothing.
            None if limit.left() < echo_timeout => return None,
            None if server.echoes_anything(echo_timeout) => return None,
            None => match server.early_exit_within(EXIT_TIME.min(limit.left())) {
                Some(how) => format!("the server {how}"),
                None => "after that, the server no longer echoes".to_owned(),
            },
        };
        let is_ours = server.process().is_some();
        self.server = if server.is_out_of_reach() {
            Err("the server cannot be ended, so it is not started again".to_owned())
        } else if is_ours {
            self.start_again()
        } else {
            Err("the server no longer echoes".to_owned())
        };
        Some(trouble)
    }

    fn start_again(&mut self) -> Result<CheckedServer, String> {
        if self.restarts == MAX_RESTARTS {
            return Err(format!(
                "the server had to be restarted {MAX_RESTARTS} times"
            ));
        }
        if self.limit.is_over() {
            return Err(NO_TIME.to_owned());
        }
        self.restarts += 1;
        start(self.plan, self.cancelled, self.limit)
    }
}

fn start(
    plan: &CheckPlan,
    cancelled: &AtomicBool,
    limit: RunLimit,
) -> Result<CheckedServer, String> {
    if cancelled.load(Ordering::Relaxed) {
        return Err(INTERRUPTED.to_owned());
    }
    match &plan.target {
        CheckTarget::Running(endpoint) => {
            CheckedServer::running(endpoint, plan.transport, plan.timeout)
        }
        CheckTarget::Command(command) => {
            let end = limit.at_most(Instant::now() + START_TIMEOUT);
            let limit = TimeLimit::new(end, plan.timeout, cancelled);
            CheckedServer::start(command, plan.transport, LaunchSetup::Ordinary, &limit)
        }
    }
}

fn status_of(outcome: TrialResult) -> CheckStatus {
    match outcome {
        Ok(TrialOutcome::Kept) => CheckStatus::Passed { measured: None },
        Ok(TrialOutcome::Measured(what)) => CheckStatus::Passed {
            measured: Some(what),
        },
        Ok(TrialOutcome::NotApplicable(reason)) => CheckStatus::NotApplicable { reason },
        Err(Symptom { text, offset }) => CheckStatus::Failed {
            symptom: text,
            offset,
        },
    }
}
