//! `slowloris`: peers that send a byte now and then, and a server with an idle timeout.
//!
//! A request of this server is a line. Its bytes are echoed as they come.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, Flow, Harness, ReadResult, ServerClock, SocketBuffers, TestClient, TestConnection,
    serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::time::Duration;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "slowloris",
    mistake: "a deadline that every byte moves",
    chapter: Chapter::Timers,
    prediction: "a peer that sends a byte now and then holds its place forever",
    why: "An idle timeout limits silence, and nothing else. A peer that sends one byte of a request every few \
          seconds is never silent, costs itself next to nothing, and holds a descriptor, memory, and a place \
          among the connections for as long as it sends; a few hundred such peers fill a server. This is the \
          attack named Slowloris. The deadline has to match the promise: a request has to be complete within \
          a time, and only a complete one moves the deadline. (The experiment has a clock of its own, so a \
          minute takes no time.)",
    sources: "RFC 9110, section 15.5.9 (408 Request Timeout); src/server/idle.rs",
    comparison: SideBySide::Mistake,
    check: Err("a check cannot know what a request is: to RFC 862, all bytes are alike"),
    source: include_str!("slowloris.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct Lines {
    variant: Variant,
}

impl Behaviour for Lines {
    fn time_limit(&self) -> Option<Duration> {
        Some(Duration::from_secs(10))
    }

    fn serve(&mut self, connection: &mut TestConnection) -> Flow {
        connection.flush();
        let mut buffer = [0; 1024];
        while !connection.has_pending() {
            let bytes = match connection.read(&mut buffer) {
                ReadResult::Bytes(bytes) => bytes,
                ReadResult::WouldBlock => return Flow::Park,
                ReadResult::Fin => return Flow::Close,
            };
            connection.echo(bytes);
            let has_progressed = match self.variant {
                Variant::Wrong => true,                   // it has sent something
                Variant::Right => bytes.contains(&b'\n'), // a whole request
            };
            if has_progressed {
                connection.made_progress(); // restarts the 10 seconds
            }
        }
        Flow::Park
    }
}

fn server(variant: Variant) -> Lines {
    Lines { variant }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const SLOW: usize = 3;
/// The time between two bytes of a slow peer, and between two lines of an honest one.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSES: u32 = 12;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    harness.server.clock = ServerClock::Stopped(Duration::ZERO);
    let mut honest = harness.connect()?;
    let slow: io::Result<Vec<_>> = (0..SLOW).map(|_| harness.connect()).collect();
    let mut slow = slow?;
    for _ in 0..PAUSES {
        say(&mut harness, &mut honest, b"line\n")?;
        for client in &mut slow {
            say(&mut harness, client, b"x")?;
        }
        harness.server.clock.advance(PAUSE);
        harness.step(Duration::ZERO)?;
    }
    let held = slow.iter().filter(|client| harness.is_open(client)).count();
    let is_served = harness.is_open(&honest);
    let outcome = match (held, is_served) {
        (0, true) => VariantOutcome::Correct,
        (SLOW, true) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    let bytes = slow.iter().map(|client| client.received.len()).max();
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_time("time by the server's clock", PAUSE * PAUSES)
        .observe_count("slow peers, no line from any", SLOW)
        .observe_count("slow peers still connected", held)
        .observe_bytes("sent by each of them", bytes.unwrap_or(0))
        .observe(
            "a peer that sends lines is",
            if is_served { "served" } else { "closed" },
        ))
}

/// The client sends `bytes` and gets them back, if the server has not closed its connection.
fn say(harness: &mut Harness<Lines>, client: &mut TestClient, bytes: &[u8]) -> io::Result<()> {
    if harness.is_open(client) {
        harness.deliver(client, bytes)?;
        let sent = client.sent;
        harness.exchange(client, sent)?;
    }
    Ok(())
}
