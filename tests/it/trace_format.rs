//! The file format of a trace: it reads back as it was written, and readers ignore unknown fields.

use mio_echo::readiness::EventFlags;
use mio_echo::server::{BlockingCall, LoopPhase, Mode, WakeSource};
use mio_echo::text::address::Address;
use mio_echo::trace::json_lines::{write_header, write_record};
use mio_echo::trace::{Event, Header, Lane, PhaseName, ReadError, Record, Trace};
use proptest::prelude::*;
use std::net::SocketAddr;

fn write(trace: &Trace) -> Vec<u8> {
    let mut text = Vec::new();
    write_header(&trace.header, &mut text).unwrap();
    for record in &trace.records {
        write_record(record, &mut text).unwrap();
    }
    text
}

fn read(text: &[u8]) -> Result<Trace, ReadError> {
    Trace::read(&mut &*text)
}

fn with_records(records: Vec<Record>) -> Trace {
    let header = Header::new(Mode::EventLoop);
    Trace { header, records }
}

fn peer() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        any::<([u16; 8], u16)>().prop_map(SocketAddr::from),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        peer().prop_map(Address::Inet),
        "unix(:@?[a-z/.é]{1,20}| \\(unnamed\\))".prop_map(|text| text.parse().unwrap()),
    ]
}

fn flags() -> impl Strategy<Value = EventFlags> {
    any::<[bool; 6]>().prop_map(
        |[
            readable,
            writable,
            read_closed,
            write_closed,
            error,
            priority,
        ]| EventFlags {
            readable,
            writable,
            read_closed,
            write_closed,
            error,
            priority,
        },
    )
}

fn event_of_loop() -> impl Strategy<Value = Event> {
    let error = any::<String>;
    prop_oneof![
        any::<Option<u64>>().prop_map(|timeout_ns| Event::Waiting { timeout_ns }),
        any::<usize>().prop_map(|events| Event::Woke { events }),
        prop::sample::select(vec![
            WakeSource::Listener,
            WakeSource::Datagrams,
            WakeSource::Signals,
            WakeSource::Waker
        ])
        .prop_map(|source| Event::WokenBy { source }),
        prop::sample::select(vec![
            LoopPhase::Admit,
            LoopPhase::Read,
            LoopPhase::Write,
            LoopPhase::Datagrams
        ])
        .prop_map(|phase| Event::PhaseEntered { phase }),
        error().prop_map(|error| Event::AcceptFailed { error }),
        (address(), error()).prop_map(|(peer, error)| Event::Refused { peer, error }),
        error().prop_map(|reason| Event::AcceptPaused { reason }),
        Just(Event::AcceptResumed),
        (peer(), any::<usize>()).prop_map(|(peer, bytes)| Event::DatagramReceived { peer, bytes }),
        (peer(), any::<usize>()).prop_map(|(peer, bytes)| Event::DatagramReplied { peer, bytes }),
        (peer(), error()).prop_map(|(peer, reason)| Event::DatagramRefused { peer, reason }),
        (peer(), error()).prop_map(|(peer, reason)| Event::ReplyLost { peer, reason }),
        error().prop_map(|error| Event::ReceiveFailed { error }),
        any::<usize>().prop_map(|open_connections| Event::Stopping { open_connections }),
        Just(Event::Ended),
        any::<u64>().prop_map(|records| Event::TraceLimitReached { records }),
    ]
}

