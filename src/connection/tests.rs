//! Single rules of a connection, each with the shortest script that shows it.

use super::*;

fn readable() -> EventFlags {
    EventFlags {
        readable: true,
        ..EventFlags::default()
    }
}

fn writable() -> EventFlags {
    EventFlags {
        writable: true,
        ..EventFlags::default()
    }
}

#[test]
fn what_was_received_before_a_stop_is_echoed_before_our_fin() {
    let mut connection = Connection::new(Script::new().reads(b"abc").reads(b"de"));
    connection.drain(5);
    assert!(!connection.stream().fin_sent());
    let mut turns = 0;
    while connection.turn(&mut [0; 4]) == TurnEnd::Yielded {
        turns += 1;
        assert!(turns < 10, "it should wait for the peer's FIN");
    }
    assert_eq!(connection.stream().written(), b"abcde");
    assert!(connection.stream().fin_sent());
    assert_eq!(connection.phase(), Phase::Lingering);
}

#[test]
fn after_a_stop_no_more_is_echoed_than_was_received_by_then() {
    let mut connection = Connection::new(Script::new().reads(b"abc").reads(b"late").read_ends());
    connection.drain(3);
    while connection.turn(&mut [0; 4]) == TurnEnd::Yielded {}
    assert_eq!(connection.stream().written(), b"abc");
    assert_eq!(connection.phase(), Phase::Closed(Reason::Finished));
}

#[test]
fn an_event_is_worth_a_turn_only_in_the_direction_that_is_waited_for() {
    let mut connection = Connection::new(Script::new().reads(b"abc").write_blocks());
    assert!(!connection.note(writable()), "there is nothing to write");
    assert!(connection.note(readable()));
    assert_eq!(connection.turn(&mut [0; 8]), TurnEnd::Parked);
    assert_eq!(connection.pending(), 3);
    assert!(!connection.note(readable()), "bytes are pending");
    assert!(connection.note(writable()));
}

#[test]
fn a_connection_shows_what_was_reported_of_its_socket() {
    let mut connection = Connection::new(Script::new());
    assert!(!connection.readiness().is_readable());
    connection.note(readable());
    assert!(connection.readiness().is_readable());
    connection.turn(&mut [0; 4]);
    assert!(!connection.readiness().is_readable());
}
