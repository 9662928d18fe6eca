//! What does it cost to be observed, per message?
//!
//! `none` is a connection by itself; `unit` is the same with every notification going to `()`, as in the event
//! loop: the two must not differ. Statistics and a trace in memory are there for comparison. The
//! stream is in memory, so that no system call hides the difference.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run panics; criterion's macros generate undocumented items"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use mio_echo::connection::{Connection, Stream, TurnEnd};
use mio_echo::readiness::EventFlags;
use mio_echo::server::Mode;
use mio_echo::server::{ConnectionId, Observer, Stats};
use mio_echo::trace::{Header, Target, Tracer};
use std::hint::black_box;
use std::io::{self, Read, Write};

const READABLE: EventFlags = EventFlags {
    readable: true,
    writable: true,
    read_closed: false,
    write_closed: false,
    error: false,
    priority: false,
};

/// Has 64 bytes to read at each edge, and takes what it is given.
struct Memory;

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer[..64].fill(black_box(7));
        Ok(64)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Memory {
    fn send_fin(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One message, unobserved.
fn unobserved(connection: &mut Connection<Memory>, buffer: &mut [u8]) -> TurnEnd {
    connection.note(black_box(READABLE));
    let received = connection.receive(buffer, &mut |_| {});
    let received = buffer.get(..received).unwrap_or_default();
    connection.echo(received, &mut |_| {})
}

/// One message, told as the event loop tells it.
fn observed<O: Observer>(
    connection: &mut Connection<Memory>,
    buffer: &mut [u8],
    observer: &mut O,
) -> TurnEnd {
    let id = ConnectionId(1);
    let edge = black_box(READABLE);
    observer.flags_reported(id, edge);
    connection.note(edge);
    show(connection, observer);
    let received = connection.receive(buffer, &mut |fact| observer.on_event(id, fact));
    show(connection, observer);
    let received = buffer.get(..received).unwrap_or_default();
    let turn = connection.echo(received, &mut |fact| observer.on_event(id, fact));
    show(connection, observer);
    turn
}

fn show(connection: &Connection<Memory>, observer: &mut impl Observer) {
    observer.readiness_changed(ConnectionId(1), connection.readiness());
    observer.phase_changed(ConnectionId(1), connection.phase());
}

fn observer(criterion: &mut Criterion) {
    let mut buffer = vec![0; 256 * 1024];
    let mut group = criterion.benchmark_group("observer");
    group.bench_function("none", |bencher| {
        let mut connection = Connection::new(Memory);
        bencher.iter(|| unobserved(&mut connection, &mut buffer));
    });
    group.bench_function("unit", |bencher| {
        let mut connection = Connection::new(Memory);
        bencher.iter(|| observed(&mut connection, &mut buffer, &mut ()));
    });
    group.bench_function("statistics", |bencher| {
        let mut connection = Connection::new(Memory);
        let mut stats = Stats::default();
        bencher.iter(|| observed(&mut connection, &mut buffer, &mut stats));
    });
    group.bench_function("trace", |bencher| {
        let mut connection = Connection::new(Memory);
        // As many records as fit; what follows costs less. The first million messages are traced.
        let header = Header::new(Mode::EventLoop);
        let limit = Some(5_000_000);
        let mut tracer = Tracer::new(Target::Memory, header, limit).expect("no file to open");
        bencher.iter(|| observed(&mut connection, &mut buffer, &mut tracer));
    });
    group.finish();
}

criterion_group!(benches, observer);
criterion_main!(benches);
