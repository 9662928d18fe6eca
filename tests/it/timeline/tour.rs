//! What the page does for a reader who sees such a picture for the first time: a tour, play, questions, source, addresses.

use super::{echo, open, open_on, record, small_trace};
use crate::harness::browser::Screen;
use crate::harness::tool_or_skip;
use mio_echo::server::{LoopPhase, Mode};
use mio_echo::trace::{Event, Header, Trace};

/// A connection with a partial write, a yield, a half-close and a stop; 55 more lanes if they are asked for.
fn eventful_trace(others: u64) -> Trace {
    let accepted = || Event::Accepted {
        peer: "127.0.0.1:4711".parse().unwrap(),
    };
    let wait = |timeout_ns| Event::Waiting { timeout_ns };
    let phase = |phase| Event::PhaseEntered { phase };
    let mut records = vec![
        record(0, 0, wait(None)),
        record(80_000_000, 0, Event::Woke { events: 1 }),
        record(80_002_000, 0, phase(LoopPhase::Admit)),
        record(80_003_000, 1, accepted()),
    ];
    for lane in 2..2 + others {
        records.push(record(80_003_000 + lane, lane, accepted()));
    }
    echo(&mut records, 80_010_000, 1, 64);
    let (bytes, offered) = (60_000, 100_000);
    let later: [(u64, u64, Event); 13] = [
        (90, 1, Event::Yielded),
        (100, 0, wait(Some(0))),
        (101, 0, Event::Woke { events: 0 }),
        (102, 0, phase(LoopPhase::Read)),
        (103, 1, Event::Read { bytes: offered }),
        (104, 0, phase(LoopPhase::Write)),
        (105, 1, Event::Wrote { bytes, offered }),
        (
            106,
            1,
            Event::Queued {
                bytes: offered - bytes,
            },
        ),
        (107, 1, Event::ReadPaused),
        (200, 0, wait(None)),
        (9_000, 0, Event::Woke { events: 1 }),
        (9_001, 1, Event::PeerFinished),
        (
            9_002,
            0,
            Event::Stopping {
                open_connections: 1,
            },
        ),
    ];
    let after = |(micros, lane, event)| record(80_010_000 + micros * 1_000, lane, event);
    records.extend(later.map(after));
    records.push(record(90_000_000, 0, Event::Ended));
    let header = Header::new(Mode::EventLoop);
    Trace { header, records }
}

#[test]
fn the_page_opens_on_a_tour_of_what_this_trace_contains_and_remembers_nothing() {
    if !tool_or_skip("chromium") {
        return;
    }
    let report = open(
        &eventful_trace(0),
        "",
        r#"
        const sight = () => [text("tour-title"), records.at[view.record]];
        report.stops = [sight()];
        while (byId("tour-on").innerText === "next") {
          byId("tour-on").click();
          report.stops.push(sight());
        }
        report.detail = text("detail");
        byId("tour-on").click();
        report.ended = byId("tour").hidden;
        byId("tour-start").click();
        report.again = text("tour-place");
        press("Escape");
        report.dismissed = byId("tour").hidden;
        report.kept = Object.keys(localStorage).length + document.cookie.length;
        "#,
    );
    let stops = report["stops"].as_array().unwrap();
    let titles: Vec<_> = stops.iter().map(|stop| stop[0].as_str().unwrap()).collect();
    let expected = [
        "The loop goes to sleep",
        "A connection is accepted",
        "An edge",
        "The first bytes",
        "A turn ends before its work",
        "A partial write",
        "Backpressure",
        "The peer has finished",
        "The stop",
    ];
    assert_eq!(titles, expected);
    assert!(stops.is_sorted_by_key(|stop| stop[1].as_u64()), "{stops:?}");
    assert!(
        report["detail"].as_str().unwrap().starts_with("stopping"),
        "{report:#}"
    );
    assert_eq!(report["ended"], true);
    assert_eq!(report["again"], "Tour, 1 of 9");
    assert_eq!(report["dismissed"], true);
    assert_eq!(report["kept"], 0);
}

