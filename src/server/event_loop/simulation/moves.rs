//! What peers, the network and the operator do, a move at a time.

use super::link::Link;
use super::network::{Handed, Network};
use crate::readiness::EventFlags;
use crate::server::sources::Source;
use rustix::io::Errno;
use std::time::Duration;

impl Network {
    /// One thing happens somewhere, or nothing.
    pub(super) fn move_on(&mut self) {
        match self.decisions.choose(16) {
            0 => {}
            1 => self.spurious_event(),
            2 => {
                let later = Duration::from_millis(self.decisions.choose(4) as u64);
                self.set_time(self.now + later);
            }
            3 if self.decisions.one_in(8) => self.stop(),
            // With an unlimited drain, a peer that does nothing keeps the server from ending, as it should.
            4 if self.setup.drain_timeout != Duration::MAX => {
                if let Some(link) = self.some_peer()
                    && self.decisions.one_in(4)
                {
                    self.links[link].dead = true;
                }
            }
            5 if self.setup.faults && self.decisions.one_in(16) => self.accepts_denied = 200,
            6 if self.decisions.one_in(16) => (0..80).for_each(|_| self.connect()),
            _ => self.peer_moves(),
        }
    }

    /// What may happen between two system calls.
    pub(super) fn move_between_calls(&mut self) {
        self.calls += 1;
        if self.setup.slow {
            self.set_time(self.now + Duration::from_millis(5));
        }
        if self.decisions.one_in(4) {
            self.peer_moves();
        }
    }

    fn peer_moves(&mut self) {
        let Some(number) = self.some_peer() else {
            return self.connect();
        };
        let bytes = 1 + self.decisions.choose(40);
        let now = self.now;
        let link = &mut self.links[number];
        match self.decisions.choose(16) {
            0..5 => {
                link.send(bytes);
            }
            5..11 => {
                link.take(bytes, now);
                link.finish();
            }
            11 | 12 => self.connect(),
            13 => link.send_urgent(),
            14 if self.decisions.one_in(2) => {
                link.send_fin();
            }
            _ if self.decisions.one_in(4) => {
                link.break_with([Errno::CONNRESET, Errno::TIMEDOUT][bytes % 2]);
            }
            _ => {}
        }
    }

    fn some_peer(&mut self) -> Option<usize> {
        let active = self.links.iter().filter(|link| link.peer_is_active());
        let active: Vec<_> = active.map(|link| link.number).collect();
        let chosen = self.decisions.choose(active.len().clamp(1, 256));
        active.get(chosen).copied()
    }

    pub(super) fn connect(&mut self) {
        let listener = self.decisions.choose(self.backlogs.len());
        let backlog = &mut self.backlogs[listener];
        let is_full = backlog.waiting.len() > usize::from(self.setup.backlog);
        if self.links.len() >= self.setup.peers || backlog.closed || is_full {
            return;
        }
        let number = self.links.len();
        let plan = self.decisions.choose(if number < 12 { 120 } else { 4 });
        let capacity = [1000, 12, 1, 40][self.decisions.choose(4)];
        backlog.waiting.push_back(number);
        backlog.edge = true;
        self.links.push(Link::new(number, plan, capacity));
    }

    fn spurious_event(&mut self) {
        let key = self.decisions.choose(6);
        let bits = self.decisions.choose(64);
        let owner = |link: &&Link| link.key == Some(key) && !link.closed;
        let link = self.links.iter().find(owner).map(|link| link.number);
        let flags = EventFlags {
            readable: bits & 1 > 0,
            writable: bits & 2 > 0,
            read_closed: bits & 4 > 0,
            write_closed: bits & 8 > 0,
            error: bits & 16 > 0,
            priority: bits & 32 > 0,
        };
        self.spurious.push(Handed {
            link,
            source: Source::Connection(key),
            flags,
        });
    }

    /// A closed connection is reported once more: what must not happen, because its key may be taken again.
    pub(super) fn report_stale(&mut self, link: usize, key: usize) {
        let flags = EventFlags {
            readable: true,
            ..EventFlags::default()
        };
        self.spurious.push(Handed {
            link: Some(link),
            source: Source::Connection(key),
            flags,
        });
    }

    /// Every peer does all that it can: it sends the rest and its FIN, and reads until the end. Returns whether
    /// anything has moved.
    pub(super) fn settle(&mut self) -> bool {
        let now = self.now;
        let mut moved = false;
        for link in self.links.iter_mut().filter(|link| link.peer_is_active()) {
            moved |= link.send(usize::MAX) > 0;
            moved |= link.take(usize::MAX, now) > 0;
            let is_done = link.sent == link.plan || link.is_at_the_end();
            moved |= is_done && link.send_fin();
            moved |= link.finish();
        }
        moved
    }
}
