//! Counters: what the server has done so far.

use super::datagrams::event::{DatagramEvent, Refusal};
use super::misbehaviour::MisbehaviourCounts;
use super::observer::{AcceptPause, ConnectionId, ConnectionSummary, Observer};
use crate::connection::{ConnectionEvent, Reason};
use crate::text::address::Address;
use crate::text::os_error;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// Counters. [`Observer::merge`] adds two of them up.
#[derive(Debug, Clone)]
pub struct Stats {
    /// When counting began.
    pub since: Instant,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that are over.
    pub closed: u64,
    /// Bytes received to be echoed.
    pub bytes_in: u64,
    /// Bytes that the kernel took for the peers.
    pub bytes_out: u64,
    /// The most bytes that were ever pending for one peer; in threads mode, as far as blocked writes showed it.
    pub longest_queue: usize,
    /// Datagrams.
    pub datagrams: DatagramStats,
    /// The injected faults, counted; the counters are shared with the server. `None` if it injects none.
    pub misbehaved: Option<MisbehaviourCounts>,
    /// Error texts and how often each occurred. Each error concerned one peer.
    pub errors: BTreeMap<String, u64>,
    /// What is called when a report is requested ([`Observer::report`]). It must not block.
    report_to: fn(&Self),
    /// Where copies are sent that other threads request ([`Observer::publish`]).
    publish_to: Option<Sender<Self>>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            accepted: 0,
            closed: 0,
            bytes_in: 0,
            bytes_out: 0,
            longest_queue: 0,
            datagrams: DatagramStats::default(),
            misbehaved: None,
            errors: BTreeMap::new(),
            report_to: |_| {},
            publish_to: None,
        }
    }
}

/// What became of datagrams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatagramStats {
    /// Datagrams received.
    pub received: u64,
    /// Replies that the kernel took.
    pub replied: u64,
    /// Bytes of the datagrams received.
    pub bytes_in: u64,
    /// Bytes of the replies that the kernel took.
    pub bytes_out: u64,
    /// Replies dropped because the send buffer was full.
    pub dropped: u64,
    /// Datagrams that were not answered, by reason.
    pub refused: BTreeMap<Refusal, u64>,
}

impl Stats {
    /// Counters that pass themselves to `report_to` when a report is requested. It must not block.
    pub fn reporting_to(report_to: fn(&Self)) -> Self {
        Self {
            report_to,
            ..Self::default()
        }
    }

    /// The same counters, which send a copy of themselves to `receiver` when another thread requests one
    /// ([`SnapshotRequester`](super::SnapshotRequester)).
    #[must_use]
    pub fn publishing_to(self, receiver: Sender<Self>) -> Self {
        Self {
            publish_to: Some(receiver),
            ..self
        }
    }

    fn count_error(&mut self, text: String) {
        *self.errors.entry(text).or_default() += 1;
    }
}

impl DatagramStats {
    fn merge(&mut self, other: Self) {
        self.received += other.received;
        self.replied += other.replied;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.dropped += other.dropped;
        for (refusal, count) in other.refused {
            *self.refused.entry(refusal).or_default() += count;
        }
    }
}

impl Observer for Stats {
    const OBSERVES_CALLS: bool = false;

    fn fork(&self) -> Self {
        Self {
            since: self.since,
            report_to: self.report_to,
            ..Self::default()
        }
    }

    fn merge(&mut self, forked: Self) {
        self.accepted += forked.accepted;
        self.closed += forked.closed;
        self.bytes_in += forked.bytes_in;
        self.bytes_out += forked.bytes_out;
        self.longest_queue = self.longest_queue.max(forked.longest_queue);
        self.datagrams.merge(forked.datagrams);
        for (text, count) in forked.errors {
            *self.errors.entry(text).or_default() += count;
        }
    }

    fn accepted(&mut self, _id: ConnectionId, _peer: &Address) {
        self.accepted += 1;
    }