#[test]
fn the_page_plays_asks_quotes_the_source_and_has_an_address_for_each_turn() {
    if !tool_or_skip("chromium") {
        return;
    }
    let report = open(
        &eventful_trace(0),
        "#turn=3&event=4",
        r#"
        report.tour = byId("tour").hidden;
        report.event = texts[records.text[view.record]];
        report.hash = location.hash;
        report.now = document.querySelector("pre .now").innerText;
        report.titles = [...document.querySelectorAll('#source h3')].map((title) => title.innerText);

        const timers = [];
        window.setTimeout = (act, pause) => timers.push([act, pause]);
        press("Home", " ");
        byId("speed").value = "4";
        for (let i = 0; i < 3; i++) timers.at(-1)[0]();
        report.played = view.record;
        report.pause = timers.at(-1)[1];
        report.button = text("play");
        press(" ");
        report.stopped = text("play");

        press("Home");
        const guess = (action) => document.querySelector(`[data-guess=${action}]`).click();
        byId("predict-start").click();
        report.question = text("question");
        const veiled = view.veil;
        report.covers = veiled < quiz.asked.record && !text("events").includes("read 64");
        guess("write");
        report.answer = text("answer");
        report.answers = [];
        for (let i = 0; i < 4; i++) {
          byId("predict-next").click();
          report.answers.push(quiz.asked.answer);
          guess(quiz.asked.answer);
        }
        report.right = text("answer");
        report.legend = text("legend");
        "#,
    );
    assert_eq!(report["tour"], true, "an address leads to its place");
    assert_eq!(report["event"], "read 100000");
    assert_eq!(report["hash"], "#turn=3&event=4");
    let now = report["now"].as_str().unwrap();
    assert!(now.contains(".receive("), "{now}");
    let titles = serde_json::json!([
        "src/server/event_loop.rs, wait",
        "src/server/event_loop.rs, read_pass",
        "src/server/event_loop.rs, write_pass",
    ]);
    assert_eq!(report["titles"], titles);
    assert_eq!(
        (&report["played"], &report["pause"]),
        (&2.into(), &250.into()),
        "{report:#}"
    );
    assert_eq!(
        (&report["button"], &report["stopped"]),
        (&"pause".into(), &"play".into())
    );
    let question = report["question"].as_str().unwrap();
    assert!(
        question.contains("#1 127.0.0.1:4711 is readable, writable, 0 bytes pending"),
        "{question}"
    );
    assert_eq!(report["covers"], true);
    assert!(
        report["answer"].as_str().unwrap().starts_with("No: read."),
        "{report:#}"
    );
    let answers = serde_json::json!(["write", "yield", "read", "write"]);
    assert_eq!(report["answers"], answers);
    assert!(
        report["right"]
            .as_str()
            .unwrap()
            .starts_with("Right: write."),
        "{report:#}"
    );
    let legend = report["legend"].as_str().unwrap();
    for part in ["yielded", "paused", "peer's FIN", "stop", "pending"] {
        assert!(legend.contains(part), "{part}: {legend}");
    }
    assert!(!legend.contains("Lingering"), "only what occurs: {legend}");
}

#[test]
fn signs_differ_and_fifty_five_lanes_do_not_overprint() {
    if !tool_or_skip("chromium") {
        return;
    }
    let report = open(
        &eventful_trace(55),
        "#turn=1",
        r#"
        const sign = (name) => {
          const sheet = document.createElement("canvas");
          [sheet.width, sheet.height] = [32, 32];
          const own = pen;
          pen = sheet.getContext("2d");
          drawSign(name, 16, 16, 8, 4, 24);
          pen = own;
          return sheet.toDataURL();
        };
        const names = ["read_paused", "read_resumed", "yielded", "peer_finished", "fin_sent", "stopping", "phase_changed", "read_would_block", "closed"];
        report.signs = new Set(names.map(sign)).size === names.length;
        report.lane = layout.lane;
        report.tops = lanes.slice(1).every((_, i) => i === 0 || topOf(i + 1) - topOf(i) >= 20);
        report.scrolls = chart.scrollHeight > chart.clientHeight;
        "#,
    );
    assert_eq!(report["signs"], true, "{report:#}");
    assert_eq!(report["tops"], true, "{report:#}");
    assert_eq!(report["scrolls"], true, "{report:#}");
}

