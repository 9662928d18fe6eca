//! What a comparison found out: every raw value, and all that is needed to judge it.
//!
//! Reports are computed from a [`Comparison`] and from nothing else, so one that was kept as JSON can be
//! reported again. The names of the fields are the JSON's; `_ns` are nanoseconds.

use super::Scenario;
use super::machine::Machine;
use crate::measure::load::{Mismatch, TimedOut, Verify};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The version of the JSON. It changes when a field changes its meaning or goes away.
pub const FORMAT: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// Version and commit of this program, which is the generator and two of the contenders.
    pub program: String,
    /// As it was typed.
    pub command_line: Vec<String>,
    /// When it began; UTC, RFC 3339.
    pub started: String,
    /// Where it ran.
    pub machine: Machine,
    /// Who ran on which core.
    pub pinning: Pinning,
    /// What the order of every round was drawn from.
    pub seed: u64,
    /// Rounds that were asked for.
    pub rounds: u32,
    /// How long each measurement was to take.
    pub duration_ns: u64,
    /// What went before it and was not counted.
    pub warm_up_ns: u64,
    /// What was checked of what came back.
    pub checked: Checked,
    /// Who was compared; the first one is the base of every ratio.
    pub contenders: Vec<Contender>,
    /// What was measured.
    pub scenarios: Vec<Results>,
    /// Whether somebody ended it before its time.
    pub ended_early: bool,
}

/// Who ran on which core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pinning {
    /// Each on a core of its own.
    Apart {
        /// The core of the servers, by the kernel's number.
        server: usize,
        /// The core of the generator, by the kernel's number.
        generator: usize,
    },
    /// The scheduler placed both: it was asked for.
    Off,
    /// The scheduler placed both: there is only one core, or nobody may be pinned.
    Impossible,
}

impl fmt::Display for Pinning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart { server, generator } => {
                write!(
                    f,
                    "servers that were started for this on core {server}, generator on core {generator}"
                )
            }
            Self::Off => f.write_str("no pinning"),
            Self::Impossible => f.write_str("no pinning: it is not possible here"),
        }
    }
}

/// What was checked of what came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// That every byte is the one that was sent there.
    EveryByte,
    /// Only how many bytes there were.
    Lengths,
}

impl From<Verify> for Checked {
    fn from(verify: Verify) -> Self {
        match verify {
            Verify::EveryByte => Self::EveryByte,
            Verify::Nothing => Self::Lengths,
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EveryByte => "every byte that came back",
            Self::Lengths => "only how many bytes came back",
        })
    }
}

/// Somebody who was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// Its name in the reports.
    pub name: String,
    /// How it was started, or where it was running already.
    pub origin: String,
    /// Why it is here.
    pub role: Role,
}

/// Why a contender is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The first one: all others are compared with it.
    Base,
    /// To be compared with the base.
    Other,
    /// The base once more. Whatever seems to tell it from itself is the noise of the machine.
    Again,
}

/// What came out in one scenario, in the order in which it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// What was asked.
    pub scenario: Scenario,
    /// One for each contender and round, except that a contender that has failed is not asked again.
    pub measurements: Vec<Measurement>,
    /// System calls, if they were counted: one for each contender that has not failed, without the base again.
    pub calls: Vec<Calls>,
}

/// System calls of a server, counted in a pass of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Whose, as an index into [`Comparison::contenders`].
    pub contender: usize,
    /// How many there were for how many messages; or why nobody could count.
    pub counted: Result<Counted, String>,
}

/// So many system calls for so many messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// System calls.
    pub calls: u64,
    /// Messages that came back meanwhile.
    pub messages: u64,
}

/// One contender in one round: a server started for it, measured, and ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Whose, as an index into [`Comparison::contenders`].
    pub contender: usize,
    /// The round; the first is 1.
    pub round: u32,
    /// The share of processor time that went to other machines on the same host while it was measured,
    /// from 0 to 1; none where that cannot be read.
    pub stolen: Option<f64>,
    /// How often it was measured and thrown away before, because too much time was stolen.
    pub thrown_away: u32,
    /// What came out.
    pub finding: Finding,
}

/// What came out of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Every byte came back, to every connection.
    Measured(Values),
    /// It did not do what was asked.
    Failed(Failure),
}

/// The raw values of a measurement that went well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// How long was measured, without the warm-up.
    pub elapsed_ns: u64,
    /// Round trips completed; of churn, connections.
    pub messages: u64,
    /// Bytes that came back.
    pub bytes: u64,
    /// The latency that half of the messages stayed below; none with too few messages to say.
    pub p50_ns: Option<u64>,
    /// The latency that 99 of 100 messages stayed below.
    pub p99_ns: Option<u64>,
    /// The latency that 999 of 1,000 messages stayed below.
    pub p999_ns: Option<u64>,
    /// The longest latency.
    pub max_ns: Option<u64>,
    /// Bytes that came back to the connection that flooded (fairness).
    pub flood_bytes: Option<u64>,
    /// How long it flooded.
    pub flood_elapsed_ns: Option<u64>,
    /// What it cost the server; none if its process cannot be seen.
    pub server: Option<Cost>,
    /// Processor time of the generator.
    pub generator_cpu_ns: u64,
}

/// What a measurement cost the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Processor time in user mode.
    pub user_ns: u64,
    /// Processor time in the kernel.
    pub system_ns: u64,
    /// How often it gave up the processor, because it had to wait.
    pub voluntary_switches: u64,
    /// How often the processor was taken from it.
    pub involuntary_switches: u64,
    /// Threads, with all connections open.
    pub threads: u64,
    /// Resident bytes before the first connection.
    pub resident_before: u64,
    /// Resident bytes with all connections open, at the end of the measurement.
    pub resident_after: u64,
}

/// Why a measurement says nothing about speed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It could not be started, or never accepted a connection.
    NotStarted {
        /// What went wrong.
        why: String,
    },
    /// It ended by itself.
    Died {
        /// Its exit code or signal, and the last it said on standard error.
        how: String,
    },
    /// A byte came back as another, or in the wrong place.
    Corrupted(Mismatch),
    /// Connections broke: how, and how many.
    Broken {
        /// `refused`, `reset`, and so on.
        connections: BTreeMap<String, u64>,
        /// How far the first one had come that was given up.
        first: Option<TimedOut>,
    },
    /// Connections that got no answer while others did.
    Starved {
        /// How many of them.
        connections: u64,
    },
    /// It had answered everybody once, and then nobody any more.
    Stalled,
    /// The measurement itself broke.
    NotMeasured {
        /// What went wrong.
        why: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { why } => write!(f, "did not start: {why}"),
            Self::Died { how } => write!(f, "died: {how}"),
            Self::Corrupted(mismatch) => write!(f, "corrupted {mismatch}"),
            Self::Broken { connections, first } => {
                let kinds = connections
                    .iter()
                    .map(|(kind, count)| format!("{count} {kind}"));
                let kinds: Vec<String> = kinds.collect();
                write!(f, "connections broke: {}", kinds.join(", "))?;
                match first {
                    Some(first) => write!(f, "; {first}"),
                    None => Ok(()),
                }
            }
            Self::Starved { connections: 1 } => f.write_str("starved a connection"),
            Self::Starved { connections } => write!(f, "starved {connections} connections"),
            Self::Stalled => f.write_str("stalled: nothing came back while it was measured"),
            Self::NotMeasured { why } => write!(f, "not measured: {why}"),
        }
    }
}
