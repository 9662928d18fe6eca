//! A server on a thread of the test.

use super::DEADLINE;
use mio_echo::server::{Config, Mode, Server, Stats, Stopper};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// A server that listens, but does not serve yet: peers can connect and send, and wait.
pub(crate) struct Bound {
    server: Server,
}

/// A server that serves, until [`stop`](Running::stop) or the end of the test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stopper: Stopper,
    ended: Receiver<io::Result<Stats>>,
}

impl Bound {
    /// Binds 127.0.0.1 on a port of the system's choice, unless `adjust` says otherwise.
    pub(crate) fn new(mode: Mode, adjust: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            mode,
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            max_connections: Some(1000),
            // Shorter than DEADLINE, so that a peer that was left behind is told from a server that hangs.
            drain_timeout: Duration::from_secs(5),
            ..Config::default()
        };
        adjust(&mut config);
        Self {
            server: Server::bind(config).expect("the server should start"),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self.server.local_addrs().first().expect("an address")
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.server.stopper()
    }

    pub(crate) fn run(self) -> Running {
        let (address, stopper) = (self.address(), self.stopper());
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            // Nobody waits for the end of a server whose test has failed.
            let _failed = end.send(self.server.run(Stats::default()));
        });
        Running {
            address,
            stopper,
            ended,
        }
    }
}

impl Running {
    pub(crate) fn start(mode: Mode, adjust: impl FnOnce(&mut Config)) -> Self {
        Bound::new(mode, adjust).run()
    }

    /// Requests a stop, without waiting for the end.
    pub(crate) fn request_stop(&self) {
        self.stopper.stop().expect("the server should be woken");
    }

    /// Waits for the end, with a deadline.
    pub(crate) fn wait(&self) -> Stats {
        self.ended_within(DEADLINE)
            .expect("the server should end within the deadline, and not panic")
    }

    /// As [`wait`](Self::wait), but leaves it to the caller to fail.
    pub(crate) fn ended_within(&self, time: Duration) -> Option<Stats> {
        let ended = self.ended.recv_timeout(time).ok()?;
        Some(ended.expect("the server should not break"))
    }

    /// Stops the server and returns how it ended and what it counted.
    pub(crate) fn stop(self) -> Stats {
        self.request_stop();
        self.wait()
    }
}

impl Drop for Running {
    /// A server that has already ended can be stopped once more; its poll may be gone, and nobody cares.
    fn drop(&mut self) {
        let _gone = self.stopper.stop();
    }
}
