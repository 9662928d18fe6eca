//! A server to compare with: may, with a coroutine with a stack of its own per connection, all on one worker thread.
//!
//! build: cargo build --release --features may --bin may   (in benches/peers/rust)
//! run:   target/release/may PORT

use may::net::{TcpListener, TcpStream};
use may::{coroutine, go};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Connections that may wait to be accepted (listen(2)).
const BACKLOG: i32 = 4096;

/// Bytes per read, as in all of these servers. The buffer is on the heap: a coroutine's stack is small, and has no guard
/// that would grow it.
const BUFFER: usize = 64 * 1024;

/// How long to pause when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        return Err(io::Error::other("usage: may PORT"));
    };
    may::config().set_workers(1);
    go!(move || serve(port))
        .join()
        .map_err(|_| io::Error::other("the server panicked"))?
}

fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    SockRef::from(listener.inner()).listen(BACKLOG)?; // replaces the library's backlog
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            // An error ends this connection and nothing else.
            Ok((stream, _)) => drop(go!(move || echo(stream).ok())),
            // Either this connection failed, or there are no descriptors left.
            Err(_) => coroutine::sleep(PAUSE),
        }
    }
}

/// Echoes until end of file. Dropping the stream then sends the FIN after the last byte.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = stream.read(&mut buffer)?;
        let Some(message @ [_, ..]) = buffer.get(..length) else {
            return Ok(());
        };
        stream.write_all(message)?;
    }
}
