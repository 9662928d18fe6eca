//! What to compare, and how.

use super::contender::ContenderSpec;
use super::model::Role;
use super::scenario::Scenario;
use crate::measure::bench::Placement;
use crate::measure::load::Verify;
use std::time::Duration;

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
    /// Rounds for each scenario, at least one.
    pub rounds: u32,
    /// How long each measurement takes.
    pub duration: Duration,
    /// How long the load runs before each measurement.
    pub warm_up: Duration,
    /// Seed of the order of contenders in every round.
    pub seed: u64,
    /// Which cores servers and generator run on.
    pub placement: Placement,
    /// Whether every byte that comes back is compared.
    pub verify: Verify,
    /// Whether to count system calls.
    pub syscalls: SyscallPass,
    /// How long a server may take to start, a connection to be accepted, a message to come back.
    pub timeout: Duration,
    /// The command line as it was typed, for the reports.
    pub command_line: Vec<String>,
}

/// Whether system calls are counted. Counting slows the server down, so it has a pass of its own after the last
/// round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyscallPass {
    /// Count, with perf(1) or strace(1), if one of them works here.
    Run,
    /// Do not count.
    Skip,
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
        self.participants().count() * self.scenarios.len() * rounds
    }

    /// How long all of them may take together.
    pub(super) fn estimate(&self) -> Duration {
        let each = self.duration + self.warm_up + OVERHEAD;
        each * u32::try_from(self.measurements()).unwrap_or(u32::MAX)
    }
}
