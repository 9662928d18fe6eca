//! The connections of a run: opened, found by key, counted, and replaced if they are short-lived.

use super::client_connection::StartTimes;
use super::client_slot::{ClientSlot, Outstanding};
use super::clock::{Clock, Nanos};
use super::dialer::{Dialer, Lifetime};
use super::part::LoadPart;
use super::plan::{LoadPattern, LoadPlan};
use super::schedule::Schedule;
use crate::readiness::{EventFlags, INTEREST, RunQueue};
use mio::{Registry, Token};
use slab::Slab;
use std::io;
use std::time::Duration;

/// A connection without an echo throughout the last second of the measurement, or its second half if that is shorter, is
/// starved, but not if that is less than [`SHORTEST_STARVATION`].
const STARVED_AFTER: Duration = Duration::from_secs(1);

/// In a shorter time, a busy machine may not have scheduled the server or one of its threads.
const SHORTEST_STARVATION: Duration = Duration::from_millis(100);

/// The open connections, and how many are still missing.
#[derive(Debug)]
pub(super) struct ConnectionPool<'a> {
    plan: &'a LoadPlan,
    slots: Slab<ClientSlot>,
    dialer: Dialer,
    /// When connections are to be opened; `None` opens them as fast as possible.
    connect_schedule: Option<Schedule>,
    /// Connections still to be opened.
    to_open: usize,
    /// Whether a connection that is missing is still opened.
    opening: Opening,
    /// Connections that are neither established nor failed yet.
    connecting: usize,
    /// Idle pattern only: connections whose one message has not been echoed yet.
    awaiting_echo: usize,
    /// Connections established since the run began.
    established: u64,
    /// Where the search for the next connection of the schedule begins.
    next_key: usize,
}

/// Whether connections that are missing are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    AsPlanned,
    Never,
}

impl<'a> ConnectionPool<'a> {
    /// The connections of `part`, whose load is `plan`.
    pub(super) fn new(plan: &'a LoadPlan, part: LoadPart) -> Self {
        let lifetime = match plan.pattern {
            LoadPattern::Churn => Lifetime::Short,
            LoadPattern::Echo | LoadPattern::Idle | LoadPattern::Stream => Lifetime::Long,
        };
        Self {
            plan,
            slots: Slab::with_capacity(plan.connections),
            dialer: Dialer::new(plan.target.clone(), &plan.sources, lifetime, part),
            connect_schedule: plan
                .connect_rate
                .map(|rate| Schedule::fixed(rate, part.start_of_schedule(0, rate))),
            to_open: plan.connections,
            opening: Opening::AsPlanned,
            connecting: 0,
            awaiting_echo: 0,
            established: 0,
            next_key: 0,
        }
    }

    /// When the next connection is to be opened; `None` if none is missing.
    pub(super) fn next_open(&self) -> Option<Nanos> {
        let next = self.connect_schedule.as_ref().map_or(0, Schedule::next);
        (self.to_open > 0).then_some(next)
    }

    /// Opens one connection, if one is missing and due.
    pub(super) fn open_next(
        &mut self,
        registry: &Registry,
        clock: &Clock,
    ) -> Option<io::Result<()>> {
        if self.to_open == 0 {
            return None;
        }
        if let Some(schedule) = &mut self.connect_schedule {
            schedule.take_due(clock.now())?;
        }
        self.to_open -= 1;
        let opened = self.open(registry, clock);
        if opened.is_err() {
            self.replace_if_short_lived();
        }
        Some(opened)
    }

    fn open(&mut self, registry: &Registry, clock: &Clock) -> io::Result<()> {
        let (number, stream) = self.dialer.dial();
        let mut stream = stream?;
        let entry = self.slots.vacant_entry();
        registry.register(&mut stream, Token(entry.key()), INTEREST)?;
        let now = clock.now();
        let slot = entry.insert(ClientSlot::new(stream, number, self.plan.size, now));
        self.connecting += 1;
        match self.plan.pattern {
            LoadPattern::Churn => slot.connection.start_message(StartTimes::at(now)),
            LoadPattern::Idle => {
                slot.connection.start_message(StartTimes::at(now));
                self.awaiting_echo += 1;
            }
            LoadPattern::Echo | LoadPattern::Stream => {}
        }
        Ok(())
    }

    /// Remembers an event. Returns whether the key belongs to a connection.
    pub(super) fn note(&mut self, key: usize, flags: EventFlags) -> bool {
        let Some(slot) = self.slots.get_mut(key) else {
            return false;
        };
        if slot.note(flags) {
            self.connecting -= 1;
            self.established += 1;
        }
        true
    }

