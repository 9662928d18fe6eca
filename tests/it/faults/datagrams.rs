//! Faults while datagrams are received and answered.

use super::injection::{Injection, Threads, can_inject_or_skip};
use crate::harness::{Child, DEADLINE, Signal, both_modes, name_of};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Injects `fault` while two datagrams are sent, one after the other, of which the second comes back. Whether the first
/// does is `expected`, and the log has these words.
fn two_datagrams_under(fault: &str, expected: FirstReply, words: &[&str]) {
    if !can_inject_or_skip() {
        return;
    }
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--udp", "--mode", name_of(mode)]);
        let injection = Injection::start(&server, Threads::All, fault);
        let time = match expected {
            FirstReply::Arrives => DEADLINE,
            FirstReply::IsLost => Duration::from_millis(200),
        };
        let first = is_echoed(address, b"1", time);
        assert!(is_echoed(address, b"2", DEADLINE), "{fault}");
        let calls = injection.end();
        assert!(calls.injected > 0, "{fault}: {calls:?}");
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        assert_eq!(first, expected == FirstReply::Arrives, "{fault}");
        for words in words {
            assert!(exit.stderr.contains(words), "{words}: {}", exit.stderr);
        }
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstReply {
    Arrives,
    IsLost,
}

/// Whether a datagram comes back within `time`.
fn is_echoed(server: SocketAddr, message: &[u8], time: Duration) -> bool {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.connect(server).unwrap();
    peer.set_read_timeout(Some(time)).unwrap();
    peer.send(message).unwrap();
    let mut echo = [0; 8];
    peer.recv(&mut echo)
        .is_ok_and(|length| echo[..length] == *message)
}

#[test]
fn a_full_send_buffer_drops_that_reply_and_no_other() {
    let words = [
        "replies 1, ",
        "dropped 1, refused none, errors none",
        "not answered: the send buffer is full",
    ];
    two_datagrams_under("sendmsg:error=EAGAIN:when=1", FirstReply::IsLost, &words);
}

#[test]
fn a_reply_that_cannot_be_sent_is_counted_and_the_next_one_is_sent() {
    let words = ["errors 1 × reply: operation not permitted"];
    two_datagrams_under("sendmsg:error=EPERM:when=1", FirstReply::IsLost, &words);
}

#[test]
fn a_receive_that_fails_is_tried_again_without_a_further_event() {
    let words = ["errors 3 × receive: cannot allocate memory"];
    let fault = "recvmmsg:error=ENOMEM:when=1..3";
    two_datagrams_under(fault, FirstReply::Arrives, &words);
}
