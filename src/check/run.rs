//! Runs checks against a server, one after the other.
//!
//! A failed check must not affect the next one: each has connections and a time limit of its own, and a server that
//! has exited or no longer echoes is started again.

use super::definition::{Check, Run, TrialOutcome, TrialResult};
use super::results::{CheckReport, CheckResult, CheckStatus};
use super::server::{CheckTarget, CheckedServer, LaunchSetup};
use super::symptom::Symptom;
use super::time_limit::TimeLimit;
use super::trial::{Effort, Trial};
use crate::measure::load::{Payload, Transport};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a server is restarted before the remaining checks are given up.
const MAX_RESTARTS: u32 = 10;

/// The longest wait for the echo of two bytes after a failure. It shows whether the server still works.
const ECHO_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to wait for the end of a server that no longer echoes, so that it can be reported.
const EXIT_TIME: Duration = Duration::from_millis(200);

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
    /// How long all of them together may take; the rest is left out. `None` means no limit.
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
    /// Leave out the rest.
    Stop,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckError {
    /// The server could not be started or reached, for this reason.
    NoServer(String),
    /// The run was interrupted.
    Interrupted,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer(reason) => f.write_str(reason),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for CheckError {}

/// Runs the checks of `plan`. Before each one, `on_check` is called with its index.
///
/// # Errors
///
/// The server could not be started or reached, or `cancelled` was set.
pub fn run(
    plan: &CheckPlan,
    cancelled: &AtomicBool,
    mut on_check: impl FnMut(usize, &Check),
) -> Result<CheckReport, CheckError> {
    let mut runner = CheckRunner::new(plan, cancelled)?;
    let mut results = Vec::new();
    for (index, check) in plan.checks.iter().enumerate() {
        on_check(index, check);
        let result = runner.result_of(check);
        if cancelled.load(Ordering::Relaxed) {
            return Err(CheckError::Interrupted);
        }
        let is_failure = result.is_failure();
        results.push(result);
        if is_failure && plan.on_failure == OnFailure::Stop {
            break;
        }
    }
    let report = CheckReport {
        server: plan.name.clone(),
        results,
        seconds: runner.started.elapsed().as_secs_f64(),
    };
    Ok(report.escaped())
}

struct CheckRunner<'a> {
    plan: &'a CheckPlan,
    cancelled: &'a AtomicBool,
    payload: Payload,
    /// The server, or why there is none left.
    server: Result<CheckedServer, String>,
    restarts: u32,
    started: Instant,
}

impl<'a> CheckRunner<'a> {
    fn new(plan: &'a CheckPlan, cancelled: &'a AtomicBool) -> Result<Self, CheckError> {
        let server = start(plan, cancelled).map_err(|reason| {
            if cancelled.load(Ordering::Relaxed) {
                CheckError::Interrupted
            } else {
                CheckError::NoServer(reason)
            }
        })?;
        Ok(Self {
            plan,
            cancelled,
            payload: Payload::printable(),
            server: Ok(server),
            restarts: 0,
            started: Instant::now(),
        })
    }

    fn result_of(&mut self, check: &Check) -> CheckResult {
        let started = Instant::now();
        let mut outcome = self.outcome_of(check, started);
        let seconds = started.elapsed().as_secs_f64();
        if !self.cancelled.load(Ordering::Relaxed) {
            outcome = self.ensure_server(outcome);
        }
        CheckResult {
            check: *check,
            status: status_of(outcome),
            seconds,
        }
    }

    fn outcome_of(&self, check: &Check, now: Instant) -> TrialResult {
        let not_applicable = |reason: &str| Ok(TrialOutcome::NotApplicable(reason.to_owned()));
        let server = match &self.server {
            Ok(server) => server,
            Err(reason) => return not_applicable(reason),
        };
        let Some(end) = self.end_of(check, now) else {
            return not_applicable("no time was left");
        };
        let limit = TimeLimit::new(end, self.plan.timeout, self.cancelled);
        let effort = self.plan.effort;
        let trial = Trial::new(server, limit, self.cancelled, effort, &self.payload);
        match (check.run, server.process()) {
            (Run::OnAddress(run), _) => run(&trial),
            (Run::OnProcess(run), Some(process)) if process.is_visible() => run(&trial, process),
            (Run::OnProcess(_), Some(_)) => not_applicable("this system shows no processes"),
            (Run::OnProcess(_), None) => not_applicable("the process of the server is not known"),
        }
    }

    /// When the check has to be done. `None` if no time is left for it.
    fn end_of(&self, check: &Check, now: Instant) -> Option<Instant> {
        let end = now + self.plan.timeout * check.timeouts + check.pauses;
        match self.plan.time {
            None => Some(end),
            Some(time) => {
                let last = self.started + time;
                (now < last).then(|| end.min(last))
            }
        }
    }

    /// Ensures that a server is running for the next check. A check after which the server is gone has failed.
    fn ensure_server(&mut self, outcome: TrialResult) -> TrialResult {
        let Ok(server) = &mut self.server else {
            return outcome;
        };
        let trouble = match server.early_exit() {
            Some(how) => format!("the server {how}"),
            None if outcome.is_ok()
                || server.echoes_anything(self.plan.timeout.min(ECHO_TIMEOUT)) =>
            {
                return outcome;
            }
            None => match server.early_exit_within(EXIT_TIME) {
                Some(how) => format!("the server {how}"),
                None => "after that, the server no longer echoes".to_owned(),
            },
        };
        if self.restarts == MAX_RESTARTS {
            self.server = Err(format!(
                "the server had to be restarted {MAX_RESTARTS} times"
            ));
        } else if server.process().is_some() {
            self.restarts += 1;
            self.server = start(self.plan, self.cancelled);
        } else {
            self.server = Err("the server no longer echoes".to_owned());
        }
        match outcome {
            Err(symptom) => Err(symptom.and(&trouble)),
            Ok(_) => Err(Symptom::of(trouble)),
        }
    }
}

fn start(plan: &CheckPlan, cancelled: &AtomicBool) -> Result<CheckedServer, String> {
    match &plan.target {
        CheckTarget::Running(endpoint) => {
            CheckedServer::running(endpoint, plan.transport, plan.timeout)
        }
        CheckTarget::Command(command) => {
            let setup = LaunchSetup::Ordinary;
            CheckedServer::start(command, plan.transport, setup, cancelled)
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
