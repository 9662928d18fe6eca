//! `bytes-are-not-text`: the server decodes what each read returns as text.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    ExchangeEnd, Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestConnection,
    serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "bytes-are-not-text",
    mistake: "decoding each read as text on its own",
    chapter: Chapter::BlockingEcho,
    prediction: "a character split across two reads ends the connection",
    why: "TCP is a byte stream. It keeps the order of the bytes, and knows nothing of messages or \
          characters: a read may end anywhere. In UTF-8 most characters outside ASCII take several \
          bytes, so sooner or later a read ends inside one, and decoding that read on its own fails. In \
          Python, `data.decode()` raises UnicodeDecodeError, which ends the thread that serves the \
          client. An echo server does not need text. A program that does must collect bytes up to a \
          boundary of its own protocol (a line, a length) before it decodes them.",
    sources: "RFC 9293, section 2.2; RFC 3629; src/connection/mod.rs",
    comparison: SideBySide::Mistake,
    check: Ok("split-utf8"),
    source: include_str!("bytes_are_not_text.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let mut buffer = [0; 1024];
    loop {
        let received = match connection.read(&mut buffer) {
            ReadResult::Bytes(received) => received,
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        };
        match variant {
            Variant::Wrong => match str::from_utf8(received) {
                Ok(text) => connection.echo(text.as_bytes()),
                Err(_exception) => return Flow::Close,
            },
            Variant::Right => connection.echo(received),
        }
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: &str = "汉语/漢語 Hànyǔ";
/// Within the second character.
const SPLIT: usize = 4;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::default(), variant, serve)?;
    let mut client = harness.connect()?;
    let (first, second) = MESSAGE.as_bytes().split_at(SPLIT);
    harness.deliver(&mut client, first)?;
    let mut end = harness.exchange(&mut client, first.len())?;
    if end == ExchangeEnd::Complete {
        harness.deliver(&mut client, second)?;
        end = harness.exchange(&mut client, MESSAGE.len())?;
    }
    let (back, is_open) = (client.received.len(), harness.is_open(&client));

    let outcome = match end {
        ExchangeEnd::Complete if client.received == MESSAGE.as_bytes() => VariantOutcome::Correct,
        ExchangeEnd::Closed(_) if back == 0 && !is_open => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected((found, back)),
    };
    let state = if is_open {
        "open"
    } else {
        "closed by the server"
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe("sent first", format!("{SPLIT} of {} bytes", MESSAGE.len()))
        .observe_bytes("came back in all", back)
        .observe("connection", state))
}
