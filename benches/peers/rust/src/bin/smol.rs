//! A server to compare with: smol, with a task per connection on one thread.
//!
//! build: cargo build --release --features smol --bin smol   (in benches/peers/rust)
//! run:   target/release/smol PORT

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Timer};
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
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        return Err(io::Error::other("usage: smol PORT"));
    };
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(serve(port, &executor)))
}

async fn serve(port: u16, executor: &LocalExecutor<'_>) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    SockRef::from(&listener).listen(BACKLOG)?; // replaces the library's backlog
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            // An error ends this connection and nothing else.
            Ok((stream, _)) => executor
                .spawn(async move { echo(stream).await.ok() })
                .detach(),
            // Either this connection failed, or there are no descriptors left.
            Err(_) => {
                Timer::after(PAUSE).await;
            }
        }
    }
}

/// Echoes until end of file. Dropping the stream then sends the FIN after the last byte.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = stream.read(&mut buffer).await?;
        let Some(message @ [_, ..]) = buffer.get(..length) else {
            return Ok(());
        };
        stream.write_all(message).await?;
    }
}
