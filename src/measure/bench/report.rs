//! A measurement with all that a reader needs to judge it, as plain data.

use super::interval::LoadInterval;
use super::machine::Machine;
use super::values::Values;
use super::warning::BenchWarning;
use crate::measure::load::{Arrivals, LoadPlan, StopCondition, Transport, Verify};
use crate::measure::process::{Pinning, ProcessorEvent};
use crate::text::units::nanoseconds;
use crate::text::version::PROGRAM;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// The version of the JSON. It changes when a field changes its name or its meaning.
const FORMAT: u32 = 3;

/// A measurement. The fields have the names that they have in the JSON; `_ns` are nanoseconds, `_us` microseconds, and
/// `_share` is a share of one core. What could not be measured is `None`, in the JSON `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// The version of this format.
    pub format: u32,
    /// Name, version and commit of this program.
    pub program: String,
    /// When the load started; UTC, RFC 3339.
    pub started: String,
    /// Where it ran.
    pub machine: Machine,
    /// What was asked for.
    pub plan: PlanReport,
    /// Which cores the server and the generator ran on.
    pub pinning: Pinning,
    /// The share of the processor time of the cores in use that the hypervisor gave to other machines meanwhile; `None` where
    /// the kernel does not report it.
    #[serde(default)]
    pub stolen_share: Option<f64>,
    /// What was measured.
    #[serde(flatten)]
    pub values: Values,
    /// What follows from the values.
    pub figures: Figures,
    /// The measurement second by second.
    #[serde(default)]
    pub intervals: Vec<LoadInterval>,
    /// How the server that was started for this ended, if it ended before it was stopped.
    pub server_exit: Option<String>,
    /// Conditions under which the figures do not describe the server.
    pub warnings: Vec<BenchWarning>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The address of the server.
    pub target: String,
    /// What carried the messages.
    #[serde(default)]
    pub transport: Transport,
    /// `echo`, `churn`, `idle` or `stream`.
    pub pattern: String,
    /// Concurrent connections.
    pub connections: usize,
    /// Bytes in a message.
    pub size: usize,
    /// Messages in flight on each connection.
    pub depth: usize,
    /// Messages due per second; `None` for the closed loop.
    pub rate: Option<f64>,
    /// How the times at which they are due are spaced: `fixed` or `poisson`; only with a rate.
    pub arrivals: Option<String>,
    /// Reproduces the times of Poisson arrivals.
    pub seed: Option<u64>,
    /// How long a message that is due may wait for others, so that they share a wake-up; only with a rate.
    pub slack_ns: Option<u64>,
    /// How long to measure; `None` if a number of messages ends it.
    pub duration_ns: Option<u64>,
    /// How many messages end it; `None` if a duration does.
    pub messages: Option<u64>,
    /// How long the load was to run before the measurement, at least.
    pub warm_up_ns: u64,
    /// How much longer it was to run at most, until the server is warm; 0 for a warm-up of a fixed length.
    #[serde(default)]
    pub warm_up_extension_ns: u64,
    /// Whether every byte was compared.
    pub verify: Verify,
}

/// The figures that people and thresholds read. Those per message are `None` without messages, those of the server if its
/// process is not visible.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Messages per second.
    pub messages_per_second: f64,
    /// Bytes per second in one direction.
    pub bytes_per_second: f64,
    /// Processor time of the server per message, user and system together.
    pub server_cpu_us_per_message: Option<f64>,
    /// Processor time of the server per message in user mode; `None` if it used less than a second in all, since the
    /// kernel divides its time by sampling at clock ticks of 10 ms.
    pub server_user_us_per_message: Option<f64>,
    /// Processor time of the server per message in the kernel; `None` as for user mode.
    pub server_system_us_per_message: Option<f64>,
    /// The share of one core that the server used; more than 1 is possible with threads.
    pub server_cpu_share: Option<f64>,
    /// How often a thread of the server blocked, per message.
    pub voluntary_switches_per_message: Option<f64>,
    /// How often a thread of the server was preempted, per message.
    pub involuntary_switches_per_message: Option<f64>,
    /// Instructions of the server per message; `None` also if they were not counted.
    #[serde(default)]
    pub instructions_per_message: Option<f64>,
    /// Processor cycles of the server per message, likewise.
    #[serde(default)]
    pub cycles_per_message: Option<f64>,
    /// Cache misses of the server per message, likewise.
    #[serde(default)]
    pub cache_misses_per_message: Option<f64>,
    /// Processor time of the generator per message.
    pub generator_cpu_us_per_message: Option<f64>,
    /// The share of one core that the generator used.
    pub generator_cpu_share: f64,
    /// The share of the time in which the generator had something to do.
    pub generator_busy_share: f64,
}

