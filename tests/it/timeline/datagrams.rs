//! Datagrams have a lane of their own, and are no connections.

use super::{open, record};
use crate::harness::tool_or_skip;
use mio_echo::server::{LoopPhase, Mode, WakeSource};
use mio_echo::trace::{Event, Header, Trace};

/// An iteration that receives three datagrams, replies to two, one of which is empty, and refuses one.
fn trace(mode: Mode) -> Trace {
    let peer = "192.0.2.7:4711".parse().unwrap();
    let forged = "192.0.2.7:19".parse().unwrap();
    let events = [
        Event::Waiting { timeout_ns: None },
        Event::Woke { events: 1 },
        Event::WokenBy {
            source: WakeSource::Datagrams,
        },
        Event::PhaseEntered {
            phase: LoopPhase::Datagrams,
        },
        Event::DatagramReceived { peer, bytes: 512 },
        Event::DatagramReplied { peer, bytes: 512 },
        Event::DatagramReceived { peer, bytes: 0 },
        Event::DatagramReplied { peer, bytes: 0 },
        Event::DatagramReceived {
            peer: forged,
            bytes: 12,
        },
        Event::DatagramRefused {
            peer: forged,
            reason: "source port below 1024".to_owned(),
        },
        Event::Ended,
    ];
    let records = (1..)
        .zip(events)
        .map(|(at, event)| record(at * 10_000, 0, event));
    Trace {
        header: Header::new(mode),
        records: records.collect(),
    }
}

#[test]
fn datagrams_have_a_lane_of_their_own_and_are_no_connections() {
    if !tool_or_skip("chromium") {
        return;
    }
    for mode in [Mode::EventLoop, Mode::Threads] {
        let report = open(
            &trace(mode),
            "#turn=1",
            r#"
            report.about = text("about");
            report.names = lanes.map(({ name }) => name);
            report.own = byLane[1].index.length;
            report.bytes = [byLane[1].bytesIn.at(-1), byLane[1].bytesOut.at(-1)];
            report.legend = text("legend");
            report.colours = painted();
            document.getElementById("last").click();
            report.states = text("states");
            "#,
        );
        let own = match mode {
            Mode::EventLoop => "loop",
            Mode::Threads => "main",
        };
        assert_eq!(report["names"], serde_json::json!([own, "datagrams"]));
        assert_eq!(report["own"], 6, "{report:#}");
        assert_eq!(report["bytes"], serde_json::json!([524, 512]));
        let about = report["about"].as_str().unwrap();
        assert!(about.contains("0 connections · 3 datagrams"), "{about}");
        let states = report["states"].as_str().unwrap();
        assert!(states.contains("no connections"), "{states}");
        assert!(report["legend"].as_str().unwrap().contains("refused"));
    }
}