    /// Opens no further connection.
    pub(super) fn stop_opening(&mut self) {
        self.opening = Opening::Never;
        self.to_open = 0;
    }

    /// Takes the oldest message of a connection if its echo is complete. See [`ClientSlot::finish_message`].
    pub(super) fn finish_message(
        &mut self,
        key: usize,
        noticed: Nanos,
        now: Nanos,
    ) -> Option<StartTimes> {
        let slot = self.slots.get_mut(key)?;
        let times = slot.finish_message(self.plan.depth, noticed, now)?;
        if self.plan.pattern == LoadPattern::Idle {
            self.awaiting_echo -= 1;
        }
        Some(times)
    }

    /// Removes a connection. Only a short-lived one is replaced: if long-lived connections fail, the results must
    /// show that they are missing.
    pub(super) fn remove(&mut self, key: usize) -> Option<ClientSlot> {
        let slot = self.slots.try_remove(key)?;
        if !slot.is_connected() {
            self.connecting -= 1;
        }
        if self.plan.pattern == LoadPattern::Idle && slot.connection.finished() == 0 {
            self.awaiting_echo -= 1;
        }
        self.replace_if_short_lived();
        Some(slot)
    }

    fn replace_if_short_lived(&mut self) {
        if self.plan.pattern == LoadPattern::Churn && self.opening == Opening::AsPlanned {
            self.to_open += 1;
        }
    }

    /// Whether the load can begin: every connection is established, in the idle pattern also served once, or has
    /// failed. Short-lived connections need no build-up.
    pub(super) fn is_built_up(&self) -> bool {
        let missing = self.to_open + self.connecting + self.awaiting_echo;
        missing == 0 || self.plan.pattern == LoadPattern::Churn
    }

    /// Whether no connection is left, nor one to be opened.
    pub(super) fn is_exhausted(&self) -> bool {
        self.slots.is_empty() && self.to_open == 0
    }

    /// The number of open, established connections.
    pub(super) fn connected(&self) -> usize {
        self.slots.len() - self.connecting
    }

    /// The number of connections established since the run began.
    pub(super) fn established(&self) -> u64 {
        self.established
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut ClientSlot> {
        self.slots.get_mut(key)
    }

    /// The closed loop begins: starts the first messages of every connection.
    pub(super) fn start_first_messages(&mut self, now: Nanos, run_queue: &mut RunQueue) {
        for (key, slot) in &mut self.slots {
            for _ in 0..self.plan.depth {
                slot.connection.start_message(StartTimes::at(now));
            }
            run_queue.push(key);
        }
    }

    /// The next connection in rotation. Keys of failed connections are skipped; when the schedule begins, every
    /// connection is established or has failed.
    pub(super) fn next_in_rotation(&mut self) -> Option<(usize, &mut ClientSlot)> {
        let (from, all) = (self.next_key, self.plan.connections);
        let mut keys = (from..from + all).map(|key| key % all);
        let key = keys.find(|key| self.slots.contains(*key))?;
        self.next_key = key + 1;
        Some((key, self.slots.get_mut(key)?))
    }

    /// The messages that have not been echoed yet.
    pub(super) fn outstanding(&self) -> impl Iterator<Item = Outstanding> {
        self.slots.iter().flat_map(|(_, slot)| slot.outstanding())
    }

    /// The number of long-lived connections that were starved between `since` and `now`; see
    /// [`ClientSlot::is_starved`].
    pub(super) fn starved(&self, since: Nanos, now: Nanos) -> usize {
        if self.plan.pattern == LoadPattern::Churn {
            return 0;
        }
        let elapsed = Duration::from_nanos(now.saturating_sub(since));
        let share = (elapsed / 2).clamp(SHORTEST_STARVATION, STARVED_AFTER);
        let slots = self.slots.iter();
        slots
            .filter(|(_, slot)| slot.is_starved(since, now, share))
            .count()
    }

    /// The keys of all connections.
    pub(super) fn keys(&self) -> Vec<usize> {
        self.slots.iter().map(|(key, _)| key).collect()
    }

    /// The keys of the connections that have exceeded the timeout.
    pub(super) fn timed_out(&self, now: Nanos) -> Vec<usize> {
        let slots = self.slots.iter();
        slots
            .filter(|(_, slot)| slot.has_timed_out(now, self.plan.timeout))
            .map(|(key, _)| key)
            .collect()
    }
}
