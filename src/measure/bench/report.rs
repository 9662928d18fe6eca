//! All that was measured, as plain data.

use super::generator::GeneratorReport;
use super::server::ServerReport;
use super::times::Times;
use super::verdict::Verdict;
use crate::measure::load::{
    Failures, LoadPlan, LoadResults, Mismatch, StopCondition, TimedOut, Verify,
};
use crate::text::units::nanoseconds;
use serde::Serialize;

/// The version of the JSON. It changes when a field changes its meaning or goes away.
const FORMAT: u32 = 1;

/// All that was measured. The names of the fields are those of the JSON; `_ns` are nanoseconds, `_us`
/// microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this format.
    pub format: u32,
    /// Version of this program.
    pub program: String,
    /// What was asked for.
    pub plan: PlanReport,
    /// Which core the server and the generator had to themselves; none if the system chose.
    pub cores: Option<Cores>,
    /// How long it was measured.
    pub elapsed_ns: u64,
    /// Messages that came back in that time (with the churn pattern: connections).
    pub messages: u64,
    /// Bytes of these messages.
    pub bytes: u64,
    /// Messages in a second.
    pub messages_per_second: f64,
    /// Bytes in a second, in one direction.
    pub bytes_per_second: f64,
    /// Connections that were established.
    pub connected: u64,
    /// Connections that asked a second before the end or earlier, and never had an answer.
    pub starved: usize,
    /// Messages that were due and never came back; only with a rate.
    pub unanswered: u64,
    /// From the moment at which a message was sent.
    pub service: Times,
    /// From the moment at which a message was due; only with a rate.
    pub response: Option<Times>,
    /// Connections that failed, by kind.
    pub failures: Failures,
    /// The first byte that came back wrong.
    pub mismatch: Option<Mismatch>,
    /// The first connection that was given up.
    pub silence: Option<TimedOut>,
    /// What the server needed; none where its process cannot be seen.
    pub server: Option<ServerReport>,
    /// What the generator needed.
    pub generator: GeneratorReport,
    /// Whether it ended before its time.
    pub ended_early: bool,
    /// What has to be known to read the rest.
    pub verdicts: Vec<Verdict>,
}

/// The cores that a server of our own and the generator are bound to, by the kernel's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cores {
    /// The server's.
    pub server: usize,
    /// The generator's.
    pub generator: usize,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// The address of the server.
    pub target: String,
    /// echo, churn, idle or stream.
    pub pattern: String,
    /// Connections held.
    pub connections: usize,
    /// Bytes of a message.
    pub size: usize,
    /// Messages in flight on each connection.
    pub depth: usize,
    /// Messages due in a second; none for the closed loop.
    pub rate: Option<f64>,
    /// How long to measure; none if messages end it.
    pub duration_ns: Option<u64>,
    /// After how many messages to end; none if time ends it.
    pub messages: Option<u64>,
    /// How long the load ran before it counted.
    pub warm_up_ns: u64,
    /// Whether every byte was compared.
    pub verified: bool,
}

impl Report {
    /// What came of `plan`, and what it cost the server where that could be seen.
    pub fn new(plan: &LoadPlan, outcome: &LoadResults, server: Option<ServerReport>) -> Self {
        let generator = GeneratorReport::new(outcome);
        let verdicts = Verdict::all(plan, outcome, &generator, server.as_ref());
        Self {
            format: FORMAT,
            program: concat!("mio-echo ", env!("CARGO_PKG_VERSION")).to_owned(),
            plan: plan.into(),
            cores: None,
            elapsed_ns: nanoseconds(outcome.elapsed),
            messages: outcome.messages,
            bytes: outcome.bytes,
            messages_per_second: outcome.messages_per_second(),
            bytes_per_second: outcome.bytes_per_second(),
            connected: outcome.connected,
            starved: outcome.starved,
            unanswered: outcome.unanswered,
            service: (&outcome.service).into(),
            response: outcome.response.as_ref().map(Into::into),
            failures: outcome.failures,
            mismatch: outcome.first_mismatch,
            silence: outcome.first_timeout,
            server,
            generator,
            ended_early: outcome.ended_early,
            verdicts,
        }
    }

    /// The same, with each of the two on a core of its own.
    #[must_use]
    pub fn on(mut self, cores: Option<Cores>) -> Self {
        self.cores = cores;
        self
    }

    /// The times that a user of the server meets: with a rate from the moment at which a message was due.
    pub fn times(&self) -> &Times {
        self.response.as_ref().unwrap_or(&self.service)
    }

    /// Whether every byte came back on every connection.
    pub fn is_flawless(&self) -> bool {
        self.failures.total() == 0 && self.starved == 0 && self.unanswered == 0
    }
}

impl From<&LoadPlan> for PlanReport {
    fn from(plan: &LoadPlan) -> Self {
        let (duration_ns, messages) = match plan.stop_when {
            StopCondition::Elapsed(duration) => (Some(nanoseconds(duration)), None),
            StopCondition::Messages(count) => (None, Some(count)),
        };
        Self {
            target: plan.target.to_string(),
            pattern: plan.pattern.to_string(),
            connections: plan.connections,
            size: plan.size,
            depth: plan.depth,
            rate: plan.rate,
            duration_ns,
            messages,
            warm_up_ns: nanoseconds(plan.warm_up),
            verified: plan.verify == Verify::EveryByte,
        }
    }
}
