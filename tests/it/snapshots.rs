//! Copies of the statistics of a running server, for other threads.

use crate::harness::{BoundServer, DEADLINE, both_modes, connect, echo_roundtrip, eventually};
use mio_echo::server::Stats;
use std::sync::mpsc;
use std::thread;

#[test]
fn another_thread_that_asks_gets_the_statistics_of_open_connections_too() {
    both_modes(|mode| {
        let server = BoundServer::new(mode, |_| {});
        let (address, stopper) = (server.address(), server.stopper());
        let requester = server.snapshot_requester();
        let (copies, received) = mpsc::channel();
        let running =
            thread::spawn(move || server.run_with(Stats::default().publishing_to(copies)));
        let stream = connect(address);
        echo_roundtrip(&stream, b"seven b");
        let ask = || {
            requester.request().unwrap();
            received.recv_timeout(DEADLINE).unwrap()
        };
        let stats = ask();
        assert_eq!((stats.accepted, stats.closed), (1, 0));
        assert_eq!(stats.bytes_in, 7);
        // A thread counts what it has sent after the peer may have it.
        eventually("the echo is counted", || ask().bytes_out == 7);
        drop(stream);
        stopper.stop().unwrap();
        running.join().unwrap();
        let end = received.recv_timeout(DEADLINE).unwrap_err();
        assert_eq!(
            end,
            mpsc::RecvTimeoutError::Disconnected,
            "one for each request"
        );
    });
}