#[test]
fn a_narrow_page_and_a_dark_one_are_complete() {
    if !tool_or_skip("chromium") {
        return;
    }
    let script = r#"
        const fits = () => document.documentElement.scrollWidth <= innerWidth;
        report.fits = fits();
        report.help = getComputedStyle(byId("help")).display;
        report.colours = painted();
        report.paper = getComputedStyle(document.body).backgroundColor;
    "#;
    let [wide, narrow] = [Screen::DESKTOP, Screen::TELEPHONE]
        .map(|screen| open_on(screen, &small_trace(), "#turn=2", script));
    for (name, report, help) in [("wide", &wide, "block"), ("narrow", &narrow, "none")] {
        assert_eq!(report["fits"], true, "{name}: {report:#}");
        assert_eq!(report["help"], help, "{name}: {report:#}");
        assert!(
            report["colours"].as_u64().unwrap() > 8,
            "{name}: {report:#}"
        );
    }
    assert_eq!(wide["paper"], "rgb(255, 255, 255)");
    assert_ne!(narrow["paper"], wide["paper"], "the dark palette");
}

#[test]
fn gauges_show_what_is_unread_and_unacknowledged_or_that_it_is_not_known() {
    if !tool_or_skip("chromium") {
        return;
    }
    let peer = "127.0.0.1:4711".parse().unwrap();
    let (bytes, offered) = (16, 16);
    let records = vec![
        record(0, 0, Event::Waiting { timeout_ns: None }),
        record(1_000, 0, Event::Woke { events: 1 }),
        record(2_000, 1, Event::Accepted { peer }),
        record(3_000, 1, Event::Unread { bytes: 64 }),
        record(4_000, 1, Event::Read { bytes }),
        record(4_500, 1, Event::Unacknowledged { bytes: 0 }),
        record(5_000, 1, Event::Wrote { bytes, offered }),
        record(6_000, 1, Event::Unread { bytes: 48 }),
        record(6_500, 1, Event::Unacknowledged { bytes: 16 }),
        record(7_000, 0, Event::Waiting { timeout_ns: None }),
        record(90_000_000, 0, Event::Ended),
    ];
    let header = Header {
        has_buffers: true,
        ..Header::new(Mode::EventLoop)
    };
    let report = open(
        &Trace { header, records },
        "#turn=2",
        r#"
        report.states = text("states");
        const probe = document.createElement("canvas").getContext("2d");
        const scale = devicePixelRatio;
        const filled = (colour, x) => {
          probe.fillStyle = colours[colour];
          const wanted = probe.fillStyle;
          let rows = 0;
          for (let y = topOf(1) + 4; y < topOf(1) + layout.lane - 5; y++) {
            const [r, g, b] = pen.getImageData((layout.gutter - x) * scale, y * scale, 1, 1).data;
            rows += '#' + [r, g, b].map((part) => part.toString(16).padStart(2, "0")).join("") === wanted;
          }
          return rows / (layout.lane - 7);
        };
        draw();
        report.gauge = filled("unread", 24);
        report.unacknowledged = filled("unacknowledged", 6);
        goToRecord(3);
        draw();
        report.full = filled("unread", 24);
        report.unknown = filled("unacknowledged", 6);
        report.reason = document.querySelector('#states td[title]').title;
        "#,
    );
    let states = report["states"].as_str().unwrap();
    assert!(states.contains("unread\tunacked"), "{states}");
    assert!(states.contains("48\t16"), "{states}");
    assert!(report["reason"].as_str().unwrap().contains("sock_diag(7)"));
    let share = |what: &str| report[what].as_f64().unwrap();
    assert!((0.6..0.9).contains(&share("gauge")), "48 of 64: {report:#}");
    assert!(share("full") > 0.9, "64 of 64: {report:#}");
    assert!(share("unacknowledged") > 0.9, "16 of 16: {report:#}");
    assert_eq!(report["unknown"], 0, "before the first look: {report:#}");
}