impl BenchReport {
    /// The `values` that `plan` has yielded on `machine` since `started`, with the `stolen_share` of the time.
    pub fn new(
        plan: &LoadPlan,
        pinning: Pinning,
        machine: Machine,
        started: SystemTime,
        stolen_share: Option<f64>,
        values: Values,
    ) -> Self {
        let warnings = BenchWarning::all(plan.rate, plan.depth, &values);
        let shared = pinning.shared_physical_core(&machine.smt_siblings);
        let shared = shared.map(|_| BenchWarning::SharedPhysicalCore);
        let cores = pinning.generator_cores(machine.cores);
        let crowded = BenchWarning::threads_share_cores(plan.threads, cores);
        let stolen = BenchWarning::stolen(stolen_share);
        let governor = machine.variable_governor().map(str::to_owned);
        let frequency = governor.map(|governor| BenchWarning::VariableFrequency { governor });
        let debug = cfg!(debug_assertions).then_some(BenchWarning::DebugBuild);
        Self {
            format: FORMAT,
            program: PROGRAM.to_owned(),
            started: humantime::format_rfc3339_seconds(started).to_string(),
            machine,
            plan: plan.into(),
            pinning,
            stolen_share,
            figures: (&values).into(),
            values,
            intervals: Vec::new(),
            server_exit: None,
            warnings: warnings
                .into_iter()
                .chain(stolen)
                .chain(frequency)
                .chain(shared)
                .chain(crowded)
                .chain(debug)
                .collect(),
        }
    }

    /// Whether every byte came back on every connection; of datagrams, whether none came back altered. A loss is no flaw
    /// of a server.
    pub fn is_flawless(&self) -> bool {
        let values = &self.values;
        values.failures.total() == 0
            && values.starved == 0
            && values.unexpectedly_unanswered() == 0
            && self.server_exit.is_none()
            && !self.is_silent()
    }

    /// Whether nothing came back, although something was expected.
    pub(super) fn is_silent(&self) -> bool {
        self.values.messages == 0 && self.plan.pattern != "idle" && !self.values.ended_early
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
            transport: plan.transport,
            pattern: plan.pattern.to_string(),
            connections: plan.connections,
            size: plan.size,
            depth: plan.depth,
            rate: plan.rate,
            arrivals: plan.rate.map(|_| plan.arrivals.to_string()),
            seed: match plan.arrivals {
                Arrivals::Poisson { seed } => Some(seed),
                Arrivals::Fixed => None,
            },
            slack_ns: plan.rate.map(|_| nanoseconds(plan.effective_slack())),
            duration_ns,
            messages,
            warm_up_ns: nanoseconds(plan.warm_up),
            warm_up_extension_ns: nanoseconds(plan.warm_up_extension),
            verify: plan.verify,
        }
    }
}

impl From<&Values> for Figures {
    fn from(values: &Values) -> Self {
        let server = values.server;
        let divided = server.and_then(|cost| cost.divided_ns());
        let each = |total: Option<u64>| values.per_message(total?);
        let microseconds_each = |total: Option<u64>| Some(each(total)? / 1e3);
        Self {
            messages_per_second: values.messages_per_second(),
            bytes_per_second: values.bytes_per_second(),
            server_cpu_us_per_message: microseconds_each(server.map(|cost| cost.cpu_ns())),
            server_user_us_per_message: microseconds_each(divided.map(|(user, _)| user)),
            server_system_us_per_message: microseconds_each(divided.map(|(_, system)| system)),
            server_cpu_share: values.server_share(),
            voluntary_switches_per_message: each(server.map(|cost| cost.voluntary_switches)),
            involuntary_switches_per_message: each(server.map(|cost| cost.involuntary_switches)),
            instructions_per_message: values.events_per_message(ProcessorEvent::Instructions),
            cycles_per_message: values.events_per_message(ProcessorEvent::Cycles),
            cache_misses_per_message: values.events_per_message(ProcessorEvent::CacheMisses),
            generator_cpu_us_per_message: microseconds_each(Some(values.generator_cpu_ns)),
            generator_cpu_share: values.generator_share(),
            generator_busy_share: values.generator_busy_share(),
        }
    }
}
