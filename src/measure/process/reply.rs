//! Whether a server replies to datagrams. Without a connection, only a reply shows that there is one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// A datagram may be lost, so another one is sent if there is no reply within this time.
const RESEND_AFTER: Duration = Duration::from_millis(100);

/// Even a server that waits for a line replies to this.
const LINE: &[u8] = b"?\n";

/// Sends datagrams of one line to `address` until one of them gets a reply.
///
/// # Errors
///
/// No socket is bound to that address (`ConnectionRefused`, if the system reports it), or there is no reply within
/// `timeout` (`TimedOut`).
pub fn expect_reply(address: SocketAddr, timeout: Duration) -> io::Result<()> {
    let deadline = Instant::now() + timeout;
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    // The system may have picked the very port that we send to as our own.
    if socket.local_addr()? == address {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left.min(RESEND_AFTER)))?;
        socket.send(LINE)?;
        match socket.recv(&mut [0; LINE.len()]) {
            Ok(_any_length) => return Ok(()),
            Err(error) if is_temporary(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
