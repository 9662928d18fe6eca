//! A server to compare with: tokio, with a task per connection on one thread.
//!
//! build: cargo build --release --features tokio --bin tokio   (in benches/peers/rust)
//! run:   target/release/tokio PORT

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that may wait to be accepted (listen(2)).
const BACKLOG: u32 = 4096;

/// Bytes per read, as in all of these servers.
const BUFFER: usize = 64 * 1024;

/// How long to pause when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        return Err(io::Error::other("usage: tokio PORT"));
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(port))
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = listen(port)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An error ends this connection and nothing else.
                tokio::spawn(async move { echo(stream).await.ok() });
            }
            // Either this connection failed, or there are no descriptors left.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
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
