//! `token-reuse`: an event that is old by now reaches the new owner of a slab key.
//!
//! This server has room for one. At the limit a newcomer takes the place of whoever is there, and with it
//! the key of the slot. That a peer's FIN was reported is taken for the end of its connection.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::{Client, End};
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::journal::Journal;
use crate::learn::lab::harness::kernel;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::{listen, wait};
use crate::learn::lab::harness::workbench::until;
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::readiness::{EventFlags, INTEREST};
use crate::server::WakeSource;
use crate::trace::{Event, Lane};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use std::io;
use std::time::Duration;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "token-reuse",
    mistake: "an event is acted upon before the next is noted",
    chapter: Chapter::Readiness,
    promise: "a newcomer is closed for the FIN of the connection before it",
    why: "One wait returns many events, and acting upon one may change whom the next is about. Here the \
          listener comes first: the newcomer gets the slot of the old connection, and the old \
          connection's event, fetched already, finds it there. Neither deregistering nor closing takes \
          back an event that has been fetched. Note all events first and act afterwards: while noting, \
          no slot changes hands. (Or put a generation into the token, and drop events of an old one.)",
    sources: "epoll(7), \"If using an event cache\"; src/server/event_loop.rs",
    half,
};

const LISTENER: Token = Token(usize::MAX);
const HELLO: &[u8] = b"hello";

struct Server {
    poll: Poll,
    listener: TcpListener,
    /// Never more than one.
    slots: Slab<Slot>,
    accepted: u64,
    journal: Journal,
}

struct Slot {
    peer: Peer,
    /// What its last event said.
    hints: EventFlags,
}

impl Server {
    fn turn(&mut self, variant: Variant, events: &mut Events) -> io::Result<()> {
        self.journal.waits();
        let count = wait(&mut self.poll, events, Duration::from_millis(1))?;
        if count > 0 {
            self.journal.woke(count);
        }
        match variant {
            Variant::Wrong => {
                for event in &*events {
                    let called = self.note(event);
                    self.admit(called)?;
                    self.serve();
                }
            }
            Variant::Right => {
                let mut called = 0;
                for event in &*events {
                    called += self.note(event);
                }
                self.admit(called)?;
                self.serve();
            }
        }
        Ok(())
    }

    /// Remembers what an event says. Returns how often it calls us to the listener.
    fn note(&mut self, event: &mio::event::Event) -> usize {
        if event.token() == LISTENER {
            let by = WakeSource::Listener;
            self.journal.note(Lane::Loop, Event::WokenBy { source: by });
            return 1;
        }
        if let Some(slot) = self.slots.get_mut(event.token().0) {
            slot.hints = EventFlags::from(event);
            self.journal
                .note(slot.peer.lane, Event::FlagsReported { flags: slot.hints });
        }
        0
    }

    /// Lets a newcomer in, in place of whoever is there.
    fn admit(&mut self, called: usize) -> io::Result<()> {
        for _ in 0..called {
            let (mut socket, address) = self.listener.accept()?;
            for old in self.slots.drain() {
                self.journal
                    .note(old.peer.lane, old.peer.closed("replaced"));
            }
            self.accepted += 1;
            let lane = Lane::Connection(self.accepted);
            let entry = self.slots.vacant_entry();
            let token = Token(entry.key());
            let registry = self.poll.registry();
            registry.register(&mut socket, token, INTEREST)?;
            let mut peer = Peer::new(socket, lane, address);
            self.journal.take_over(&mut peer);
            entry.insert(Slot {
                peer,
                hints: EventFlags::default(),
            });
        }
        Ok(())
    }

    /// Does what the hints call for.
    fn serve(&mut self) {
        let journal = &mut self.journal;
        self.slots.retain(|_, slot| {
            let hints = std::mem::take(&mut slot.hints);
            let mut buffer = [0; 64];
            if hints.readable
                && !hints.read_closed
                && let Heard::Bytes(bytes) = slot.peer.read(&mut buffer)
            {
                slot.peer.echo(bytes);
            }
            journal.take_over(&mut slot.peer);
            if hints.read_closed {
                journal.note(slot.peer.lane, slot.peer.closed("finished"));
            }
            !hints.read_closed
        });
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut listener = listen(Buffers::default())?;
    let address = listener.local_addr()?;
    let poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut server = Server {
        poll,
        listener,
        slots: Slab::new(),
        accepted: 0,
        journal: Journal::new(),
    };
    let mut events = Events::with_capacity(16);
    let mut turn = |server: &mut Server| server.turn(variant, &mut events);

    let mut old = Client::connect(address, Buffers::default())?;
    until("the first is accepted, and writable", || {
        turn(&mut server)?;
        Ok(server.accepted == 1)
    })?;
    turn(&mut server)?;

    // Both happen before the loop looks again, in this order.
    let mut newcomer = Client::connect(address, Buffers::default())?;
    until("the newcomer waits", || {
        kernel::is_readable(&server.listener)
    })?;
    old.finish()?;
    until("the FIN has arrived", || has_fin(&server))?;
    turn(&mut server)?;

    newcomer.receive()?;
    if newcomer.end.is_none() {
        newcomer.send(HELLO)?;
    }
    until("the newcomer is answered or closed", || {
        turn(&mut server)?;
        newcomer.receive()?;
        Ok(newcomer.end.is_some() || newcomer.received.len() == HELLO.len())
    })?;

    let outcome = match (newcomer.end, newcomer.received.len()) {
        (None, _) if newcomer.has_back(HELLO) => Outcome::Held,
        (Some(End::Fin), 0) if newcomer.sent == 0 => Outcome::Broke,
        found => Outcome::surprised((found, newcomer.sent)),
    };
    let end = match newcomer.end {
        None => "open",
        Some(_) => "closed by the server",
    };
    Ok(Half::new(server.journal.into_trace(), outcome)
        .observed("the newcomer's connection is", end)
        .observed("the newcomer had sent", bytes(newcomer.sent))
        .observed("came back to it", bytes(newcomer.received.len())))
}

fn has_fin(server: &Server) -> io::Result<bool> {
    let mut slots = server.slots.iter();
    slots
        .next()
        .map_or(Ok(false), |(_, slot)| kernel::has_fin(&slot.peer.socket))
}
