//! A port for a process that is about to be started.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
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
        let bound = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
        result = bound.map(|_free| (Ipv4Addr::LOCALHOST, port).into());
        if result.is_ok() {
            break;
        }
    }
    result
}
