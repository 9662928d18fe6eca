//! Faults while datagrams are received and answered.

use super::injection::{Injection, Threads, can_inject_or_skip};
use crate::harness::{Child, Signal, both_modes, name_of};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Longer than a server that is traced takes for a reply.
const LONG_FOR_A_REPLY: Duration = Duration::from_secs(2);

/// Injects `fault` while two datagrams are sent, one after the other. Checks how many of them came back, and the log.
fn two_datagrams_under(fault: &str, check: impl Fn(usize, &str) + Sync) {
    if !can_inject_or_skip() {
        return;
    }
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--udp", "--mode", name_of(mode)]);
        let injection = Injection::start(&server, Threads::All, fault);
        let replies = [b"1", b"2"].map(|message| is_echoed(address, message));
        let calls = injection.end();
        assert!(calls.injected > 0, "{fault}: {calls:?}");
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let count = replies.into_iter().filter(|is_back| *is_back).count();
        check(count, &exit.stderr);
    });
}

/// Whether a datagram comes back.
fn is_echoed(server: SocketAddr, message: &[u8]) -> bool {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(server).unwrap();
    peer.set_read_timeout(Some(LONG_FOR_A_REPLY)).unwrap();
    peer.send(message).unwrap();
    let mut echo = [0; 8];
    peer.recv(&mut echo)
        .is_ok_and(|length| echo[..length] == *message)
}

#[test]
fn a_full_send_buffer_drops_that_reply_and_no_other() {
    two_datagrams_under("sendmsg:error=EAGAIN:when=1", |replies, log| {
        assert_eq!(replies, 1);
        assert!(log.contains("replies 1, "), "{log}");
        assert!(
            log.contains("dropped 1, refused none, errors none"),
            "{log}"
        );
        assert!(
            log.contains("not answered: the send buffer is full"),
            "{log}"
        );
    });
}

#[test]
fn a_reply_that_cannot_be_sent_is_counted_and_the_next_one_is_sent() {
    two_datagrams_under("sendmsg:error=EPERM:when=1", |replies, log| {
        assert_eq!(replies, 1);
        let counted = "errors 1 × reply: operation not permitted";
        assert!(log.contains(counted), "{log}");
    });
}

#[test]
fn a_receive_that_fails_is_tried_again_without_a_further_event() {
    two_datagrams_under("recvmmsg:error=ENOMEM:when=1..3", |replies, log| {
        assert_eq!(replies, 2);
        let counted = "errors 3 × receive: cannot allocate memory";
        assert!(log.contains(counted), "{log}");
    });
}
