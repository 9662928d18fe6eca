//! Everything outside the server: peers, the network, the operator, time.
//!
//! [`Network::wait`] is where it moves; it also moves a little between any two system calls, as the real one does.

use super::decisions::Decisions;
use super::link::Link;
use super::mutant::Mutant;
use super::setup::SimulationSetup;
use crate::readiness::EventFlags;
use crate::server::clock;
use crate::server::shutdown::Stopper;
use crate::server::sources::Source;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The kernel's side of a listening socket.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) waiting: VecDeque<usize>,
    pub(super) edge: bool,
    pub(super) closed: bool,
    /// Connections that were accepted from others since this one was tried, while a peer waited and the loop knew it.
    pub(super) passed_over: usize,
    /// An edge was handed to the loop, and no accept has found nothing since.
    pub(super) is_known: bool,
    /// Accepted since a stop was noted.
    pub(super) drained: usize,
}

/// An event that was handed to the loop, with the link that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) link: Option<usize>,
    pub(super) source: Source,
    pub(super) flags: EventFlags,
}

/// The world of one run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent conditions, not a state machine"
)]
#[derive(Debug)]
pub(super) struct Network {
    pub(super) decisions: Decisions,
    pub(super) setup: SimulationSetup,
    pub(super) mutant: Option<Mutant>,
    pub(super) now: Instant,
    pub(super) links: Vec<Link>,
    pub(super) backlogs: Vec<Backlog>,
    pub(super) handed: Vec<Handed>,
    /// For keys that may be free, or another link's by now.
    pub(super) spurious: Vec<Handed>,
    woken: bool,
    stopper: Stopper,
    /// When the loop could first know of a stop.
    pub(super) stop_noted: Option<Instant>,
    stop_requested: bool,
    /// Until then accept(2) may not be tried.
    pub(super) accept_paused_until: Option<Instant>,
    pub(super) failed_accepts_in_a_row: usize,
    /// How many accepts are still to fail with EPERM.
    pub(super) accepts_denied: usize,
    /// System calls, and accepts alone, in this iteration.
    pub(super) calls: usize,
    pub(super) accepts: usize,
    /// Sleeps in a row with a limit that had no reason.
    limited_sleeps: usize,
    /// Whether the loop has room for one more connection.
    pub(super) has_room: bool,
    /// Whether nothing is due for the loop to do.
    pub(super) may_sleep: bool,
    /// The first promise that was broken.
    pub(super) violation: Option<String>,
}

impl Network {
    pub(super) fn new(
        mut decisions: Decisions,
        setup: SimulationSetup,
        stopper: Stopper,
        mutant: Option<Mutant>,
        now: Instant,
    ) -> Self {
        clock::simulated::set(now);
        let first_peers = 1 + decisions.choose(4);
        let mut network = Self {
            decisions,
            backlogs: (0..setup.listeners).map(|_| Backlog::default()).collect(),
            setup,
            mutant,
            now,
            links: Vec::new(),
            handed: Vec::new(),
            spurious: Vec::new(),
            woken: false,
            stopper,
            stop_noted: None,
            stop_requested: false,
            accept_paused_until: None,
            failed_accepts_in_a_row: 0,
            accepts_denied: 0,
            calls: 0,
            accepts: 0,
            limited_sleeps: 0,
            has_room: true,
            may_sleep: true,
            violation: None,
        };
        for _ in 0..first_peers {
            network.connect();
        }
        network
    }

