//! Counts of what happened, added up and shown as text.

use super::*;
use crate::connection::{Deadline, IoFailure};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

fn summary(reason: Reason) -> ConnectionSummary {
    ConnectionSummary {
        id: ConnectionId(1),
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 7)).into(),
        bytes_in: 5,
        bytes_out: 5,
        reason,
    }
}

#[test]
fn merged_statistics_are_the_sum_of_their_parts() {
    let mut whole = Stats::default();
    whole.accepted(ConnectionId(1), &summary(Reason::Finished).peer);
    whole.on_event(ConnectionId(1), ConnectionEvent::Queued { bytes: 9 });
    let mut part = whole.fork();
    part.accepted(ConnectionId(2), &summary(Reason::Finished).peer);
    part.on_event(ConnectionId(1), ConnectionEvent::Read { bytes: 5 });
    part.on_event(ConnectionId(1), ConnectionEvent::Queued { bytes: 3 });
    part.on_event(
        ConnectionId(1),
        ConnectionEvent::Wrote {
            bytes: 5,
            offered: 5,
        },
    );
    part.closed(&summary(Reason::Failed(IoFailure::Kind(
        ErrorKind::ConnectionReset,
    ))));
    whole.merge(part);

    assert_eq!((whole.accepted, whole.closed), (2, 1));
    assert_eq!((whole.bytes_in, whole.bytes_out), (5, 5));
    assert_eq!(whole.longest_queue, 9);
    assert_eq!(whole.errors.get("connection reset"), Some(&1));
}

#[test]
fn what_became_of_datagrams_is_summed_up_and_shown() {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
    let mut whole = Stats::default();
    assert!(!whole.to_string().contains("datagrams"), "{whole}");
    whole.on_datagram(peer, DatagramEvent::Received { bytes: 16 });
    whole.on_datagram(peer, DatagramEvent::Replied { bytes: 16 });
    for _ in 0..2 {
        let mut part = whole.fork();
        for bytes in [3, 4, 5] {
            part.on_datagram(peer, DatagramEvent::Received { bytes });
        }
        part.on_datagram(peer, DatagramEvent::Replied { bytes: 3 });
        part.on_datagram(peer, DatagramEvent::Dropped);
        part.on_datagram(peer, DatagramEvent::Refused(Refusal::PortZero));
        part.receive_failed(&io::Error::from(Errno::NOMEM));
        whole.merge(part);
    }
    let line = whole.to_string();
    let datagrams =
        "datagrams 7, replies 3, bytes in 40, bytes out 22, dropped 2, refused 2 × source port 0";
    assert!(line.contains(datagrams), "{line}");
    assert!(line.ends_with("errors 2 × receive: cannot allocate memory"));
}

#[test]
fn a_copy_of_the_statistics_reaches_the_thread_that_requested_it() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut stats = Stats::default().publishing_to(sender);
    stats.accepted(ConnectionId(1), &summary(Reason::Finished).peer);
    stats.publish();
    drop(stats);
    let copy = receiver.recv().unwrap();
    assert_eq!(copy.accepted, 1);
    copy.publish();
    assert!(receiver.recv().is_err(), "a copy must not publish in turn");
}

#[test]
fn a_fork_counts_from_the_same_start_and_reports_in_the_same_way() {
    static REPORTED: AtomicU64 = AtomicU64::new(0);
    let mut stats = Stats::reporting_to(|stats| REPORTED.store(stats.accepted, Relaxed));
    stats.since -= Duration::from_mins(1);
    let mut part = stats.fork();
    assert_eq!(part.since, stats.since);
    part.accepted(ConnectionId(1), &summary(Reason::Finished).peer);
    part.report();
    assert_eq!(REPORTED.load(Relaxed), 1);
}

#[test]
fn every_trouble_with_accepting_is_counted() {
    let mut stats = Stats::default();
    let error = |errno: Errno| io::Error::from(errno);
    stats.refused(&summary(Reason::Finished).peer, &error(Errno::NOMEM));
    stats.accept_failed(&error(Errno::CONNABORTED));
    stats.accept_failed(&error(Errno::CONNABORTED));
    stats.accept_paused(&AcceptPause::Exhausted(error(Errno::MFILE)));
    stats.accept_paused(&AcceptPause::Full(7));
    let counts: Vec<u64> = stats.errors.values().copied().collect();
    assert_eq!(counts.iter().sum::<u64>(), 4, "{stats}");
    let texts: Vec<&str> = stats.errors.keys().map(String::as_str).collect();
    let expected = [
        "accept: software caused connection abort",
        "accept: too many open files",
        "refused: cannot allocate memory",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn the_summary_counts_errors_by_kind() {
    let mut stats = Stats::default();
    assert!(stats.to_string().ends_with("errors none"));
    stats.closed(&summary(Reason::TimedOut(Deadline::Idle)));
    stats.closed(&summary(Reason::TimedOut(Deadline::Idle)));
    stats.closed(&summary(Reason::Failed(IoFailure::Kind(
        ErrorKind::BrokenPipe,
    ))));
    let line = stats.to_string();
    assert!(
        line.ends_with("errors 1 × broken pipe, 2 × idle timeout"),
        "{line}"
    );
}