fn event_of_connection() -> impl Strategy<Value = Event> {
    let phase = || {
        let names = [PhaseName::Open, PhaseName::Draining, PhaseName::Lingering];
        prop::sample::select(names.to_vec())
    };
    let bytes = any::<usize>;
    let readiness = |(readable, writable)| Event::ReadinessChanged { readable, writable };
    let closed = |(reason, bytes_in, bytes_out)| Event::Closed {
        reason,
        bytes_in,
        bytes_out,
    };
    let unit = [
        Event::ReadWouldBlock,
        Event::PeerFinished,
        Event::WriteWouldBlock,
        Event::ReadPaused,
        Event::ReadResumed,
        Event::Yielded,
        Event::FinSent,
    ];
    prop_oneof![
        address().prop_map(|peer| Event::Accepted { peer }),
        prop::option::of(peer()).prop_map(|peer| Event::ProxyHeader { peer }),
        any::<String>().prop_map(|reason| Event::ProxyHeaderMissing { reason }),
        bytes().prop_map(|bytes| Event::BannerSent { bytes }),
        flags().prop_map(|flags| Event::FlagsReported { flags }),
        any::<(bool, bool)>().prop_map(readiness),
        (phase(), phase()).prop_map(|(from, to)| Event::PhaseChanged { from, to }),
        prop::sample::select(vec![BlockingCall::Read, BlockingCall::Write])
            .prop_map(|call| Event::BlockingCall { call }),
        bytes().prop_map(|bytes| Event::Read { bytes }),
        bytes().prop_map(|bytes| Event::Unread { bytes }),
        bytes().prop_map(|bytes| Event::Unacknowledged { bytes }),
        (bytes(), bytes()).prop_map(|(bytes, offered)| Event::Wrote { bytes, offered }),
        bytes().prop_map(|bytes| Event::Queued { bytes }),
        bytes().prop_map(|bytes| Event::Discarded { bytes }),
        any::<(String, u64, u64)>().prop_map(closed),
        prop::sample::select(unit.to_vec()),
    ]
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let lane = any::<u64>().prop_map(Lane::from);
    let event = prop_oneof![event_of_loop(), event_of_connection()];
    let record = (any::<u64>(), lane, event);
    // Each line is read by itself.
    prop::collection::vec(record, 0..8).prop_map(|mut rows| {
        rows.sort_by_key(|(at, ..)| *at);
        rows.into_iter()
            .map(|(at, lane, event)| Record { at, lane, event })
            .collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(records in records()) {
        let trace = with_records(records);
        prop_assert_eq!(read(&write(&trace)).unwrap(), trace);
    }

    #[test]
    fn every_event_is_written_by_its_name(event in prop_oneof![event_of_loop(), event_of_connection()]) {
        let mut line = Vec::new();
        let name = event.name();
        write_record(&Record { at: 1, lane: Lane::Loop, event }, &mut line).unwrap();
        let whole: serde_json::Value = serde_json::from_slice(&line).unwrap();
        prop_assert_eq!(&whole["event"], name);
    }

    #[test]
    fn a_trace_that_was_cut_short_is_read_as_far_as_it_goes(records in records(), cut in any::<prop::sample::Index>()) {
        let text = write(&with_records(records.clone()));
        let header = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let end = header + cut.index(text.len() - header + 1);
        let lines = text[header..end].split(|byte| *byte == b'\n').count() - 1;
        let read = read(&text[..end]).unwrap().records;
        // A line that lacks nothing but its line break is whole all the same.
        prop_assert!(read.len() == lines || read.len() == lines + 1);
        prop_assert_eq!(&read[..], &records[..read.len()]);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(text in any::<Vec<u8>>()) {
        let _error = read(&text);
        let mut behind_header = write(&with_records(Vec::new()));
        behind_header.extend(text);
        let _error = read(&behind_header);
    }
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let header = r#"{"format":"mio-echo trace","version":2,"program":"p","mode":"event-loop","started":"s","host":"h"}"#;
    let record = r#"{"time_ns":7,"connection":3,"event":"read","bytes":64,"buffer":1024}"#;
    let trace = read(format!("{header}\n{record}\n").as_bytes()).unwrap();
    let expected = Record {
        at: 7,
        lane: Lane::Connection(3),
        event: Event::Read { bytes: 64 },
    };
    assert_eq!(trace.records, [expected]);
}

#[test]
fn a_trace_that_goes_back_in_time_is_refused_with_the_line() {
    let at = |at| Record {
        at,
        lane: Lane::Loop,
        event: Event::Ended,
    };
    let error = read(&write(&with_records(vec![at(2), at(1)]))).unwrap_err();
    assert_eq!(error.to_string(), "line 3: goes back in time");
}
