//! The client of a server that answers datagrams: each message is one, and so is its echo.
//!
//! Nothing is repeated. A datagram without a reply in time is lost, which is what the client reports.

use super::connect::ConnectPlan;
use super::error::ClientError;
use super::request::Request;
use super::timeout::{SHORTEST_READ_TIMEOUT, SLICE, is_timeout};
use crate::text::address::Address;
use std::io::{BufRead, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes of room for an echo: more than a datagram can have, so that none is cut.
const ROOM: usize = 1 << 16;

/// Sends the messages of `request`, or each line of `input` if there are none, as one datagram each, and writes the echo of
/// each to `output`: of a message with a newline after it, of a line with the one that it has. The next datagram is sent
/// once the echo of the one before it is back.
///
/// Returns the number of bytes sent, all of which have come back.
///
/// # Errors
///
/// The name of the server has no address. An echo differs, is not there in time, or the system refuses to send or
/// receive. `input` or `output` fails.
pub fn run_datagrams(
    request: &Request,
    mut input: impl BufRead,
    output: &mut impl Write,
) -> Result<u64, ClientError> {
    let mut socket = DatagramExchange::open(&request.connect)?;
    (request.on_connect)(&socket.peer.into());
    let mut bytes = 0;
    let mut exchange = |message: &[u8]| {
        let never = AtomicBool::new(false);
        socket.round_trip(message, request.reply_timeout, &never)?;
        bytes += message.len() as u64;
        Ok(())
    };
    for message in &request.messages {
        exchange(message)?;
        output.write_all(message).map_err(ClientError::Output)?;
        output.write_all(b"\n").map_err(ClientError::Output)?;
    }
    let mut line = Vec::new();
    while request.messages.is_empty()
        && input
            .read_until(b'\n', &mut line)
            .map_err(ClientError::Input)?
            > 0
    {
        exchange(&line)?;
        output.write_all(&line).map_err(ClientError::Output)?;
        line.clear();
    }
    output.flush().map_err(ClientError::Output)?;
    Ok(bytes)
}

/// A UDP socket that exchanges datagrams with one server.
#[derive(Debug)]
pub(super) struct DatagramExchange {
    socket: UdpSocket,
    peer: SocketAddr,
    buffer: Vec<u8>,
}

impl DatagramExchange {
    /// The first address to which there is a route. Whether a server is there only its reply can tell.
    pub(super) fn open(plan: &ConnectPlan) -> Result<Self, ClientError> {
        let mut failures = Vec::new();
        for address in plan.ip_addresses()? {
            let any: IpAddr = match address {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let bound = UdpSocket::bind((plan.source.unwrap_or(any), 0));
            // A connected socket receives from this peer alone (udp(7)).
            match bound.and_then(|socket| socket.connect(address).map(|()| socket)) {
                Ok(socket) => {
                    return Ok(Self {
                        socket,
                        peer: address,
                        buffer: vec![0; ROOM],
                    });
                }
                Err(error) => failures.push((address.into(), error)),
            }
        }
        Err(ClientError::Connect(failures))
    }

    /// Sends the message and waits for its echo. The result means nothing after an interrupt.
    pub(super) fn round_trip(
        &mut self,
        message: &[u8],
        timeout: Duration,
        interrupted: &AtomicBool,
    ) -> Result<(Address, Duration), ClientError> {
        self.set_read_timeout(timeout)?;
        let sent_at = Instant::now();
        self.socket.send(message).map_err(ClientError::Send)?;
        loop {
            match self.socket.recv(&mut self.buffer) {
                Ok(length) => {
                    let time = sent_at.elapsed();
                    let echo = self.buffer.get(..length).unwrap_or_default();
                    verify(echo, message)?;
                    return Ok((self.peer.into(), time));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => {
                    let left = timeout.saturating_sub(sent_at.elapsed());
                    if left.is_zero() || interrupted.load(Ordering::Relaxed) {
                        return Err(ClientError::NoReply {
                            after: timeout,
                            missing: message.len() as u64,
                        });
                    }
                    self.set_read_timeout(left)?;
                }
                Err(error) => return Err(ClientError::Receive(error)),
            }
        }
    }

    fn set_read_timeout(&self, left: Duration) -> Result<(), ClientError> {
        let slice = left.clamp(SHORTEST_READ_TIMEOUT, SLICE);
        let set = self.socket.set_read_timeout(Some(slice));
        set.map_err(ClientError::Receive)
    }
}

fn verify(echo: &[u8], message: &[u8]) -> Result<(), ClientError> {
    for (offset, (&got, &expected)) in (0..).zip(echo.iter().zip(message)) {
        if got != expected {
            return Err(ClientError::Differs {
                offset,
                expected,
                got,
            });
        }
    }
    match (echo.len() as u64, message.len() as u64) {
        (got, sent) if got > sent => Err(ClientError::Superfluous { offset: sent }),
        (got, sent) if got < sent => Err(ClientError::Shorter {
            missing: sent - got,
        }),
        _ => Ok(()),
    }
}
