//! A server to compare with: compio on `io_uring`, with a task per connection on one thread.
//!
//! build: cargo build --release --features compio --bin compio   (in benches/peers/rust)
//! run:   target/release/compio PORT
//!        target/release/compio --probe   (fails where `io_uring` cannot be used)

use compio::BufResult;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::Runtime;
use socket2::SockRef;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Connections that may wait to be accepted (listen(2)).
const BACKLOG: i32 = 4096;

/// Bytes per read, as in all of these servers.
const BUFFER: usize = 64 * 1024;

/// How long to pause when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let argument = std::env::args().nth(1);
    let runtime = Runtime::new()?;
    if argument.as_deref() == Some("--probe") {
        return Ok(());
    }
    let Some(port) = argument.and_then(|port| port.parse().ok()) else {
        return Err(io::Error::other("usage: compio PORT | --probe"));
    };
    runtime.block_on(serve(port))
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    SockRef::from(&listener).listen(BACKLOG)?; // replaces the library's backlog
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An error ends this connection and nothing else.
                compio::runtime::spawn(async move { echo(stream).await.ok() }).detach();
            }
            // Either this connection failed, or there are no descriptors left.
            Err(_) => compio::time::sleep(PAUSE).await,
        }
    }
}

/// Echoes until end of file. Dropping the stream then sends the FIN after the last byte. The kernel owns the buffer while
/// it reads or writes.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).set_tcp_nodelay(true)?;
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let BufResult(length, filled) = stream.read(buffer).await;
        if length? == 0 {
            return Ok(());
        }
        let BufResult(written, mut emptied) = stream.write_all(filled).await;
        written?;
        emptied.clear();
        buffer = emptied;
    }
}
