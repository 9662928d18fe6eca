//! `unbounded-queue`: the server reads on while bytes are pending.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, ExchangeEnd, Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestClient,
    TestConnection, payload, serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use crate::measure::process::Usage;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "unbounded-queue",
    mistake: "reading on while bytes are pending",
    chapter: Chapter::PartialWrites,
    prediction: "everything that a peer sends without reading fills the server's memory",
    why: "A server has to keep what the kernel refuses, but it does not have to read more in the \
          meantime. A server that reads on lets any peer that sends without reading decide how much \
          memory the server uses. A server that stops reading while bytes are pending lets TCP do what \
          it is good at: the receive buffer fills up, the window closes, and the peer's own writes \
          block. That is backpressure, and it bounds the queue by one read.",
    sources: "tcp(7); RFC 9293, section 3.8.6; src/connection/mod.rs",
    comparison: SideBySide::Mistake,
    check: Ok("stalled-memory"),
    source: include_str!("unbounded_queue.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

const BUFFER: usize = 16 * 1024;

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    connection.flush();
    let mut buffer = [0; BUFFER];
    loop {
        let may_read = match variant {
            Variant::Wrong => true,
            Variant::Right => !connection.has_pending(),
        };
        if !may_read {
            return Flow::Park;
        }
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => connection.echo(bytes),
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        }
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

/// Everything that the client wants to send.
const TOTAL: usize = 16 * 1024 * 1024;
/// The least that the wrong server is predicted to queue: everything that is not in the kernel's buffers.
const MOST: usize = TOTAL / 2;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let memory_before = resident_memory();
    let mut harness = Harness::serving(SocketBuffers::SLOW_READER, variant, serve)?;
    let mut client = harness.connect()?;
    send_until_held_back(&mut harness, &mut client)?;
    let (sent, pending) = (client.sent, harness.counters(&client).pending);
    let memory = resident_memory().saturating_sub(memory_before);

    let outcome = match variant {
        Variant::Wrong if sent == TOTAL && pending > MOST => VariantOutcome::FailedAsPredicted,
        // A client that does read in the end gets everything.
        Variant::Right if sent < TOTAL && pending <= BUFFER => {
            match harness.exchange(&mut client, sent)? {
                ExchangeEnd::Complete if has_back_what_it_sent(&client) => VariantOutcome::Correct,
                found => VariantOutcome::unexpected(found),
            }
        }
        _ => VariantOutcome::unexpected((sent, pending)),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("a client that never reads can send", sent)
        .observe_bytes("pending in the server's memory", pending)
        .observe_bytes("resident memory grew by", memory))
}

/// The client sends as much as it can and reads nothing while the server is stepped: until everything is sent,
/// or the server leaves input unread.
fn send_until_held_back(
    harness: &mut Harness<impl Behaviour>,
    client: &mut TestClient,
) -> io::Result<()> {
    // The same bytes over and over, from where the kernel accepted no more.
    let payload = payload(BUFFER);
    harness.step_until(
        "everything is sent, or the client is held back",
        |harness| {
            let next = payload.get(client.sent % BUFFER..).unwrap_or_default();
            let wanted = (TOTAL - client.sent).min(next.len());
            let accepted = client.send(next.get(..wanted).unwrap_or_default())?;
            // In this order: what was unread before an idle step is left unread on purpose.
            let is_held_back =
                accepted == 0 && harness.unread(client)? > 0 && harness.idle_step()?;
            Ok(client.sent == TOTAL || is_held_back)
        },
    )
}

fn has_back_what_it_sent(client: &TestClient) -> bool {
    let payload = payload(BUFFER);
    let mut chunks = client.received.chunks(BUFFER);
    client.received.len() == client.sent && chunks.all(|chunk| payload.starts_with(chunk))
}

/// The resident memory of this process, in bytes; zero on systems that do not show it.
fn resident_memory() -> usize {
    let usage = Usage::of(std::process::id()).unwrap_or_default();
    usage.resident.try_into().unwrap_or(usize::MAX)
}
