//! A socket that exchanges datagrams with one server.
//!
//! A datagram that does not come back was lost, by the server or on the way: this is no evidence. One that comes back
//! altered, or twice, is.

use super::probe::is_temporary;
use super::symptom::{Symptom, bytes};
use super::time_limit::{SLICE, TimeLimit, Wait};
use crate::text::os_error;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Bytes of room for a reply: more than a datagram can have, so that none is cut.
const ROOM: usize = 1 << 16;

/// A socket that sends to the server under check, and receives from it alone.
#[derive(Debug)]
pub(super) struct DatagramProbe<'a> {
    socket: UdpSocket,
    limit: TimeLimit<'a>,
    buffer: Vec<u8>,
}

impl<'a> DatagramProbe<'a> {
    /// A socket on a port that the system chooses.
    pub(super) fn open(server: SocketAddr, limit: TimeLimit<'a>) -> Result<Self, Symptom> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self::open_at((any, 0).into(), server, limit)
            .map_err(|error| cannot("open a socket for", &error))
    }

    /// A socket at this local address.
    ///
    /// # Errors
    ///
    /// As bind(2) and connect(2).
    pub(super) fn open_at(
        local: SocketAddr,
        server: SocketAddr,
        limit: TimeLimit<'a>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(local)?;
        // A connected socket receives from this peer alone, and is informed if no socket is bound there (udp(7)).
        socket.connect(server)?;
        // The port of a server that has just ended may have become our own.
        if socket.local_addr()? == server {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        socket.set_read_timeout(Some(SLICE))?;
        Ok(Self {
            socket,
            limit,
            buffer: vec![0; ROOM],
        })
    }

    /// Sends one datagram.
    pub(super) fn send(&self, message: &[u8]) -> Result<(), Symptom> {
        match self.socket.send(message) {
            Ok(_all) => Ok(()),
            Err(error) => Err(cannot("send", &error)),
        }
    }

    /// Receives one datagram; `None` if there is none until `wait` is over.
    pub(super) fn receive(&mut self, wait: &Wait<'_>) -> Result<Option<&[u8]>, Symptom> {
        loop {
            match self.socket.recv(&mut self.buffer) {
                Ok(length) => return Ok(self.buffer.get(..length)),
                Err(error) if !is_temporary(&error) => return Err(cannot("receive", &error)),
                Err(_) if wait.is_over() => return Ok(None),
                Err(_) => {}
            }
        }
    }

    /// Whether the echo of `message` arrives until `wait` is over.
    pub(super) fn receives_echo(
        &mut self,
        message: &[u8],
        wait: &Wait<'_>,
    ) -> Result<bool, Symptom> {
        match self.receive(wait)? {
            None => Ok(false),
            Some(echo) => verify(echo, message).map(|()| true),
        }
    }

    /// Whether another datagram arrives within `time`.
    pub(super) fn receives_more(&mut self, time: Duration) -> Result<bool, Symptom> {
        let wait = self.limit.wait_at_most(time);
        Ok(self.receive(&wait)?.is_some())
    }
}

/// Expects the echo of a datagram to equal it.
pub(super) fn verify(echo: &[u8], message: &[u8]) -> Result<(), Symptom> {
    if let Some(symptom) = Symptom::of_difference(0, message, echo) {
        return Err(symptom);
    }
    if echo.len() == message.len() {
        return Ok(());
    }
    let (sent, received) = (message.len() as u64, echo.len() as u64);
    Err(Symptom {
        text: format!("of {} sent, {} came back", bytes(sent), bytes(received)),
        offset: Some(sent.min(received)),
    })
}

fn cannot(act: &str, error: &io::Error) -> Symptom {
    let reason = os_error::describe(error);
    Symptom::of(format!("cannot {act} a datagram: {reason}"))
}
