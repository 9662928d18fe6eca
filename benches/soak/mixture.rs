//! What the peers of the soak do: kinds of episodes, each with its rate.

use super::peer::{AfterSending, Payload, Peer, Reading, SMALL};
use mio_echo::rng::SplitMix64;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections that an [`Kind::Idle`] worker holds.
const HELD: usize = 50;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What a peer does with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Churn,
    Reset,
    SlowReader,
    Flood,
    HalfClose,
    Urgent,
    Idle,
    Leave,
}

/// Kinds, workers of each, and episodes per second that all its workers begin together. The rates bound the load: about
/// 270 connections per second, so that a minute of TIME-WAIT occupies half of the ephemeral ports.
pub(crate) const MIXTURE: [(Kind, u32, f64); 8] = [
    (Kind::Churn, 2, 80.0),
    (Kind::Reset, 2, 60.0),
    (Kind::SlowReader, 8, 4.0),
    (Kind::Flood, 3, 4.0),
    (Kind::HalfClose, 2, 30.0),
    (Kind::Urgent, 1, 30.0),
    (Kind::Idle, 2, 30.0),
    (Kind::Leave, 1, 60.0),
];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Churn => "connection churn",
            Self::Reset => "resets at random points",
            Self::SlowReader => "slow readers",
            Self::Flood => "floods",
            Self::HalfClose => "half-closes",
            Self::Urgent => "urgent data",
            Self::Idle => "idle connections",
            Self::Leave => "connect and leave",
        }
    }
}

/// One worker: what it needs for its episodes.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) payload: &'a Payload,
    /// The connections of an idle worker.
    pub(crate) held: Vec<Peer<'a>>,
}

impl<'a> Worker<'a> {
    /// Runs one episode, and returns how many bytes came back. Only `rng` decides what happens in it.
    pub(crate) fn episode(&mut self, kind: Kind, rng: &mut SplitMix64) -> io::Result<u64> {
        match kind {
            Kind::Churn => self.churn(rng),
            Kind::Reset => self.reset(rng),
            Kind::SlowReader => self.read_slowly(rng),
            Kind::Flood => self.flood(rng),
            Kind::HalfClose => self.half_close(rng),
            Kind::Urgent => self.send_urgent_data(rng),
            Kind::Idle => self.break_silence(rng),
            Kind::Leave => self.leave(rng),
        }
    }

    fn connect(&self, rng: &mut SplitMix64, receive_buffer: Option<usize>) -> io::Result<Peer<'a>> {
        let start = rng.next_u64() >> 16;
        Peer::connect(self.address, self.payload, start, receive_buffer)
    }

    /// A few messages, and then FIN.
    fn churn(&self, rng: &mut SplitMix64) -> io::Result<u64> {
        let mut peer = self.connect(rng, None)?;
        for _ in 0..=rng.below(4) {
            peer.round_trip(between(rng, 1, 4 * KIB))?;
        }
        peer.finish()
    }

    /// RST: before a byte, with bytes on their way, with bytes pending in the server, or half-closed.
    fn reset(&self, rng: &mut SplitMix64) -> io::Result<u64> {
        let mut peer = self.connect(rng, None)?;
        match rng.below(5) {
            0 => {}
            1 => peer.round_trip(between(rng, 1, SMALL))?,
            2 => peer.send(between(rng, 1, SMALL))?,
            3 => {
                peer.send(between(rng, 2, SMALL))?;
                let some = between(rng, 1, peer.unreturned() - 1);
                peer.receive(some, Reading::AtOnce)?;
                peer.half_close()?;
            }
            _ => peer.send_what_fits(between(rng, 64 * KIB, 2 * MIB))?,
        }
        peer.reset()
    }

    /// More than the socket buffers hold, read through a small buffer over a second or two.
    fn read_slowly(&self, rng: &mut SplitMix64) -> io::Result<u64> {
        let buffer = 4096 << rng.below(4);
        let mut peer = self.connect(rng, Some(buffer))?;
        let bytes = between(rng, 256 * KIB, 2 * MIB);
        let parts = bytes / between(rng, 100, 200) + 1;
        let pace = Reading::Slow(
            usize::try_from(parts).unwrap_or(1),
            Duration::from_millis(10),
        );
        peer.exchange(bytes, pace, AfterSending::Nothing)?;
        peer.finish()
    }

    /// As much as the server takes, in both directions at once.
    fn flood(&self, rng: &mut SplitMix64) -> io::Result<u64> {
        let mut peer = self.connect(rng, None)?;
        let bytes = between(rng, 4 * MIB, 16 * MIB);
        peer.exchange(bytes, Reading::AtOnce, AfterSending::Nothing)?;
        peer.finish()
    }

    /// FIN right behind the last byte, while the echo is not read yet.
    fn half_close(&self, rng: &mut SplitMix64) -> io::Result<u64> {
        let mut peer = self.connect(rng, None)?;
        let bytes = match rng.below(4) {
            0 => 0,
            1 => between(rng, 1, 8),
            2 => between(rng, 1, SMALL),
            _ => between(rng, SMALL, MIB),
        };
        let late = Reading::Late(Duration::from_millis(between(rng, 0, 50)));
        peer.exchange(bytes, late, AfterSending::HalfClose)?;
        peer.finish()
    }

    /// Urgent bytes in the midst of others: echoed in place.
    fn send_urgent_data(&self, rng: &mut SplitMix64) -> io::Result<u64> {
        let mut peer = self.connect(rng, None)?;
        for _ in 0..=rng.below(3) {
            peer.send(between(rng, 0, KIB))?;
            peer.send_urgent()?;
            if rng.below(2) == 0 {
                peer.round_trip(between(rng, 1, KIB))?;
            }
        }
        peer.finish()
    }

    /// One of many silent connections sends a message, and perhaps makes room for a new one.
    fn break_silence(&mut self, rng: &mut SplitMix64) -> io::Result<u64> {
        while self.held.len() < HELD {
            let peer = self.connect(rng, None)?;
            self.held.push(peer);
        }
        let index = rng.below(self.held.len());
        let mut peer = self.held.swap_remove(index);
        let before = peer.received;
        peer.round_trip(between(rng, 1, KIB))?;
        let bytes = peer.received - before;
        match rng.below(10) {
            0 => peer.finish().map(|_| bytes),
            1 => peer.reset().map(|_| bytes),
            _ => {
                self.held.push(peer);
                Ok(bytes)
            }
        }
    }

    /// Not a byte.
    fn leave(&self, rng: &mut SplitMix64) -> io::Result<u64> {
        let peer = self.connect(rng, None)?;
        match rng.below(3) {
            0 => Ok(0),
            1 => peer.reset(),
            _ => peer.finish(),
        }
    }
}

fn between(rng: &mut SplitMix64, low: u64, high: u64) -> u64 {
    let width = usize::try_from(high.saturating_sub(low)).unwrap_or(0);
    low + rng.below(width + 1) as u64
}
