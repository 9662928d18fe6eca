//! One connection to the server, every echoed byte of which is verified.

use mio_echo::rng::SplitMix64;
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// How long one read, one write or a connect may take before the server counts as stuck.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of one read and one write.
const CHUNK: usize = 64 * 1024;

/// Bytes that fit into the socket buffers both ways, so that they can be sent before the echo is read.
pub(crate) const SMALL: u64 = 16 * 1024;

/// What all connections send: a sequence in which the position determines the byte. Its period is a prime, so that a
/// block that is lost, repeated or swapped does not land on equal bytes.
#[derive(Debug)]
pub(crate) struct Payload(Vec<u8>);

impl Payload {
    const PERIOD: usize = 65_521;

    pub(crate) fn new() -> Self {
        let mut rng = SplitMix64::new(0);
        let period: Vec<u8> = (0..Self::PERIOD)
            .map(|_| rng.next_u64().to_le_bytes()[0])
            .collect();
        let length = Self::PERIOD + CHUNK;
        Self(period.into_iter().cycle().take(length).collect())
    }

    /// At most [`CHUNK`] bytes from `position` on.
    fn slice(&self, position: u64, length: u64) -> &[u8] {
        let from = usize::try_from(position % Self::PERIOD as u64).unwrap_or(0);
        let length = usize::try_from(length).map_or(CHUNK, |length| length.min(CHUNK));
        &self.0[from..from + length]
    }
}

/// How a peer reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading {
    AtOnce,
    /// Only after this time.
    Late(Duration),
    /// This many bytes at most, then a pause.
    Slow(usize, Duration),
}

/// What a peer does once it has sent its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterSending {
    Nothing,
    HalfClose,
}

/// The client's end of a connection.
#[derive(Debug)]
pub(crate) struct Peer<'a> {
    stream: TcpStream,
    payload: &'a Payload,
    /// Where in the payload this connection begins, so that the bytes of another one are noticed.
    start: u64,
    sent: u64,
    has_finished: bool,
    /// Bytes that came back and were right.
    pub(crate) received: u64,
}

impl<'a> Peer<'a> {
    /// Connects. `receive_buffer` sets `SO_RCVBUF`, in bytes.
    pub(crate) fn connect(
        address: SocketAddr,
        payload: &'a Payload,
        start: u64,
        receive_buffer: Option<usize>,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.connect_timeout(&address.into(), TIMEOUT)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: socket.into(),
            payload,
            start,
            sent: 0,
            has_finished: false,
            received: 0,
        })
    }

    /// Sends `bytes` bytes and waits until all of them are back. At most [`SMALL`] bytes.
    pub(crate) fn round_trip(&mut self, bytes: u64) -> io::Result<()> {
        self.send(bytes)?;
        self.receive(self.sent - self.received, Reading::AtOnce)
    }

    pub(crate) fn send(&mut self, bytes: u64) -> io::Result<()> {
        send(&self.stream, self.payload, self.start + self.sent, bytes)?;
        self.sent += bytes;
        Ok(())
    }

    /// Sends one byte as TCP urgent data.
    pub(crate) fn send_urgent(&mut self) -> io::Result<()> {
        let byte = self.payload.slice(self.start + self.sent, 1);
        while SockRef::from(&self.stream).send_out_of_band(byte)? == 0 {}
        self.sent += 1;
        Ok(())
    }

    /// Sends `bytes` bytes while the echo is read, which may take turns, and waits until all of them are back.
    pub(crate) fn exchange(
        &mut self,
        bytes: u64,
        reading: Reading,
        then: AfterSending,
    ) -> io::Result<()> {
        let writer = self.stream.try_clone()?;
        let (payload, position) = (self.payload, self.start + self.sent);
        self.sent += bytes;
        self.has_finished = then == AfterSending::HalfClose;
        thread::scope(|scope| {
            let sending = scope.spawn(move || {
                send(&writer, payload, position, bytes)?;
                match then {
                    AfterSending::Nothing => Ok(()),
                    AfterSending::HalfClose => writer.shutdown(Shutdown::Write),
                }
            });
            let received = self.receive(self.sent - self.received, reading);
            if received.is_err() {
                // Ends the other thread's write.
                let _broken = self.stream.shutdown(Shutdown::Both);
            }
            let sent = sending.join().expect("the sending thread panicked");
            received.and(sent)
        })
    }

    /// Reads and verifies `bytes` bytes.
    pub(crate) fn receive(&mut self, bytes: u64, reading: Reading) -> io::Result<()> {
        if let Reading::Late(time) = reading {
            thread::sleep(time);
        }
        let mut buffer = vec![0; CHUNK.min(usize::try_from(bytes).unwrap_or(CHUNK))];
        let end = self.received + bytes;
        while self.received < end {
            let left = usize::try_from(end - self.received).unwrap_or(CHUNK);
            let room = match reading {
                Reading::Slow(bytes, pause) => {
                    thread::sleep(pause);
                    bytes
                }
                Reading::AtOnce | Reading::Late(_) => CHUNK,
            };
            let room = &mut buffer[..room.min(left).min(CHUNK)];
            let count = self.stream.read(room)?;
            if count == 0 {
                let text = format!("FIN after {} of {} bytes", self.received, self.sent);
                return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
            }
            self.verify(&room[..count])?;
        }
        Ok(())
    }

    fn verify(&mut self, echoed: &[u8]) -> io::Result<()> {
        let expected = self
            .payload
            .slice(self.start + self.received, echoed.len() as u64);
        if echoed == expected {
            self.received += echoed.len() as u64;
            return Ok(());
        }
        let right = echoed.iter().zip(expected).take_while(|(a, b)| a == b);
        let offset = self.received + right.count() as u64;
        Err(wrong(format!("wrong byte at offset {offset}")))
    }

    /// Half-closes the connection if that is still to be done, and expects the FIN of the server, and no byte more.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if !self.has_finished {
            self.half_close()?;
        }
        self.receive(self.sent - self.received, Reading::AtOnce)?;
        match self.stream.read(&mut [0])? {
            0 => Ok(self.received),
            _ => Err(wrong(format!("a byte too many after {}", self.received))),
        }
    }

    /// Sends until the connection takes no more, or `bytes` bytes: what a peer does that will not read.
    pub(crate) fn send_what_fits(&mut self, bytes: u64) -> io::Result<()> {
        self.stream.set_nonblocking(true)?;
        let mut left = bytes;
        while left > 0 {
            let chunk = self.payload.slice(self.start + self.sent, left);
            match self.stream.write(chunk) {
                Ok(count) => {
                    self.sent += count as u64;
                    left -= count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.stream.set_nonblocking(false)
    }

    /// Half-closes and does not wait for anything.
    pub(crate) fn half_close(&mut self) -> io::Result<()> {
        self.has_finished = true;
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends the connection with RST (socket(7), `SO_LINGER` of zero).
    pub(crate) fn reset(self) -> io::Result<u64> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
        Ok(self.received)
    }

    /// Bytes that are still to come back.
    pub(crate) fn unreturned(&self) -> u64 {
        self.sent - self.received
    }
}

fn send(mut stream: &TcpStream, payload: &Payload, position: u64, bytes: u64) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes {
        let chunk = payload.slice(position + sent, bytes - sent);
        stream.write_all(chunk)?;
        sent += chunk.len() as u64;
    }
    Ok(())
}

fn wrong(text: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}
