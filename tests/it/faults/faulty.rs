//! A server under faults, and peers of it.

use super::injection::{Calls, Injection, Threads, can_inject_or_skip};
use crate::harness::{Child, Signal, both_modes, connect, echo_roundtrip, name_of, pattern};
use mio_echo::server::Mode;
use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a fault lasts that lasts for a while: three retries of accept and more; in continuous integration, which also
/// forbids skips, two seconds.
pub(super) fn a_while() -> Duration {
    match env::var_os("MIO_ECHO_FORBID_SKIPS") {
        Some(_) => Duration::from_secs(2),
        None => Duration::from_millis(350),
    }
}

/// System calls that a handful of small echoes may cost, whatever fails meanwhile. A server that spins makes
/// thousands.
pub(super) const A_FEW_CALLS: usize = 150;

/// A server, and peers that no fault is meant for.
pub(super) struct Faulty {
    mode: Mode,
    server: Child,
    started: Instant,
    pub(super) address: SocketAddr,
    pub(super) bystanders: Vec<TcpStream>,
}

impl Faulty {
    pub(super) fn serve(mode: Mode) -> Self {
        let (server, address) = Child::serve(&["--mode", name_of(mode)]);
        let bystanders: Vec<TcpStream> = (0..3).map(|_| connect(address)).collect();
        let faulty = Self {
            mode,
            server,
            started: Instant::now(),
            address,
            bystanders,
        };
        faulty.assert_bystanders_are_served();
        faulty
    }

    pub(super) fn inject(&self, threads: Threads, fault: &str) -> Injection {
        Injection::start(&self.server, threads, fault)
    }

    pub(super) fn assert_bystanders_are_served(&self) {
        for peer in &self.bystanders {
            echo_roundtrip(peer, &pattern(1000));
        }
    }

    /// A connection whose first bytes have come back, and so has been accepted.
    pub(super) fn connect(&self) -> TcpStream {
        let peer = connect(self.address);
        echo_roundtrip(&peer, b"accepted");
        peer
    }

    /// Asserts that the faults leave nothing behind: the peers are served, the server stops in order, and it has logged
    /// no more than a line a second about each of two kinds of trouble.
    ///
    /// Returns the log.
    pub(super) fn end(self) -> String {
        self.assert_bystanders_are_served();
        echo_roundtrip(&self.connect(), &pattern(100_000));
        drop(self.bystanders);
        self.server.signal(Signal::TERM);
        let exit = self.server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        // A line each: serving, stopping, stopped.
        let seconds = usize::try_from(self.started.elapsed().as_secs()).unwrap();
        let lines = exit.stderr.lines().count();
        assert!(lines <= 3 + 2 * (seconds + 1), "{}", exit.stderr);
        assert!(exit.stderr.contains(", open 0,"), "{}", exit.stderr);
        exit.stderr
    }

    /// The connections of an event loop have one thread between them: what it does next is about the one whose peer
    /// sends next.
    pub(super) fn threads_of_victim(&self) -> Threads {
        match self.mode {
            Mode::EventLoop => Threads::Main,
            Mode::Threads => Threads::OfLastConnection,
        }
    }
}

/// Runs `body` on a server in each mode, then asserts that the faults have left nothing behind.
pub(super) fn in_both_modes(body: impl Fn(&mut Faulty) + Sync) {
    if can_inject_or_skip() {
        both_modes(|mode| {
            let mut faulty = Faulty::serve(mode);
            body(&mut faulty);
            faulty.end();
        });
    }
}

pub(super) fn assert_few(calls: &Calls, fault: &str) {
    assert!(calls.all <= A_FEW_CALLS, "{fault}: {calls:?}");
}

/// How many of `count` messages come back before a reset or an end. Asserts that what comes back is right.
pub(super) fn echoes_before_a_reset(mut peer: &TcpStream, count: usize) -> usize {
    let message = pattern(100);
    (0..count)
        .take_while(|_| {
            let mut echo = vec![0; message.len()];
            let is_back = peer.write_all(&message).is_ok() && peer.read_exact(&mut echo).is_ok();
            assert!(!is_back || echo == message, "a wrong byte");
            is_back
        })
        .count()
}
