//! Exercise 16: a server of datagrams that stops too early.
//!
//! Make it run to its end.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use std::io;
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

/// Answers datagrams until there are no more.
fn serve(socket: &UdpSocket) -> io::Result<()> {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        socket.send_to(&buffer[..length], peer)?;
    }
}

fn main() -> io::Result<()> {
    let server = UdpSocket::bind("127.0.0.1:0")?;
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.connect(server.local_addr()?)?;
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    thread::spawn(move || serve(&server));

    for message in ["hello", "", "are you still there?"] {
        client.send(message.as_bytes())?;
        let mut echo = [0; 64];
        let length = client.recv(&mut echo)?;
        println!("{message:?} came back");
        assert_eq!(&echo[..length], message.as_bytes());
    }
    println!("passed");
    Ok(())
}
