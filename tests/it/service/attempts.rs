//! Clients that connect again and again while servers come and go, each attempt verified.

use crate::harness::{DEADLINE, assert_same, eventually, pattern};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What has become of the attempts so far. An attempt that ends in any other way fails the test.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// Connected, and got its message back.
    echoed: AtomicUsize,
    /// Connected, and got a FIN instead: a server accepted it, and had to stop before the message arrived.
    ended_in_order: AtomicUsize,
    has_ended: AtomicBool,
}

impl Attempts {
    /// Keeps `clients` clients connecting to `address` for as long as `body` runs.
    pub(crate) fn during(address: SocketAddr, clients: usize, body: impl FnOnce(&Self)) -> Self {
        let attempts = Self::default();
        thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| attempts.keep_connecting(address));
            }
            // The clients end with the body, also if it panics.
            let _end = EndOnDrop(&attempts.has_ended);
            body(&attempts);
        });
        attempts
    }

    fn keep_connecting(&self, address: SocketAddr) {
        let message = pattern(64);
        while !self.has_ended.load(Ordering::Acquire) {
            let echoed = attempt(address, &message)
                .unwrap_or_else(|error| panic!("no attempt should fail: {error}"));
            if echoed.is_empty() {
                self.ended_in_order.fetch_add(1, Ordering::AcqRel);
            } else {
                assert_same(&echoed, &message);
                self.echoed.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Waits until this many more attempts are echoed.
    pub(crate) fn wait_for_more(&self, more: usize) {
        let before = self.echoed();
        eventually("further attempts are echoed", || {
            self.echoed() >= before + more
        });
    }

    pub(crate) fn echoed(&self) -> usize {
        self.echoed.load(Ordering::Acquire)
    }

    pub(crate) fn ended_in_order(&self) -> usize {
        self.ended_in_order.load(Ordering::Acquire)
    }
}

struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// One connection: a message, our FIN, and all that comes back.
fn attempt(address: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(message)?;
    // A server that has stopped meanwhile has closed the connection.
    match stream.shutdown(Shutdown::Write) {
        Err(error) if error.kind() != io::ErrorKind::NotConnected => return Err(error),
        _ => {}
    }
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed)?;
    Ok(echoed)
}
