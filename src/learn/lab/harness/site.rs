//! What every server of the laboratory has, whatever its mistake: a poll, a listener, peers, a journal.

use super::buffers::Buffers;
use super::client::Client;
use super::journal::Journal;
use super::peer::{Ledger, Peer};
use crate::readiness::{EventFlags, INTEREST};
use crate::server::{LoopPhase, WakeSource};
use crate::trace::{Event, Lane};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const LISTENER: Token = Token(usize::MAX);

/// The part of a server that an experiment is about. A closure will do if it is only about serving.
pub(crate) trait Rules {
    /// The listener has been reported.
    fn admit(&mut self, site: &mut Site) -> io::Result<()> {
        while site.accept()? == Accepted::Somebody {}
        Ok(())
    }

    /// A connection has been reported, or asked for another turn.
    fn serve(&mut self, peer: &mut Peer, hints: EventFlags) -> Flow;
}

impl<F: FnMut(&mut Peer, EventFlags) -> Flow> Rules for F {
    fn serve(&mut self, peer: &mut Peer, hints: EventFlags) -> Flow {
        self(peer, hints)
    }
}

/// What is to become of a connection after it was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It stays, until the next edge.
    Keep,
    /// It stays and has more to do: it goes to the back of the run queue.
    Again,
    /// It is over: the socket is closed.
    Close,
}

/// What one accept(2) came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// A peer came in.
    Somebody,
    /// Nobody waits.
    Nobody,
}

/// What every server has, whatever its rules: a poll, a listener, peers.
#[derive(Debug)]
pub(crate) struct Site {
    poll: Poll,
    events: Events,
    pub(crate) listener: TcpListener,
    pub(crate) buffers: Buffers,
    peers: Slab<Peer>,
    /// `WakeSource` is owed a turn, each at most once, and what is known of them.
    due: VecDeque<(usize, EventFlags)>,
    departed: Vec<(SocketAddr, Ledger)>,
    pub(crate) journal: Journal,
    pub(crate) accepted: usize,
}

/// A listener on loopback, on a port of the system's choice. What it is told its connections inherit.
pub(crate) fn listen(buffers: Buffers) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_out_of_band_inline(true)?;
    if let Some(size) = buffers.server_send {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = buffers.server_receive {
        socket.set_recv_buffer_size(size)?;
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(1024)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// One wait. Returns how many events it brought; none if the time was up, or a signal came.
pub(crate) fn wait(poll: &mut Poll, events: &mut Events, timeout: Duration) -> io::Result<usize> {
    match poll.poll(events, Some(timeout)) {
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
        done => done.map(|()| events.iter().count()),
    }
}

impl Site {
    pub(crate) fn new(buffers: Buffers) -> io::Result<Self> {
        let mut listener = listen(buffers)?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            listener,
            buffers,
            peers: Slab::new(),
            due: VecDeque::new(),
            departed: Vec::new(),
            journal: Journal::new(),
            accepted: 0,
        })
    }

    /// One accept(2).
    pub(crate) fn accept(&mut self) -> io::Result<Accepted> {
        let (mut socket, address) = match self.listener.accept() {
            Ok(came) => came,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Accepted::Nobody),
            Err(error) => return Err(error),
        };
        self.accepted += 1;
        let entry = self.peers.vacant_entry();
        let token = Token(entry.key());
        self.poll
            .registry()
            .register(&mut socket, token, INTEREST)?;
        let lane = Lane::Connection(self.accepted as u64);
        let peer = entry.insert(Peer::new(socket, lane, address));
        self.journal.take_over(peer);
        Ok(Accepted::Somebody)
    }

    /// One turn of the loop, which sleeps for `timeout` at most. Returns whether there was anything to do.
    pub(crate) fn turn(&mut self, timeout: Duration, rules: &mut impl Rules) -> io::Result<bool> {
        let called = self.note(timeout)?;
        let lap = self.due.len();
        if called {
            self.enters(LoopPhase::Admit);
            rules.admit(self)?;
        }
        if lap > 0 {
            // The trace knows two halves of serving; here they are one.
            self.enters(LoopPhase::Read);
        }
        for _ in 0..lap {
            if let Some((key, hints)) = self.due.pop_front() {
                self.serve(key, hints, rules);
            }
        }
        Ok(called || lap > 0)
    }

    fn enters(&mut self, part: LoopPhase) {
        self.journal
            .note(Lane::Loop, Event::PhaseEntered { phase: part });
    }

    /// Asks the kernel, and remembers what it says. Returns whether the listener was reported.
    fn note(&mut self, timeout: Duration) -> io::Result<bool> {
        let nobody_is_due = self.due.is_empty();
        let timeout = if nobody_is_due {
            timeout
        } else {
            Duration::ZERO
        };
        self.journal.waits();
        let events = wait(&mut self.poll, &mut self.events, timeout)?;
        if events > 0 {
            self.journal.woke(events);
        }
        let mut called = false;
        for event in &self.events {
            let Token(key) = event.token();
            if event.token() == LISTENER {
                called = true;
                let by = WakeSource::Listener;
                self.journal.note(Lane::Loop, Event::WokenBy { source: by });
            } else if let Some(peer) = self.peers.get_mut(key) {
                let hints = EventFlags::from(event);
                self.journal
                    .note(peer.lane, Event::FlagsReported { flags: hints });
                peer.believe(hints.readable, hints.writable);
                self.journal.take_over(peer);
                match self.due.iter_mut().find(|(other, _)| *other == key) {
                    // An event tells all that is so by now.
                    Some((_, known)) => *known = hints,
                    None => self.due.push_back((key, hints)),
                }
            }
        }
        Ok(called)
    }

    /// One connection is served, and what it did is written down.
    fn serve(&mut self, key: usize, hints: EventFlags, rules: &mut impl Rules) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let flow = rules.serve(peer, hints);
        if flow == Flow::Keep {
            // Whoever waits for the next edge believes that there is nothing more to be had.
            peer.believe(false, !peer.owes());
        }
        let lane = peer.lane;
        self.journal.take_over(peer);
        match (peer.broken(), flow) {
            (Some(kind), _) => self.close(key, &kind.to_string()),
            (None, Flow::Close) => self.close(key, "finished"),
            (None, Flow::Again) => {
                self.journal.note(lane, Event::Yielded);
                self.due.push_back((key, hints));
            }
            (None, Flow::Keep) => {}
        }
    }

    fn close(&mut self, key: usize, reason: &str) {
        let peer = self.peers.remove(key);
        self.departed.push((peer.address, peer.ledger));
        self.journal.note(peer.lane, peer.closed(reason));
    }

    /// What the server has moved for this client; nothing if it has not accepted it.
    pub(crate) fn ledger(&self, client: &Client) -> Ledger {
        let mut departed = self.departed.iter();
        let departed = departed.find(|(address, _)| *address == client.address);
        match (self.peer(client), departed) {
            (Some(peer), _) => peer.ledger,
            (None, Some((_, ledger))) => *ledger,
            (None, None) => Ledger::default(),
        }
    }

    /// The server's side of the connection to this client, while there is one.
    pub(crate) fn peer(&self, client: &Client) -> Option<&Peer> {
        let mut peers = self.peers.iter().map(|(_, peer)| peer);
        peers.find(|peer| peer.address == client.address)
    }
}
