//! The promises, checked after every iteration.

use super::kernel::{SharedNetwork, SimulatedKernel};
use super::link::Link;
use super::network::{Backlog, Network};
use crate::connection::{Deadline, Phase, Reason};
use crate::readiness::EventFlags;
use crate::server::event_loop::EventLoop;
use crate::server::limits::{ACCEPTS_PER_ITERATION, IDLE_TICKS};
use crate::server::observer::{ConnectionId, ConnectionSummary, LoopPhase, Observer};
use crate::server::sources::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The event loop under test.
pub(super) type Simulated = EventLoop<SimulatedKernel, Log>;

/// What the loop reported in the current iteration.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    phase: Option<LoopPhase>,
    timeout: Option<Duration>,
    flags: Vec<(ConnectionId, EventFlags)>,
    turns: Vec<ConnectionId>,
    closed: Vec<ConnectionSummary>,
}

impl Observer for Log {
    fn waiting(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
        self.phase = None;
    }

    fn phase_entered(&mut self, phase: LoopPhase) {
        self.phase = Some(phase);
    }

    fn flags_reported(&mut self, id: ConnectionId, flags: EventFlags) {
        self.flags.push((id, flags));
    }

    fn phase_changed(&mut self, id: ConnectionId, _phase: Phase) {
        if self.phase == Some(LoopPhase::Read) {
            self.turns.push(id);
        }
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        self.closed.push(summary.clone());
    }
}

/// What the runs have seen: a simulation in which nothing happens proves nothing.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    pub(super) iterations: usize,
    pub(super) bytes: usize,
    pub(super) finished: usize,
    pub(super) failed: usize,
    pub(super) idle: usize,
    pub(super) drained: usize,
    pub(super) expired: usize,
    pub(super) with_bytes_pending: usize,
    /// Iterations that went on with a walk.
    pub(super) walking: usize,
}

impl Coverage {
    pub(super) fn add(&mut self, other: &Self) {
        self.iterations += other.iterations;
        self.bytes += other.bytes;
        self.finished += other.finished;
        self.failed += other.failed;
        self.idle += other.idle;
        self.drained += other.drained;
        self.expired += other.expired;
        self.with_bytes_pending += other.with_bytes_pending;
        self.walking += other.walking;
    }
}

/// What is remembered from one iteration to the next.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) coverage: Coverage,
    calm_iterations: usize,
    /// Whether this iteration began with a walk under way.
    is_walking: bool,
    idle_polls: usize,
    /// For each connection on the run queue: since which iteration, and after how many it must have had its turn.
    queued: BTreeMap<ConnectionId, (usize, usize)>,
    /// Those of them that are not to be closed: they wait for the server, and cannot be idle.
    waiting: BTreeSet<ConnectionId>,
}

impl Checks {
    /// Before an iteration: the counts of the last one are forgotten.
    pub(super) fn begin(&mut self, event_loop: &mut Simulated, network: &SharedNetwork) {
        event_loop.observer = Log::default();
        self.is_walking = event_loop.walk.is_under_way();
        self.coverage.walking += usize::from(self.is_walking);
        let mut network = network.borrow_mut();
        (network.calls, network.accepts) = (0, 0);
        for link in &mut network.links {
            (link.reads, link.writes) = (0, 0);
        }
        let is_calm = network.is_calm();
        self.calm_iterations += usize::from(is_calm);
        self.coverage.iterations += 1;
        let plans: usize = network.links.iter().map(|link| link.plan).sum();
        // A walk takes as many iterations as there are keys, and ticks as long as there are connections.
        let walking = self.coverage.walking.min(100_000);
        let bound = 2000 + 20 * network.links.len() + 4 * plans + walking;
        let calm_iterations = self.calm_iterations;
        network.require(calm_iterations < bound, || {
            format!("no end after {calm_iterations} iterations in which all went well")
        });
    }

