//! The timeline page in a browser: it opens, steps, zooms, explains, and shows as text what it draws.
//!
//! A script at the end of a copy of the page plays the user and leaves a report, which is read from the
//! document that the browser prints.

mod datagrams;
mod time;
mod tour;

use crate::harness::browser::{Screen, document_of};
use crate::harness::tool_or_skip;
use mio_echo::readiness::EventFlags;
use mio_echo::server::{BlockingCall, LoopPhase, Mode};
use mio_echo::trace::{Event, Header, Lane, Record, Trace, timeline};
use serde_json::Value;

/// What every script can do, and how it ends.
const USER: &str = r#"
const report = {};
const press = (...keys) => keys.forEach((key) => dispatchEvent(new KeyboardEvent("keydown", { key })));
const text = (id) => document.getElementById(id).innerText;
const range = () => [Number(document.body.dataset.from), Number(document.body.dataset.to)];
const painted = () => {
  const image = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set();
  for (let i = 0; i < image.length; i += 4) colours.add((image[i] << 16) | (image[i + 1] << 8) | image[i + 2]);
  return colours.size;
};
const finish = () => {
  report.errors = window.errors;
  const pre = document.createElement("pre");
  pre.textContent = "REPORT" + JSON.stringify(report).replace(/[<>&]/g, (c) => "\\u00" + c.charCodeAt(0).toString(16)) + "END";
  document.documentElement.replaceChildren(pre);
};
"#;

/// Opens the page of `trace`, runs the script `actions` as its user, and returns the report.
fn open(trace: &Trace, fragment: &str, actions: &str) -> Value {
    open_on(Screen::DESKTOP, trace, fragment, actions)
}