    fn on_event(&mut self, _id: ConnectionId, event: ConnectionEvent) {
        match event {
            ConnectionEvent::Read { bytes } => self.bytes_in += bytes as u64,
            ConnectionEvent::Wrote { bytes, .. } => self.bytes_out += bytes as u64,
            ConnectionEvent::Queued { bytes } => self.longest_queue = self.longest_queue.max(bytes),
            ConnectionEvent::ReadWouldBlock
            | ConnectionEvent::PeerFinished
            | ConnectionEvent::WriteWouldBlock
            | ConnectionEvent::Discarded { .. }
            | ConnectionEvent::FinSent => {}
        }
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        self.closed += 1;
        match summary.reason {
            Reason::Finished => {}
            Reason::Failed(_) | Reason::TimedOut(_) => self.count_error(summary.reason.to_string()),
        }
    }

    fn refused(&mut self, _peer: &Address, error: &io::Error) {
        self.count_error(format!("refused: {}", os_error::describe(error)));
    }

    fn accept_failed(&mut self, error: &io::Error) {
        self.count_error(format!("accept: {}", os_error::describe(error)));
    }

    fn accept_paused(&mut self, pause: &AcceptPause) {
        if let AcceptPause::Exhausted(error) = pause {
            self.count_error(format!("accept: {}", os_error::describe(error)));
        }
    }

    fn on_datagram(&mut self, _peer: SocketAddr, event: DatagramEvent) {
        let datagrams = &mut self.datagrams;
        match event {
            DatagramEvent::Received { bytes } => {
                datagrams.received += 1;
                datagrams.bytes_in += bytes as u64;
            }
            DatagramEvent::Replied { bytes } => {
                datagrams.replied += 1;
                datagrams.bytes_out += bytes as u64;
            }
            DatagramEvent::Refused(refusal) => {
                *datagrams.refused.entry(refusal).or_default() += 1;
            }
            DatagramEvent::Dropped => datagrams.dropped += 1,
            DatagramEvent::Failed(failure) => self.count_error(format!("reply: {failure}")),
        }
    }

    fn receive_failed(&mut self, error: &io::Error) {
        self.count_error(format!("receive: {}", os_error::describe(error)));
    }

    fn report(&self) {
        (self.report_to)(self);
    }

    fn publish(&self) {
        if let Some(receiver) = &self.publish_to {
            let copy = Self {
                publish_to: None,
                ..self.clone()
            };
            // The thread that requested it may have ended.
            let _unwanted = receiver.send(copy);
        }
    }
}

/// As in `connections 3, open 1, bytes in 1024, bytes out 1024, longest queue 0, up 2s, errors none`: one line, with the
/// datagrams only if there were any, and with misbehaviour only if it was asked for.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.accepted.saturating_sub(self.closed);
        let uptime = Duration::from_millis(
            u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        );
        write!(
            f,
            "connections {}, open {open}, bytes in {}, bytes out {}, longest queue {}, up {}, ",
            self.accepted,
            self.bytes_in,
            self.bytes_out,
            self.longest_queue,
            humantime::format_duration(uptime),
        )?;
        if self.datagrams.received > 0 {
            write!(f, "{}, ", self.datagrams)?;
        }
        if let Some(counts) = &self.misbehaved {
            write!(f, "misbehaved {counts}, ")?;
        }
        write_counts(f, "errors", &self.errors)
    }
}

/// As in `datagrams 3, replies 2, bytes in 48, bytes out 32, dropped 0, refused 1 × source port below 1024`.
impl fmt::Display for DatagramStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            received,
            replied,
            bytes_in,
            bytes_out,
            dropped,
            refused,
        } = self;
        write!(
            f,
            "datagrams {received}, replies {replied}, bytes in {bytes_in}, bytes out {bytes_out}, dropped {dropped}, "
        )?;
        write_counts(f, "refused", refused)
    }
}

/// `errors none`, or `errors 1 × broken pipe, 2 × idle timeout`.
fn write_counts<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    counts: &BTreeMap<T, u64>,
) -> fmt::Result {
    if counts.is_empty() {
        return write!(f, "{name} none");
    }
    let mut separator = name;
    for (reason, count) in counts {
        write!(f, "{separator} {count} × {reason}")?;
        separator = ",";
    }
    Ok(())
}

#[cfg(test)]
mod tests;
