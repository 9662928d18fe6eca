//! An observer of the server: it prints a line for each connection that closes, and at the end a histogram of the bytes
//! echoed per connection.
//!
//! The event loop takes its observer as a generic parameter and calls it where something happens. Every method of
//! [`Observer`] has an empty default, so an observer implements only what it wants to see. Statistics, the log and the
//! trace of `mio-echo serve` are observers too.
//!
//! ```console
//! $ cargo run --example observer
//! ```

use mio_echo::server::{Config, ConnectionSummary, Observer, Server};
use mio_echo::text::address::Address;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

/// How many connections echoed how many bytes. The key is the number of bytes, rounded up to a power of two.
#[derive(Clone, Default)]
struct SizeHistogram(BTreeMap<u64, u32>);

impl Observer for SizeHistogram {
    fn closed(&mut self, summary: &ConnectionSummary) {
        println!(
            "{} closed: {}, {} bytes echoed",
            summary.id, summary.reason, summary.bytes_out
        );
        let size = summary.bytes_out.next_power_of_two();
        *self.0.entry(size).or_default() += 1;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::bind(Config {
        listen: vec!["127.0.0.1:0".parse()?],
        ..Config::default()
    })?;
    let addresses = server.local_addrs().to_vec();
    let stopper = server.stopper();
    let clients = thread::spawn(move || {
        let exchanged = addresses
            .iter()
            .filter_map(Address::inet)
            .try_for_each(exchange_messages);
        stopper.stop().and(exchanged)
    });

    let SizeHistogram(sizes) = server.run(SizeHistogram::default())?;
    for (size, connections) in sizes {
        println!("up to {size:>6} bytes: {connections} connections");
    }
    clients.join().map_err(|_| "the client thread panicked")??;
    Ok(())
}

/// Opens one connection after another, and exchanges more messages on each.
fn exchange_messages(server: SocketAddr) -> io::Result<()> {
    for messages in [1, 2, 50, 60, 2_000] {
        let mut stream = TcpStream::connect(server)?;
        let mut message = [b'x'; 64];
        for _ in 0..messages {
            stream.write_all(&message)?;
            stream.read_exact(&mut message)?;
        }
    }
    Ok(())
}
