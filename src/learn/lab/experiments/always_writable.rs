//! `always-writable`: a level-triggered server asks for room to write while it has nothing to write.
//!
//! The only experiment with a level-triggered loop. It uses poll(2), which reports a condition for as long as it
//! holds.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, Variant, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    ReadResult, SocketBuffers, TestClient, TestConnection, TraceBuffer, listen, socket_probe, until,
};
use crate::readiness::EventFlags;
use crate::trace::{Event, Lane};
use rustix::event::PollFlags;
use std::io;
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "always-writable",
    mistake: "level-triggered, always interested in writability",
    chapter: Chapter::Readiness,
    prediction: "every wait returns at once, with nothing to do",
    why: "A level-triggered poll reports a condition for as long as it holds, and a socket nearly always \
          has room in its send buffer. A server that always asks for WRITABLE therefore never sleeps: \
          every wait returns at once, and the loop spins without doing any work. With level triggers, \
          ask for WRITABLE only while bytes are pending. With edge triggers, WRITABLE may stay \
          registered: only the change is reported.",
    sources: "poll(2); epoll(7); src/readiness/mod.rs",
    run,
};

/// How often the idle server waits.
const WAITS: usize = 1000;
/// How many of these waits without an event prove that it sleeps.
const PROOF: usize = 5;
/// The timeout of each wait.
const SLEEP: Duration = Duration::from_millis(100);

fn interest(variant: Variant, connection: &TestConnection) -> PollFlags {
    match variant {
        Variant::Wrong => PollFlags::IN | PollFlags::OUT,
        Variant::Right if connection.has_pending() => PollFlags::IN | PollFlags::OUT,
        Variant::Right => PollFlags::IN,
    }
}

/// One iteration: waits, and serves the connection if it is ready. Returns whether it was.
fn iterate(
    variant: Variant,
    connection: &mut TestConnection,
    trace: &mut TraceBuffer,
) -> io::Result<bool> {
    let interest = interest(variant, connection);
    trace.wait_started();
    let is_ready = socket_probe::wait_for(&connection.socket, interest, SLEEP)?;
    trace.woke(is_ready.into());
    if !is_ready {
        return Ok(false);
    }
    let flags = EventFlags {
        readable: socket_probe::is_readable(&connection.socket)?,
        writable: interest.contains(PollFlags::OUT),
        ..EventFlags::default()
    };
    trace.record(connection.lane, Event::FlagsReported { flags });
    connection.flush();
    let mut buffer = [0; 64];
    if flags.readable
        && let ReadResult::Bytes(bytes) = connection.read(&mut buffer)
    {
        connection.echo(bytes);
    }
    trace.take_events(connection);
    Ok(true)
}

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut trace = TraceBuffer::new();
    let listener = listen(SocketBuffers::default())?;
    let mut client = TestClient::connect(listener.local_addr()?, SocketBuffers::default())?;
    until("the client is in the backlog", || {
        socket_probe::is_readable(&listener)
    })?;
    let (socket, address) = listener.accept()?;
    let mut connection = TestConnection::new(socket, Lane::Connection(1), address);
    trace.take_events(&mut connection);
    client.send(b"hello")?;
    until("the echo is back", || {
        iterate(variant, &mut connection, &mut trace)?;
        Ok(client.receive()? > 0)
    })?;

    // From here on the client sends nothing.
    let start = Instant::now();
    let (mut waits, mut wakeups) = (0, 0);
    while waits < WAITS && waits < wakeups + PROOF {
        waits += 1;
        wakeups += usize::from(iterate(variant, &mut connection, &mut trace)?);
    }
    let rate = wakeups as u128 * 1_000_000_000 / start.elapsed().as_nanos().max(1);

    let outcome = match (waits, wakeups) {
        (PROOF, 0) => VariantOutcome::Correct,
        (WAITS, WAITS) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(trace.into_trace(), outcome)
        .observe_count("waits of the idle server", waits)
        .observe_count("wake-ups, with nothing to do", wakeups)
        .observe_count("wake-ups per second", rate.try_into().unwrap_or(usize::MAX)))
}
