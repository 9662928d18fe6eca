//! Solution 15: both sockets set `SO_REUSEPORT` before they are bound.

use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// A listening socket, as each of several processes opens it.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // All of them must set it, the first one too.
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// How many connections wait in the backlog of this socket.
fn waiting(listener: &TcpListener) -> usize {
    std::iter::from_fn(|| listener.accept().ok()).count()
}

fn main() -> io::Result<()> {
    let first = listen((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = first.local_addr()?;
    let second = listen(address)?;

    let peers: Vec<_> = (0..64).map(|_| TcpStream::connect(address)).collect();
    assert!(peers.iter().all(Result::is_ok));
    let counts = [waiting(&first), waiting(&second)];
    println!("{counts:?}");
    // A coin that falls on the same side 64 times is no coin.
    assert_eq!(counts.iter().sum::<usize>(), 64);
    assert!(counts.iter().all(|count| *count > 0));
    println!("passed");
    Ok(())
}