    /// A promise: what must hold, and what it means if it does not.
    pub(super) fn require(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            self.violation = Some(otherwise());
        }
    }

    /// Whether no number is left: from here on everything goes well, until nothing is left to do.
    pub(super) fn is_calm(&self) -> bool {
        self.decisions.are_used_up()
    }

    /// Whether a call fails without a reason that a peer gave.
    pub(super) fn fault(&mut self, cases: usize) -> bool {
        self.setup.faults && self.decisions.one_in(cases)
    }

    /// Whether the time of a stop is up.
    pub(super) fn is_drain_over(&self) -> bool {
        let expires = self
            .stop_noted
            .and_then(|at| at.checked_add(self.setup.drain_timeout));
        expires.is_some_and(|at| at <= self.now)
    }

    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    // ── wait ────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = timeout.and_then(|timeout| self.now.checked_add(timeout));
        let waited = self.wait_until(timeout, deadline);
        if self.stop_requested && self.stop_noted.is_none() {
            self.stop_noted = Some(self.now);
            for link in &mut self.links {
                link.sent_before_stop = Some(link.sent);
            }
        }
        waited
    }

    fn wait_until(
        &mut self,
        timeout: Option<Duration>,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        self.handed.clear();
        let may_sleep = self.may_sleep || timeout == Some(Duration::ZERO);
        self.require(may_sleep, || "sleeps although there is work".to_owned());
        let can_be_idle = self.setup.idle_timeout.is_some() && self.has_connections();
        self.require(timeout.is_some() || !can_be_idle, || {
            "sleeps without a limit while a connection can be idle".to_owned()
        });
        self.wakes_for_nothing(timeout);
        let is_late = self.sleeps_beyond_a_pause(timeout);
        self.require(!is_late, || "sleeps beyond a pause".to_owned());
        if self.decisions.one_in(16) {
            if self.is(Mutant::LoseEventsOnInterrupt) {
                self.collect_events();
            }
            self.handed.clear();
            return Err(ErrorKind::Interrupted.into());
        }
        loop {
            let is_calm = self.is_calm();
            for _ in 0..=self.decisions.choose(4) {
                self.move_on();
            }
            self.collect_events();
            if !self.handed.is_empty() || timeout == Some(Duration::ZERO) {
                return Ok(());
            }
            if !is_calm {
                let later = Duration::from_millis(1 + self.decisions.choose(3) as u64);
                let until = self.now + later;
                self.set_time(deadline.map_or(until, |deadline| until.min(deadline)));
            } else if !self.settle() {
                match deadline {
                    Some(deadline) => self.set_time(deadline),
                    None => self.stop_or_give_up(),
                }
            }
            if deadline.is_some_and(|deadline| deadline <= self.now) || self.violation.is_some() {
                return Ok(());
            }
        }
    }

    fn has_connections(&self) -> bool {
        let is_open = |link: &Link| link.id.is_some() && !link.closed;
        self.links.iter().any(is_open)
    }

    /// A sleep without connections, a pause or a stop has no limit. The first one may: until then, the idle clock runs on.
    fn wakes_for_nothing(&mut self, timeout: Option<Duration>) {
        let is_limited = timeout.is_some_and(|timeout| !timeout.is_zero());
        let is_paused = self.accept_paused_until.is_some_and(|at| at > self.now);
        let is_for_nothing = !self.has_connections() && !is_paused && self.stop_noted.is_none();
        self.limited_sleeps = if is_limited && is_for_nothing {
            self.limited_sleeps + 1
        } else {
            0
        };
        let is_rare = self.limited_sleeps < 2;
        self.require(is_rare, || "wakes up for nothing".to_owned());
    }

    /// Whether the loop would leave a peer waiting when the pause of its listener is over.
    fn sleeps_beyond_a_pause(&self, timeout: Option<Duration>) -> bool {
        let left = self
            .accept_paused_until
            .map(|until| until.saturating_duration_since(self.now));
        let waits = |backlog: &Backlog| backlog.is_known && !backlog.waiting.is_empty();
        self.has_room
            && self.backlogs.iter().any(waits)
            && left
                .is_some_and(|left| !left.is_zero() && timeout.is_none_or(|timeout| timeout > left))
    }

    pub(super) fn set_time(&mut self, now: Instant) {
        self.now = now;
        clock::simulated::set(now);
    }

    /// Nothing moves any more, and the loop would sleep without a limit.
    fn stop_or_give_up(&mut self) {
        let is_open = |link: &&Link| link.id.is_some() && !link.closed;
        let open = self.links.iter().filter(is_open).count();
        // Peers that have fallen silent may take up all the room that there is.
        let is_full = open >= self.setup.max_connections;
        let waits = |link: &&Link| link.peer_is_active() && !(is_full && link.id.is_none());
        let stuck = self.links.iter().find(waits);
        let stuck = stuck.map(|link| format!("{link:?}"));
        self.require(stuck.is_none(), || {
            format!("sleeps while a peer waits: {}", stuck.unwrap_or_default())
        });
        if self.stop_requested {
            let open = self.links.iter().find(is_open);
            let left = format!("sleeps through a stop: {open:?}, {:?}", self.backlogs);
            return self.require(false, || left);
        }
        self.stop();
    }

    pub(super) fn stop(&mut self) {
        self.stop_requested = true;
        self.woken = true;
        self.stopper.stop().unwrap();
    }

    // ── events ──────────────────────────────────────────────────────────────────────────────────

    /// Hands over edges that were raised: most of them, at once or in parts, with what is ready beside them or alone.
    fn collect_events(&mut self) {
        let mut handed = std::mem::take(&mut self.spurious);
        for (number, link) in self.links.iter_mut().enumerate() {
            let Some(key) = link.key.filter(|_| !link.closed) else {
                continue;
            };
            if link.edge == EventFlags::default() || self.decisions.one_in(4) {
                continue;
            }
            let mut flags = std::mem::take(&mut link.edge);
            if self.decisions.one_in(8) && flags.readable && flags.writable {
                link.edge.writable = true;
                flags.writable = false;
            } else if self.decisions.one_in(2) {
                flags = union(flags, link.level());
            }
            handed.push(Handed {
                link: Some(number),
                source: Source::Connection(key),
                flags,
            });
        }
        for (number, backlog) in self.backlogs.iter_mut().enumerate() {
            if backlog.edge && !backlog.closed && !self.decisions.one_in(4) {
                backlog.edge = false;
                let source = Source::Listener(number);
                handed.push(Handed {
                    link: None,
                    source,
                    flags: EventFlags::default(),
                });
            }
        }
        if std::mem::take(&mut self.woken) {
            handed.push(Handed {
                link: None,
                source: Source::Waker,
                flags: EventFlags::default(),
            });
        }
        if !handed.is_empty() {
            let first = self.decisions.choose(handed.len().min(256));
            handed.rotate_left(first);
        }
        self.forget(&mut handed);
        self.note_handed(&handed);
        self.handed = handed;
    }

    /// What a mutant keeps from the loop.
    fn forget(&mut self, handed: &mut Vec<Handed>) {
        let Some(mutant) = self.mutant else { return };
        let decisions = &mut self.decisions;
        handed.retain(|event| match mutant {
            Mutant::ForgetEdge => event.link.is_none() || !decisions.one_in(4),
            Mutant::ForgetListenerEdge => !matches!(event.source, Source::Listener(_)),
            _ => true,
        });
        for event in handed {
            match mutant {
                Mutant::ForgetWritable => event.flags.writable = false,
                Mutant::ForgetFin => event.flags.read_closed = false,
                Mutant::ForgetError => event.flags.error = false,
                Mutant::ForgetUrgentMark => event.flags.priority = false,
                _ => {}
            }
        }
    }

    fn note_handed(&mut self, handed: &[Handed]) {
        for event in handed {
            if let Some(link) = event.link {
                self.links[link].excuses += 1;
            }
            if let Source::Listener(number) = event.source {
                self.backlogs[number].is_known = true;
            }
        }
    }
}

fn union(one: EventFlags, other: EventFlags) -> EventFlags {
    EventFlags {
        readable: one.readable | other.readable,
        writable: one.writable | other.writable,
        read_closed: one.read_closed | other.read_closed,
        write_closed: one.write_closed | other.write_closed,
        error: one.error | other.error,
        priority: one.priority | other.priority,
    }
}
