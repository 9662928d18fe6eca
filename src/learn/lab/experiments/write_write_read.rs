//! `write-write-read`: a reply in two writes, between which Nagle's algorithm waits for an acknowledgement.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestConnection, serve_until_signal,
    until,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "write-write-read",
    mistake: "writing a reply in two pieces",
    chapter: Chapter::PartialWrites,
    prediction: "the second piece waits for a delayed acknowledgement of the first",
    why: "Two rules of TCP wait for each other. Nagle's algorithm holds back a small segment while earlier ones \
          are unacknowledged. A receiver delays its acknowledgement in the hope that it can travel with a \
          reply; but this receiver replies only when it has both pieces. The delay ends the wait, after 40 ms \
          on Linux, for every message. Write what belongs together in one call: collect it, or use writev(2). \
          TCP_NODELAY switches Nagle's algorithm off, and then two writes are two segments. (Here it is on, as \
          on every new socket; the servers of this program switch it off.)",
    sources: "RFC 9293, section 3.7.4; RFC 1122, section 4.2.3.2; tcp(7), TCP_NODELAY; src/server/listener.rs",
    comparison: SideBySide::Mistake,
    check: Err("no byte is lost, and a check does not time a single message"),
    source: include_str!("write_write_read.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let _infallible = connection.socket.set_nodelay(false); // as on every new socket
    let mut buffer = [0; 1024];
    while let ReadResult::Bytes(message) = connection.read(&mut buffer) {
        match variant {
            Variant::Wrong => {
                for line in message.split_inclusive(|byte| *byte == b'\n') {
                    connection.echo(line);
                }
            }
            Variant::Right => connection.echo(message), // one write for all lines
        }
    }
    if connection.counters.fin_received {
        Flow::Close
    } else {
        Flow::Park
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: &[u8] = b"head\nbody\n";
const MESSAGES: usize = 8;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::default(), variant, serve)?;
    let mut client = harness.connect()?;
    let (mut in_pieces, mut longest) = (0, Duration::ZERO);
    for message in 1..=MESSAGES {
        harness.deliver(&mut client, MESSAGE)?;
        harness.step_until("the server has written all of it", |harness| {
            Ok(harness.counters(&client).written == MESSAGE.len() * message)
        })?;
        let start = Instant::now();
        until("something has arrived", || Ok(client.receive()? > 0))?;
        if client.received.len() < MESSAGE.len() * message {
            in_pieces += 1;
            until("the rest has arrived", || Ok(client.receive()? > 0))?;
        }
        longest = longest.max(start.elapsed());
    }
    let outcome = match in_pieces {
        _ if client.received != MESSAGE.repeat(MESSAGES) => {
            VariantOutcome::unexpected(&client.received)
        }
        0 => VariantOutcome::Correct,
        1.. => VariantOutcome::FailedAsPredicted,
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_count("replies", MESSAGES)
        .observe_count("replies that came in two pieces", in_pieces)
        .observe_time("longest wait for a reply", longest))
}
