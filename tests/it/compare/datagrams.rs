//! `compare --udp`: the same plan, over datagrams.

use super::{comparison, run, text, values};
use crate::harness::in_some_attempt;
use mio_echo::measure::bench::Values;
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::report;
use std::net::{SocketAddr, UdpSocket};
use std::thread;

const SHORT: [&str; 5] = [
    "--udp",
    "--duration=200ms",
    "--warmup=10ms",
    "--connections=1",
    "--rounds=1",
];

/// A server on a thread, which does not reply to each tenth datagram.
fn lossy_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut datagram = [0; 1024];
        for number in 1.. {
            let Ok((length, peer)) = socket.recv_from(&mut datagram) else {
                return;
            };
            if number % 10 != 0 {
                // The peer may be gone.
                let _unsent = socket.send_to(&datagram[..length], peer);
            }
        }
    });
    address
}

/// The values of a contender in the only scenario, if it was measured.
fn measured<'a>(comparison: &'a Comparison, name: &str) -> Option<&'a Values> {
    let mut contenders = comparison.contenders.iter();
    let contender = contenders.position(|it| it.name == name)?;
    let mut measurements = comparison.scenarios.first()?.measurements.iter();
    measurements
        .find(|it| it.contender == contender)
        .map(values)
}

#[test]
fn both_modes_are_compared_and_every_report_has_the_loss() {
    let saved = in_some_attempt(|| {
        let finished = run(&[&SHORT[..], &["--rate=max,half", "--json=-"]].concat());
        match finished.code {
            Some(0) => Ok(text(&finished).to_owned()),
            _ => Err(format!("{}{}", text(&finished), finished.stderr)),
        }
    });
    let comparison = comparison(&saved);
    let [saturated, common] = comparison.scenarios.as_slice() else {
        panic!("one at saturation, and one at a common rate: {saved}");
    };
    assert_eq!(
        saturated.scenario.to_string(),
        "udp, 64 B, 1 socket, saturated"
    );
    assert!(common.scenario.rate().is_some());
    for results in [saturated, common] {
        assert_eq!(results.measurements.len(), 3, "two and the first again");
        for values in results.measurements.iter().map(values) {
            // On a busy machine, the common rate may be too low for one to be sent meanwhile.
            assert!(values.datagrams.is_some(), "{values:?}");
            assert!(values.server.is_some(), "the costs are those of the server");
        }
    }
    let table = report::terminal(&comparison);
    assert!(table.contains("datagrams/s*"), "{table}");
    assert!(table.contains("  loss  reordered  duplicated"), "{table}");
    assert!(table.contains("lost if they have no reply within 1s"));
    assert!(report::markdown(&comparison).contains(" | loss | reordered | duplicated | "));
    assert!(report::html(&comparison).contains("Datagrams lost"));
    let csv = report::csv(&comparison);
    let is_complete = |line: &str| line.starts_with("udp,1,64,1,") && !line.ends_with(',');
    assert!(csv.lines().skip(1).all(is_complete), "{csv}");
    assert_eq!(report::from_json(&saved), Ok(comparison));
}

#[test]
fn a_lossy_contender_is_shown_with_its_loss_and_a_silent_one_with_its_name() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let contenders = [
        "event-loop".to_owned(),
        format!("lossy={}", lossy_server()),
        format!("silent={}", silent.local_addr().unwrap()),
        "deaf=sh -c 'exec sleep 60' {port}".to_owned(),
    ];
    let contenders: Vec<&str> = contenders.iter().map(String::as_str).collect();
    let load = ["--rate=500", "--timeout=1s", "--json=-"];
    let comparison = in_some_attempt(|| {
        let finished = run(&[&SHORT[..], &load, &contenders].concat());
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        let comparison = comparison(text(&finished));
        match report::terminal(&comparison) {
            // The machine may be too busy for a reply.
            table if table.matches("failed in round 1").count() > 2 => Err(table),
            _ => Ok(comparison),
        }
    });
    let table = report::terminal(&comparison);
    for row in [
        "silent failed in round 1: did not start: no reply to a datagram from 127.0.0.1",
        "deaf failed in round 1: did not start: not ready after 1s",
    ] {
        assert!(table.lines().any(|line| line.starts_with(row)), "{table}");
    }
    assert!(measured(&comparison, "event-loop").is_some(), "{table}");
    let lossy = measured(&comparison, "lossy").unwrap();
    // Of about a hundred, each tenth; of few, perhaps none.
    let loss = lossy.loss().unwrap();
    assert!((0.05..1.0).contains(&loss), "{lossy:?}");
    assert!(
        table.lines().any(|line| line.starts_with("lossy ")),
        "{table}"
    );
}
