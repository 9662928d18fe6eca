//! A port for a process that is about to be started.

use socket2::{Domain, Socket, Type};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

/// A port on the loopback interface that is free now on every IPv4 address. It is drawn from below the range of the
/// ports that the system chooses itself (ip(7), `ip_local_port_range`), so that no outgoing connection and no other
/// program that asks for any port takes it before the server does.
///
/// # Errors
///
/// None of a hundred ports is free.
pub fn free_address() -> io::Result<SocketAddr> {
    const PORTS: Range<u16> = 10_000..32_000;
    const DRAWS: u32 = 100;
    let rng = RandomState::new();
    let mut result = Err(io::ErrorKind::AddrInUse.into());
    for draw in 0..DRAWS {
        let [low, high, ..] = rng.hash_one(draw).to_le_bytes();
        let port = PORTS.start + u16::from_le_bytes([low, high]) % (PORTS.end - PORTS.start);
        result = bind(port).map(|_free| (Ipv4Addr::LOCALHOST, port).into());
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Binds a port without listening on it. Another thread may be starting a process, in which this socket stays open until
/// its exec(2); unlike a listener, it keeps no server off the port that sets `SO_REUSEADDR` too (socket(7)).
fn bind(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    Ok(socket)
}
