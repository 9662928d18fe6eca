//! What does the state machine itself cost for each message, with the kernel left out?
//!
//! The stream is memory: a read copies a message in, a write copies it out. What is measured is all that
//! the server does between two system calls: note the edge, decide, read, decide, write, decide.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run panics; criterion's macros generate undocumented items"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mio_echo::connection::{Connection, Stream, TurnEnd};
use mio_echo::readiness::EventFlags;
use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};

const READABLE: EventFlags = EventFlags {
    readable: true,
    writable: false,
    read_closed: false,
    write_closed: false,
    error: false,
    priority: false,
};
const WRITABLE: EventFlags = EventFlags {
    readable: false,
    writable: true,
    ..READABLE
};

/// Has one message to read after each edge, and takes what it is given, up to `room` bytes an edge.
struct Memory {
    message: Vec<u8>,
    sink: Vec<u8>,
    room: usize,
}

impl Memory {
    fn new(size: usize, room: usize) -> Self {
        Self {
            message: vec![7; size],
            sink: vec![0; size],
            room,
        }
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.message).read(buffer)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = (&mut *self.sink).write(&bytes[..self.room.min(bytes.len())])?;
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(taken)
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

fn connection(criterion: &mut Criterion) {
    let mut buffer = vec![0; 256 * 1024];
    let mut group = criterion.benchmark_group("connection");
    for size in [64, 4096, 65_536] {
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("message", size), |bencher| {
            let mut connection = Connection::new(Memory::new(size, usize::MAX));
            bencher.iter(|| {
                connection.note(black_box(READABLE));
                assert_eq!(connection.turn(&mut buffer), TurnEnd::Parked);
            });
        });
        // The peer takes half a message an edge: the rest goes through the write queue.
        group.bench_function(BenchmarkId::new("queued", size), |bencher| {
            let mut connection = Connection::new(Memory::new(size, size / 2));
            bencher.iter(|| {
                connection.note(black_box(READABLE));
                assert_eq!(connection.turn(&mut buffer), TurnEnd::Parked);
                connection.note(black_box(WRITABLE));
                assert_eq!(connection.turn(&mut buffer), TurnEnd::Parked);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, connection);
criterion_main!(benches);