    /// After an iteration.
    pub(super) fn check(
        &mut self,
        event_loop: &Simulated,
        network: &SharedNetwork,
    ) -> Result<(), String> {
        let network = &mut *network.borrow_mut();
        events_reach_their_connections(event_loop, network);
        calls_are_bounded(network);
        self.does_not_spin(event_loop, network);
        for (key, slot) in &event_loop.connections {
            let connection = &slot.connection;
            let number = connection.stream().link;
            let link = &network.links[number];
            let read_buffer = network.setup.read_buffer;
            let is_queued = event_loop.run_queue.contains(key);
            let forgotten = (!is_queued)
                .then(|| unserved(link, connection.pending()))
                .flatten();
            let overdue = !is_queued && is_overdue(network, link, connection.pending());
            let pending = connection.pending();
            network.require(pending <= read_buffer, || {
                format!("link {number}: {pending} bytes are pending")
            });
            network.require(forgotten.is_none(), || {
                format!(
                    "link {number} is parked with {}",
                    forgotten.unwrap_or_default()
                )
            });
            let takes_part = connection.phase() != Phase::Open
                || !event_loop.shutdown.is_under_way()
                || event_loop.walk.has_still_to_take(key);
            network.require(takes_part, || {
                format!("link {number} does not take part in the stop")
            });
            network.require(!overdue, || {
                format!("link {number} is idle and never expires")
            });
        }
        for summary in &event_loop.observer.closed {
            self.closed(summary, network);
        }
        self.turns_come(event_loop, network);
        let open = event_loop.connections.len();
        let most = network.setup.max_connections;
        network.require(open <= most, || {
            format!("{open} connections, {most} allowed")
        });
        network.violation.take().map_or(Ok(()), Err)
    }

    /// A wait of zero length leads to a call, or goes on with a walk. Without one, it was a deadline that had passed, which happens once.
    fn does_not_spin(&mut self, event_loop: &Simulated, network: &mut Network) {
        let polls = event_loop.observer.timeout == Some(Duration::ZERO);
        let is_idle = polls && network.calls == 0 && !self.is_walking;
        self.idle_polls = if is_idle { self.idle_polls + 1 } else { 0 };
        let idle_polls = self.idle_polls;
        network.require(idle_polls < 2, || "polls with nothing to do".to_owned());
    }

    /// Each connection on the run queue has its turn within as many iterations as there were connections.
    fn turns_come(&mut self, event_loop: &Simulated, network: &mut Network) {
        let now = self.coverage.iterations;
        let open = event_loop.connections.len();
        let before = std::mem::take(&mut self.queued);
        self.waiting.clear();
        for (key, slot) in &event_loop.connections {
            if !event_loop.run_queue.contains(key) {
                continue;
            }
            let Some(id) = network.links[slot.connection.stream().link].id else {
                continue;
            };
            let waits_still = before
                .get(&id)
                .filter(|_| !event_loop.observer.turns.contains(&id));
            let (since, within) = waits_still.copied().unwrap_or((now, open));
            self.queued.insert(id, (since, within));
            if !matches!(slot.connection.phase(), Phase::Closed(_)) {
                self.waiting.insert(id);
            }
            network.require(now - since <= within, || {
                format!(
                    "connection {id} has waited {} iterations for its turn",
                    now - since
                )
            });
        }
    }

    /// A connection is over: for the reason that is given, with all bytes that are promised.
    fn closed(&mut self, summary: &ConnectionSummary, network: &mut Network) {
        let stop_noted = network.stop_noted;
        let now = network.now;
        let setup = network.setup.clone();
        let id = summary.id;
        let found = network.links.iter().find(|link| link.id == Some(id));
        let Some(link) = found else {
            return network.require(false, || format!("connection {id} is unknown"));
        };
        self.coverage.bytes += link.written;
        self.coverage.with_bytes_pending += usize::from(summary.bytes_in > summary.bytes_out);
        let owed = match stop_noted {
            Some(_) => link.sent_before_stop.unwrap_or(0).min(link.sent),
            None => link.sent,
        };
        let end = match summary.reason {
            Reason::Finished => {
                self.coverage.finished += 1;
                self.coverage.drained += usize::from(stop_noted.is_some());
                link.fin && !link.reset && !link.failed && link.written >= owed
            }
            Reason::Failed(_) => {
                self.coverage.failed += 1;
                link.failed
            }
            Reason::TimedOut(Deadline::Idle) => {
                self.coverage.idle += 1;
                setup.idle_timeout.is_some_and(|timeout| {
                    let tick = timeout / IDLE_TICKS;
                    let waited = self.waiting.contains(&id);
                    let has_moved = now - link.moved_at < timeout;
                    let is_read = setup.reports_delivery && now - link.taken_at < timeout;
                    let is_pending = summary.bytes_in > summary.bytes_out;
                    // A slow server is late.
                    let room = is_pending
                        && !setup.slow
                        && link.room_since.is_some_and(|since| now - since > tick * 3);
                    let has_asked = !setup.reports_unread || link.found_empty;
                    let unread = !is_pending && !has_asked;
                    !waited && !has_moved && !is_read && !room && !unread
                })
            }
            Reason::TimedOut(Deadline::Drain) => {
                self.coverage.expired += 1;
                network.is_drain_over()
            }
        };
        // An end that looks orderly to the peer means that it has everything.
        let is_honest = link.reset || link.failed || link.written == link.read || link.our_fin;
        let link = format!("{:?}: {link:?}", summary.reason);
        network.require(end, || {
            format!("closed without reason or too early, {link}")
        });
        network.require(is_honest, || {
            format!("an orderly end hides lost bytes, {link}")
        });
    }

