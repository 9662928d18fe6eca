//! What does one round trip over loopback cost in each mode, as one peer sees it?
//!
//! Server and peer share the process and the machine; each message is sent, and its echo awaited, before
//! the next. A single peer is where a thread per connection is at its best: it needs no poll. For many
//! connections a closed loop like this one says nothing.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run panics; criterion's macros generate undocumented items"
)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mio_echo::server::{Config, Mode, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

fn round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round_trip");
    for size in [64, 65_536] {
        group.throughput(Throughput::Bytes(size as u64));
        for (name, mode) in [("event-loop", Mode::EventLoop), ("threads", Mode::Threads)] {
            let config = Config {
                mode,
                listen: vec!["127.0.0.1:0".parse().expect("a literal")],
                ..Config::default()
            };
            let server = Server::bind(config).expect("a port of the system's choice");
            let address = server.local_addrs()[0].inet().expect("an IP address");
            let stopper = server.stopper();
            let running = thread::spawn(|| server.run(()));
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                let mut peer = TcpStream::connect(address).expect("the server listens");
                peer.set_nodelay(true).expect("a TCP socket");
                let message = vec![7; size];
                let mut echo = vec![0; size];
                bencher.iter(|| {
                    peer.write_all(&message).expect("the server reads");
                    peer.read_exact(&mut echo).expect("the server echoes");
                });
                assert_eq!(echo, message);
            });
            stopper.stop().expect("the server runs");
            running.join().expect("no panic").expect("no error");
        }
    }
    group.finish();
}

criterion_group!(benches, round_trip);
criterion_main!(benches);
