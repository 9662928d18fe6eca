//! A server on a thread of the test.

use super::DEADLINE;
use super::machine::raise_descriptor_limit;
use mio_echo::server::{Config, Mode, Observer, Server, SnapshotRequester, Stats, Stopper};
use mio_echo::text::address::Address;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// A server that listens, but does not serve yet: peers can connect and send, and wait.
pub(crate) struct BoundServer {
    server: Server,
}

/// A server that serves, until [`stop`](TestServer::stop) or the end of the test.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    stopper: Stopper,
    ended: Receiver<io::Result<Stats>>,
}

impl BoundServer {
    /// Binds 127.0.0.1 on a port of the system's choice, unless `adjust` changes that.
    pub(crate) fn new(mode: Mode, adjust: impl FnOnce(&mut Config)) -> Self {
        raise_descriptor_limit();
        let mut config = Config {
            mode,
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            max_connections: Some(1000),
            // Shorter than DEADLINE, so that a peer that is left behind differs from a server that hangs.
            drain_timeout: Duration::from_secs(5),
            ..Config::default()
        };
        adjust(&mut config);
        Self {
            server: Server::bind(config).expect("the server should start"),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.server.local_addrs().first();
        address.and_then(Address::inet).expect("an IP address")
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.server.stopper()
    }

    pub(crate) fn snapshot_requester(&self) -> SnapshotRequester {
        self.server.snapshot_requester()
    }

    /// Serves on this thread, until it is stopped.
    pub(crate) fn run_with<O: Observer>(self, observer: O) -> O {
        self.server
            .run(observer)
            .expect("the server should not fail")
    }

    pub(crate) fn run(self) -> TestServer {
        let (address, stopper) = (self.address(), self.stopper());
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            // A test that has failed no longer waits for the end of its server.
            let _failed = end.send(self.server.run(Stats::default()));
        });
        TestServer {
            address,
            stopper,
            ended,
        }
    }
}

impl TestServer {
    pub(crate) fn start(mode: Mode, adjust: impl FnOnce(&mut Config)) -> Self {
        BoundServer::new(mode, adjust).run()
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
        Some(ended.expect("the server should not fail"))
    }

    /// Stops the server. Returns its statistics.
    pub(crate) fn stop(self) -> Stats {
        self.request_stop();
        self.wait()
    }
}

impl Drop for TestServer {
    /// A server that has already ended may be stopped once more; that its poll is gone does not matter.
    fn drop(&mut self) {
        let _gone = self.stopper.stop();
    }
}