    /// The loop has ended.
    pub(super) fn at_the_end(self, network: &SharedNetwork) -> Result<Coverage, String> {
        let network = &mut *network.borrow_mut();
        for number in 0..network.links.len() {
            let link = &network.links[number];
            let is_over = link.closed || link.finished;
            network.require(is_over, || format!("link {number} is left behind"));
        }
        network.violation.take().map_or(Ok(self.coverage), Err)
    }
}

/// Each event reaches the connection that it is about, and no other.
fn events_reach_their_connections(event_loop: &Simulated, network: &mut Network) {
    let handed = network
        .handed
        .iter()
        .filter(|event| matches!(event.source, Source::Connection(_)));
    let meant: Vec<_> = handed
        .filter_map(|event| Some((network.links[event.link?].id?, event.flags)))
        .collect();
    let reached = &event_loop.observer.flags;
    network.require(*reached == meant, || {
        format!("events meant for {meant:?} reached {reached:?}")
    });
}

/// No call is made without need, and none in an endless row.
fn calls_are_bounded(network: &mut Network) {
    let accepts = network.accepts;
    network.require(accepts <= ACCEPTS_PER_ITERATION, || {
        format!("{accepts} accepts in a row")
    });
    let most = usize::from(network.setup.backlog) + 1;
    let drained = network.backlogs.iter().map(|backlog| backlog.drained).max();
    network.require(drained <= Some(most), || {
        "accepts without end in a stop".to_owned()
    });
    let stopping = usize::from(network.stop_noted.is_some());
    let broken = network.links.iter().find(|link| {
        link.reads > 1 || link.writes > 2 || link.empty_reads > link.excuses + stopping
    });
    let broken = broken.map(|link| format!("too many calls: {link:?}"));
    network.require(broken.is_none(), || broken.unwrap_or_default());
}

/// What a parked connection could do although no edge will come.
fn unserved(link: &Link, pending: usize) -> Option<&'static str> {
    if pending > 0 {
        return (link.has_room() && !link.will_report_room()).then_some("room for pending bytes");
    }
    (link.has_input() && !link.will_report_input()).then_some("unread input")
}

/// Whether a connection that waits for its peer has been idle for far longer than it may.
fn is_overdue(network: &Network, link: &Link, pending: usize) -> bool {
    let idles = pending == 0 && !link.has_input();
    let quiet = network.now - link.moved_at.max(link.taken_at);
    let timeout = network.setup.idle_timeout;
    // A slow server is late.
    idles && !network.setup.slow && timeout.is_some_and(|timeout| quiet > timeout * 3)
}

/// Before an iteration: what the loop may not sleep on.
pub(super) fn set_limits_of_sleep(event_loop: &Simulated, network: &mut Network) {
    let has_room = event_loop.connections.len() < network.setup.max_connections;
    let is_paused = network
        .accept_paused_until
        .is_some_and(|until| until > network.now);
    let waits = |backlog: &Backlog| backlog.is_known && !backlog.waiting.is_empty();
    let can_accept = has_room && !is_paused && network.backlogs.iter().any(waits);
    network.has_room = has_room;
    let is_walking = event_loop.walk.is_under_way();
    network.may_sleep = event_loop.run_queue.is_empty() && !can_accept && !is_walking;
}
