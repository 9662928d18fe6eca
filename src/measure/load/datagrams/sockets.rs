//! The sockets of all clients: what they send and receive. Neither a schedule nor a result.

use super::client::{Arrival, DatagramClient};
use crate::measure::load::client_connection::StartTimes;
use crate::measure::load::clock::Nanos;
use crate::measure::load::dialer::{Dialer, Lifetime};
use crate::measure::load::part::LoadPart;
use crate::measure::load::payload::Payload;
use crate::measure::load::plan::LoadPlan;
use crate::measure::load::results::Failure;
use crate::measure::load::verify::Verify;
use crate::readiness::{EventFlags, Readiness};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};

/// Bytes of room for a datagram: more than one can have, so that none is cut.
const ROOM: usize = 1 << 16;

/// The sockets, by their keys: positions, from 0.
#[derive(Debug)]
pub(super) struct DatagramSockets {
    sockets: Vec<ClientSocket>,
    /// The socket that sends the next scheduled datagram.
    next_in_rotation: usize,
    /// Datagrams that are neither echoed nor lost yet, those that wait to be sent included.
    outstanding: usize,
    payload: Payload,
    verify: Verify,
    /// The one datagram that is being sent.
    message: Box<[u8]>,
    /// The one datagram that was received.
    buffer: Box<[u8]>,
}

#[derive(Debug)]
struct ClientSocket {
    socket: UdpSocket,
    readiness: Readiness,
    client: DatagramClient,
    /// When the datagrams were due for which the kernel had no room yet.
    waiting: VecDeque<Nanos>,
}

impl DatagramSockets {
    /// None yet.
    pub(super) fn new(plan: &LoadPlan) -> Self {
        Self {
            sockets: Vec::with_capacity(plan.connections),
            next_in_rotation: 0,
            outstanding: 0,
            payload: Payload::new(),
            verify: plan.verify,
            message: vec![0; plan.size].into(),
            buffer: vec![0; ROOM].into(),
        }
    }

    /// Opens all sockets of the plan.
    ///
    /// # Errors
    ///
    /// Descriptors or ports have run out, or the system does not let this program bind or connect one.
    pub(super) fn open(&mut self, plan: &LoadPlan, registry: &Registry) -> io::Result<()> {
        let target = plan.target.clone();
        let mut dialer = Dialer::new(target, &plan.sources, Lifetime::Long, LoadPart::WHOLE);
        for key in 0..plan.connections {
            let (number, socket) = dialer.dial_datagrams();
            let mut socket = socket?;
            // Each datagram that is sent makes room again, so an interest in room would raise an event for each.
            registry.register(&mut socket, Token(key), Interest::READABLE)?;
            self.sockets.push(ClientSocket {
                socket,
                readiness: Readiness::default(),
                client: DatagramClient::new(number, plan.size),
                waiting: VecDeque::new(),
            });
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// How many datagrams are neither echoed nor lost yet.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Remembers an event. Returns whether the key belongs to a socket.
    pub(super) fn note(&mut self, key: usize, flags: EventFlags) -> bool {
        let socket = self.sockets.get_mut(key);
        socket.map(|socket| socket.readiness.note(flags)).is_some()
    }

    /// The sockets in turn.
    pub(super) fn take_in_rotation(&mut self) -> usize {
        let key = self.next_in_rotation;
        self.next_in_rotation = (key + 1) % self.sockets.len().max(1);
        key
    }

    /// A datagram that is due waits to be sent.
    pub(super) fn add_due(&mut self, key: usize, due: Nanos) {
        if let Some(socket) = self.sockets.get_mut(key) {
            socket.waiting.push_back(due);
            self.outstanding += 1;
        }
    }

    /// Sends a datagram that waits. `None` if none does, or the kernel has no room.
    ///
    /// # Errors
    ///
    /// It could not be sent. It counts as sent, and will be lost.
    pub(super) fn send_next(&mut self, key: usize, now: Nanos) -> Option<Result<(), Failure>> {
        let socket = self.sockets.get_mut(key)?;
        let intended = *socket.waiting.front()?;
        socket.client.fill(&self.payload, &mut self.message);
        let sent = match socket.socket.send(&self.message) {
            Ok(_all) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => Err((&error).into()),
        };
        socket.waiting.pop_front();
        socket.client.sent(StartTimes {
            intended,
            actual: now,
            lag: now.saturating_sub(intended),
        });
        Some(sent)
    }

    /// Receives a datagram; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Usually, no socket is bound at the address of the server (udp(7), `ECONNREFUSED`).
    pub(super) fn receive(&mut self, key: usize) -> Option<Result<Arrival, Failure>> {
        let socket = self.sockets.get_mut(key)?;
        if !socket.readiness.is_readable() {
            return None;
        }
        let length = loop {
            match socket.socket.recv(&mut self.buffer) {
                Ok(length) => break length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    socket.readiness.read_would_block();
                    return None;
                }
                Err(error) => return Some(Err((&error).into())),
            }
        };
        let datagram = self.buffer.get(..length).unwrap_or_default();
        let client = &mut socket.client;
        let arrival = client.receive(datagram, &self.payload, self.verify);
        self.outstanding -= usize::from(matches!(arrival, Arrival::Echo { .. }));
        Some(Ok(arrival))
    }

    /// Takes the datagrams of a socket that were sent at `before` or earlier, and have no echo, for lost.
    pub(super) fn lose(&mut self, key: usize, before: Nanos) -> Vec<StartTimes> {
        let socket = self.sockets.get_mut(key);
        let lost = socket.map_or_else(Vec::new, |socket| socket.client.lose(before));
        self.outstanding -= lost.len();
        lost
    }

    /// When the datagrams were due that still wait to be sent.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Nanos> {
        let sockets = self.sockets.iter();
        sockets.flat_map(|socket| socket.waiting.iter().copied())
    }
}
