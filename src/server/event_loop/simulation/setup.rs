//! The settings of one run.

use super::decisions::Decisions;
use std::time::Duration;

/// What is decided before a run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent conditions, not a state machine"
)]
#[derive(Debug, Clone)]
pub(super) struct SimulationSetup {
    pub(super) read_buffer: usize,
    pub(super) read_budget: usize,
    pub(super) max_connections: usize,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) drain_timeout: Duration,
    pub(super) listeners: usize,
    pub(super) backlog: u16,
    /// Whether FIONREAD works.
    pub(super) reports_unread: bool,
    /// Whether the kernel reports how the delivery to a peer goes on.
    pub(super) reports_delivery: bool,
    /// Whether system calls fail without a reason that a peer gave.
    pub(super) faults: bool,
    /// Whether every system call takes a while, so that connections wait for their turns.
    pub(super) slow: bool,
    /// How many keys an iteration takes of a walk over all connections.
    pub(super) walk_step: usize,
    /// How many peers there may be altogether.
    pub(super) peers: usize,
}

impl SimulationSetup {
    pub(super) fn choose(decisions: &mut Decisions) -> Self {
        let idle_timeout = [None, Some(Duration::from_millis(80))];
        let drain_timeout = [Duration::from_millis(200), Duration::ZERO, Duration::MAX];
        Self {
            read_buffer: [4, 1, 16, 50][decisions.choose(4)],
            read_budget: [1 << 10, 0, 10][decisions.choose(3)],
            max_connections: [100, 1, 2, 4][decisions.choose(4)],
            idle_timeout: idle_timeout[decisions.choose(2)],
            drain_timeout: drain_timeout[decisions.choose(3)],
            listeners: 1 + decisions.choose(2),
            backlog: [20, 0, 3][decisions.choose(3)],
            reports_unread: !decisions.one_in(8),
            reports_delivery: !decisions.one_in(4),
            faults: decisions.one_in(2),
            slow: decisions.one_in(4),
            peers: [4, 8, 12, 100][decisions.choose(4)],
            walk_step: [1000, 1, 3][decisions.choose(3)],
        }
    }
}
