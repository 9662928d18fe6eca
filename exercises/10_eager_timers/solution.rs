//! Solution 10: a message notes the time, and the timer looks at it when it expires.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

const TIMEOUT: u64 = 1000; // ms, of virtual time

#[derive(Default)]
struct Timers {
    deadlines: BinaryHeap<Reverse<(u64, usize)>>, // when, and which connection
    last_active: Vec<u64>,                        // of each connection
}

impl Timers {
    fn connect(&mut self, now: u64) -> usize {
        let key = self.last_active.len();
        self.last_active.push(now);
        self.deadlines.push(Reverse((now + TIMEOUT, key)));
        key
    }

    /// A connection has received a message.
    fn message(&mut self, key: usize, now: u64) {
        if let Some(last) = self.last_active.get_mut(key) {
            *last = now;
        }
    }

    /// The connections that have been silent for the whole timeout.
    fn expired(&mut self, now: u64) -> Vec<usize> {
        let mut idle = Vec::new();
        while let Some(&Reverse((at, key))) = self.deadlines.peek() {
            if at > now {
                break;
            }
            self.deadlines.pop();
            let last = self.last_active.get(key).copied().unwrap_or(now);
            if last + TIMEOUT <= now {
                idle.push(key);
            } else {
                // It was early: a message has moved the deadline.
                self.deadlines.push(Reverse((last + TIMEOUT, key)));
            }
        }
        idle
    }
}

fn main() {
    let mut timers = Timers::default();
    let (busy, silent) = (timers.connect(0), timers.connect(0));
    for now in 1..=5000 {
        timers.message(busy, now);
        let idle = timers.expired(now);
        assert_eq!(idle == [silent], now == TIMEOUT, "{idle:?} at {now} ms");
        // One connection has one deadline, however many messages it has received.
        assert!(
            timers.deadlines.len() <= 2,
            "{} timers",
            timers.deadlines.len()
        );
    }
    // The peer falls silent, and is not forgotten.
    assert_eq!(timers.expired(5000 + TIMEOUT - 1), []);
    assert_eq!(timers.expired(5000 + TIMEOUT), [busy]);
    println!("passed");
}
