//! The picture tells the truth about time: sleep is drawn as sleep, and no instant has two places.

use super::{open, record};
use crate::harness::tool_or_skip;
use mio_echo::server::{BlockingCall, Mode};
use mio_echo::trace::{Event, Header, Record, Trace};

fn trace(mode: Mode, records: Vec<Record>) -> Trace {
    let header = Header::new(mode);
    Trace { header, records }
}

/// Six bursts of ten echoes, a microsecond from one event to the next, with 107 ms of sleep before each burst.
fn bursts() -> Trace {
    let mut records = Vec::new();
    let mut at = 0;
    for burst in 0..6 {
        records.push(record(at, 0, Event::Waiting { timeout_ns: None }));
        at += 107_000_000;
        records.push(record(at, 0, Event::Woke { events: 0 }));
        if burst == 0 {
            let peer = "127.0.0.1:4711".parse().unwrap();
            records.push(record(at, 1, Event::Accepted { peer }));
        }
        for _ in 0..10 {
            let (bytes, offered) = (64, 64);
            records.push(record(at + 1_000, 1, Event::Read { bytes }));
            records.push(record(at + 2_000, 1, Event::Wrote { bytes, offered }));
            at += 2_000;
        }
        at += 1_000;
    }
    records.push(record(at, 0, Event::Ended));
    trace(Mode::EventLoop, records)
}

/// The labels of the notches and of the axis at several zooms, and whether places never fall.
const LOOK: &str = r#"
    const look = () => ({ notches: notches().map(({ text }) => text), ticks: ticks().map(({ text }) => text) });
    report.about = text("about");
    report.monotone = view.axis.places.every((place, i, all) => i === 0 || place >= all[i - 1]);
    report.inverse = records.at.every((at) => Math.abs(view.axis.timeAt(view.axis.placeOf(at)) - at) < 1);
    press("Escape", "0");
    draw();
    report.views = [look()];
    press("End", "f");
    for (let i = 0; i < 7; i++) {
      press("-");
      draw();
      report.views.push(look());
    }
    press("0", "g");
    for (let i = 0; i < 30; i++) {
      press("+");
      draw();
      report.views.push(look());
    }
"#;

#[test]
fn sleep_is_a_labelled_notch_at_every_zoom_and_no_two_ticks_are_the_same() {
    if !tool_or_skip("chromium") {
        return;
    }
    let report = open(&bursts(), "", LOOK);
    let about = report["about"].as_str().unwrap();
    assert!(about.contains("asleep 99."), "{about}");
    assert_eq!(report["monotone"], true, "{report:#}");
    assert_eq!(report["inverse"], true, "{report:#}");
    let views = report["views"].as_array().unwrap();
    let whole = views[0]["notches"].as_array().unwrap();
    assert_eq!(whole.len(), 6, "{whole:?}");
    for view in &views[..3] {
        for label in view["notches"].as_array().unwrap() {
            let label = label.as_str().unwrap();
            assert!(label.starts_with("asleep 107 ms"), "{view:#}");
        }
    }
    for view in views {
        let ticks: Vec<_> = view["ticks"].as_array().unwrap().iter().collect();
        assert!(ticks.len() > 3, "{view:#}");
        for (i, tick) in ticks.iter().enumerate() {
            assert!(!ticks[..i].contains(tick), "{tick} occurs twice: {view:#}");
        }
    }
}

#[test]
fn threads_sleep_when_all_of_them_are_blocked() {
    if !tool_or_skip("chromium") {
        return;
    }
    let peer = "127.0.0.1:4711".parse().unwrap();
    let call = |call| Event::BlockingCall { call };
    let wait = Event::Waiting { timeout_ns: None };
    let mut records = vec![
        record(0, 0, wait.clone()),
        record(1_000, 0, Event::Woke { events: 1 }),
        record(2_000, 1, Event::Accepted { peer }),
        record(3_000, 0, wait),
    ];
    for i in 0..10 {
        let at = 4_000 + i * 4_000;
        records.extend([
            record(at, 1, call(BlockingCall::Read)),
            record(at + 1_000, 1, Event::Read { bytes: 8 }),
            record(at + 2_000, 1, call(BlockingCall::Write)),
            record(
                at + 3_000,
                1,
                Event::Wrote {
                    bytes: 8,
                    offered: 8,
                },
            ),
        ]);
    }
    records.push(record(50_000, 1, call(BlockingCall::Read)));
    records.push(record(9_050_000, 1, Event::PeerFinished));
    records.push(record(9_900_000, 0, Event::Ended));
    let report = open(
        &trace(Mode::Threads, records),
        "",
        "report.folds = view.axis.folds(0, view.axis.end).map(({ asleep, gap }) => [asleep, gap]);",
    );
    // After the peer's FIN the thread runs, so the second gap is no sleep.
    let expected = serde_json::json!([[true, 9_000_000], [false, 850_000]]);
    assert_eq!(report["folds"], expected, "{report:#}");
}
