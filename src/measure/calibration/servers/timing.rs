//! Servers that echo late, or not faster than they are allowed to.

use super::echo::echo;
use std::io;
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much later some messages are echoed.
pub(crate) const DELAY: Duration = Duration::from_millis(50);

/// Which share of the messages that is.
pub(crate) const DELAYED_SHARE: f64 = 1.0 / DELAYED_EVERY as f64;

/// One in this many messages is delayed.
const DELAYED_EVERY: u32 = 20;

/// Messages echoed per second over all connections.
pub(crate) const CEILING: u32 = 2000;

/// A server that falls behind its pace by more than this, because it was not scheduled, does not catch up.
const LONGEST_LAG: Duration = Duration::from_millis(100);

/// Delays every twentieth message.
pub(super) fn delay_some(peer: &TcpStream) -> io::Result<()> {
    let mut messages: u32 = 0;
    echo(peer, |_, _| {
        messages = messages.wrapping_add(1);
        if messages.is_multiple_of(DELAYED_EVERY) {
            thread::sleep(DELAY);
        }
    })
}

/// Times at which all connections together may echo a message.
#[derive(Debug)]
pub(super) struct Pace {
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            next: Mutex::new(Instant::now()),
        }
    }

    /// Takes the next time and waits for it.
    pub(super) fn wait(&self) {
        let now = Instant::now();
        let time = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = now.checked_sub(LONGEST_LAG).unwrap_or(now);
            let time = earliest.max(*next);
            *next = time + Duration::from_secs(1) / CEILING;
            time
        };
        thread::sleep(time.saturating_duration_since(now));
    }
}