/// Opens it on a screen of the caller's choice.
fn open_on(screen: Screen, trace: &Trace, fragment: &str, actions: &str) -> Value {
    let mut page = Vec::new();
    timeline::write(trace, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    // Draws each frame at once, so that the report is complete when the document is.
    let listen = "<head><script>window.errors = []; \
                  window.requestAnimationFrame = (draw) => draw(); \
                  addEventListener('error', (error) => errors.push(String(error.message)));</script>";
    let user = format!(
        "<script>{USER}\ntry {{ {actions} }} catch (error) {{ errors.push(String(error)); }} finish();</script></body>"
    );
    let page = page.replacen("<head>", listen, 1);
    let page = page.replacen("</body>", &user, 1);
    let document = document_of(&page, fragment, screen);
    let report = document
        .split_once("REPORT")
        .and_then(|(_, behind)| behind.split_once("END"))
        .unwrap_or_else(|| panic!("expected a report: {document:.2000}"));
    let report: Value = serde_json::from_str(report.0).unwrap();
    assert_eq!(report["errors"], Value::Array(Vec::new()), "{report:#}");
    report
}

fn record(at: u64, lane: u64, event: Event) -> Record {
    let lane = lane.into();
    Record { at, lane, event }
}

const IN_OUT: EventFlags = EventFlags {
    readable: true,
    writable: true,
    read_closed: false,
    write_closed: false,
    error: false,
    priority: false,
};

/// One iteration that begins at `at` and echoes `bytes` to the connection.
fn echo(records: &mut Vec<Record>, at: u64, lane: u64, bytes: usize) {
    let readiness = |readable| Event::ReadinessChanged {
        readable,
        writable: true,
    };
    let steps = [
        (0, 0, Event::Waiting { timeout_ns: None }),
        (50_000, 0, Event::Woke { events: 1 }),
        (51_000, lane, Event::FlagsReported { flags: IN_OUT }),
        (52_000, lane, readiness(true)),
        (
            53_000,
            0,
            Event::PhaseEntered {
                phase: LoopPhase::Read,
            },
        ),
        (54_000, lane, Event::Read { bytes }),
        (55_000, lane, readiness(false)),
        (
            56_000,
            0,
            Event::PhaseEntered {
                phase: LoopPhase::Write,
            },
        ),
        (
            59_000,
            lane,
            Event::Wrote {
                bytes,
                offered: bytes,
            },
        ),
    ];
    records.extend(steps.map(|(after, lane, event)| record(at + after, lane, event)));
}

/// One connection is accepted, echoes five times, and ends; the text of its reason tries to end the script.
fn small_trace() -> Trace {
    let mut records = vec![
        record(0, 0, Event::Waiting { timeout_ns: None }),
        record(10_000, 0, Event::Woke { events: 1 }),
        record(
            12_000,
            1,
            Event::Accepted {
                peer: "127.0.0.1:4711".parse().unwrap(),
            },
        ),
    ];
    for iteration in 1..=5 {
        echo(&mut records, iteration * 1_000_000, 1, 64);
    }
    let closed = Event::Closed {
        reason: "</script><b id=out>".to_owned(),
        bytes_in: 320,
        bytes_out: 320,
    };
    records.push(record(6_000_000, 1, closed));
    records.push(record(6_000_001, 0, Event::Ended));
    let header = Header::new(Mode::EventLoop);
    Trace { header, records }
}

#[test]
fn the_page_opens_steps_and_shows_every_connection_as_it_was() {
    if !tool_or_skip("chromium") {
        return;
    }
    let report = open(
        &small_trace(),
        "#turn=1",
        r#"
        report.about = text("about");
        report.begin = text("position");
        report.colours = painted();
        press("ArrowRight", "ArrowRight");
        report.position = text("position");
        report.events = text("events");
        report.states = text("states");
        press("ArrowLeft");
        report.back = text("position");
        document.getElementById("last").click();
        report.last = text("states");
        report.left = document.getElementById("out") !== null && document.querySelector("b#out") === null;
        "#,
    );
    let has = |what: &str, part: &str| {
        let text = report[what].as_str().unwrap();
        assert!(text.contains(part), "{what}: expected {part:?} in {text:?}");
    };
    has("about", "1 connection ");
    has("begin", "iteration 1 of 6");
    has("position", "iteration 3 of 6");
    has("events", "read 64");
    has("events", "wrote 64 of 64");
    has("states", "#1 127.0.0.1:4711");
    has("states", "Open\tno\tyes\t0\t128\t128");
    has("back", "iteration 2 of 6");
    has("last", "</script><b id=out>");
    assert_eq!(report["left"], true, "text from the trace stays text");
    let colours = report["colours"].as_u64().unwrap();
    assert!(colours > 8, "expected a picture, found {colours} colours");
}

#[test]
fn the_page_zooms_pans_and_folds() {
    if !tool_or_skip("chromium") {
        return;
    }
    let report = open(
        &small_trace(),
        "#turn=1",
        r#"
        report.whole = range();
        press("+", "+", "+");
        report.near = range();
        press("d");
        report.right = range();
        press("0");
        report.again = range();
        const box = canvas.getBoundingClientRect();
        const wheel = new WheelEvent("wheel", { deltaY: -300, clientX: box.left + 600, clientY: box.top + 90, cancelable: true });
        canvas.dispatchEvent(wheel);
        report.wheel = range();
        press("0", "g");
        report.unfolded = document.body.dataset.folded;
        press("g", "ArrowRight", "f");
        report.step = range();
        "#,
    );
    let range = |what: &str| {
        let edge = |i: usize| report[what][i].as_f64().unwrap();
        (edge(0), edge(1))
    };
    let width = |what: &str| range(what).1 - range(what).0;
    assert!(width("near") < width("whole") / 2.0, "{report:#}");
    assert!(range("right").0 > range("near").0, "{report:#}");
    assert_eq!(range("again"), range("whole"));
    assert!(width("wheel") < width("whole"), "{report:#}");
    assert_eq!(report["unfolded"], "false");
    let (from, to) = range("step");
    assert!(from < 1_060_000.0 && to > 1_000_000.0, "{report:#}");
    assert!(to - from < 3_000_000.0, "{report:#}");
}

#[test]
fn an_event_is_explained_with_its_source_file_and_the_trace_is_there_as_text() {
    if !tool_or_skip("chromium") {
        return;
    }
    let report = open(
        &small_trace(),
        "#turn=2",
        r#"
        report.position = text("position");
        press("n", "n", "n");
        report.detail = text("detail");
        report.states = text("states");
        document.getElementById("all").dispatchEvent(new Event("toggle"));
        report.rows = document.getElementById("records").tBodies[0].rows.length;
        const row = document.querySelector("tr[data-record='8']");
        row.click();
        report.chosen = document.body.dataset.record;
        report.read = text("detail");
        "#,
    );
    assert_eq!(report["position"], "iteration 2 of 6");
    let detail = report["detail"].as_str().unwrap();
    for part in [
        "IN OUT",
        "#1 127.0.0.1:4711",
        "hint",
        "src/readiness/mod.rs",
        "2. Readiness",
    ] {
        assert!(detail.contains(part), "expected {part:?}: {detail}");
    }
    assert_eq!(
        report["rows"],
        small_trace().records.len() - 3,
        "from the step on"
    );
    assert_eq!(report["chosen"], "8");
    assert!(
        report["read"].as_str().unwrap().starts_with("read 64"),
        "{report:#}"
    );
}

#[test]
fn threads_are_drawn_where_they_block() {
    if !tool_or_skip("chromium") {
        return;
    }
    let calls = |call| Event::BlockingCall { call };
    let accepted = || Event::Accepted {
        peer: "127.0.0.1:4711".parse().unwrap(),
    };
    let records = vec![
        record(0, 0, Event::Waiting { timeout_ns: None }),
        record(10_000, 1, accepted()),
        record(11_000, 1, calls(BlockingCall::Read)),
        record(12_000, 2, accepted()),
        record(13_000, 2, calls(BlockingCall::Read)),
        record(900_000, 2, Event::Read { bytes: 5 }),
        record(901_000, 2, calls(BlockingCall::Write)),
        record(990_000, 0, Event::Ended),
    ];
    let header = Header::new(Mode::Threads);
    let report = open(
        &Trace { header, records },
        "#turn=7",
        r#"
        report.position = text("position");
        report.states = text("states");
        report.calls = lanes.map((lane) => lane.calls.map(([from, to, call]) => `${call} ${from}-${to}`));
        "#,
    );
    assert_eq!(report["position"], "event 7 of 8");
    let states = report["states"].as_str().unwrap();
    assert!(
        states.contains("in read") && states.contains("in write"),
        "{states}"
    );
    let expected = serde_json::json!([
        ["poll 0-990000"],
        ["read 11000-990000"],
        ["read 13000-900000", "write 901000-990000"],
    ]);
    assert_eq!(report["calls"], expected);
}

#[test]
fn a_trace_without_records_is_a_page_without_a_picture() {
    if !tool_or_skip("chromium") {
        return;
    }
    let trace = Trace {
        header: Header::new(Mode::EventLoop),
        records: Vec::new(),
    };
    let what = r#"press("ArrowRight", "n", "+", "f", "g"); report.about = text("about");"#;
    let report = open(&trace, "", what);
    let about = report["about"].as_str().unwrap();
    assert!(about.contains("0 connections · 0 records"), "{about}");
}

#[test]
fn a_hundred_thousand_events_of_fifty_connections_stay_usable() {
    if !tool_or_skip("chromium") {
        return;
    }
    let mut records = Vec::new();
    for lane in 1..=50 {
        let peer = "127.0.0.1:4711".parse().unwrap();
        records.push(record(lane, lane, Event::Accepted { peer }));
    }
    for iteration in 1..11_111 {
        echo(&mut records, iteration * 100_000, 1 + iteration % 50, 64);
    }
    assert!(records.len() > 100_000);
    assert!(matches!(records[60].lane, Lane::Loop | Lane::Connection(_)));
    let header = Header::new(Mode::EventLoop);
    let report = open(
        &Trace { header, records },
        "",
        r#"
        report.ready = Number(document.body.dataset.readyMs);
        report.draw = Number(document.body.dataset.drawMs);
        const began = performance.now();
        zoom(0.5); draw();
        report.zoom = performance.now() - began;
        const stepped = performance.now();
        goToStep(5000); draw();
        report.step = performance.now() - stepped;
        report.position = text("position");
        "#,
    );
    eprintln!("milliseconds: {report}");
    assert_eq!(report["position"], "iteration 5001 of 11110");
    // On an idle machine each is well below one second. Ten seconds leave room for a busy one.
    for what in ["ready", "draw", "zoom", "step"] {
        let taken = report[what].as_f64().unwrap();
        assert!(taken < 10_000.0, "{what} took {taken} ms");
    }
}
