//! `always-writable`: with level triggers, room to write is asked for while there is nothing to write.
//!
//! The one experiment with a level-triggered loop: poll(2), which reports a state for as long as it lasts.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::Client;
use crate::learn::lab::harness::journal::Journal;
use crate::learn::lab::harness::kernel;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::listen;
use crate::learn::lab::harness::workbench::until;
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::readiness::EventFlags;
use crate::text::units::count;
use crate::trace::{Event, Lane};
use rustix::event::PollFlags;
use std::io;
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "always-writable",
    mistake: "level-triggered, room to write is always asked for",
    chapter: Chapter::Readiness,
    promise: "every wait returns at once, and there is nothing to do",
    why: "A level-triggered poll reports a state for as long as it lasts, and nearly every socket has \
          room in its send buffer nearly always. Asked for WRITABLE without anything to write, it \
          never sleeps: the loop turns as fast as the processor allows and does nothing. \
          Level-triggered, WRITABLE belongs to those who owe, and only while they do. \
          EventFlags-triggered, it may stay registered for ever: only the change is reported.",
    sources: "poll(2); epoll(7); src/readiness/mod.rs",
    half,
};

/// How often the idle loop waits.
const WAITS: usize = 1000;
/// How long it would sleep each time.
const SLEEP: Duration = Duration::from_millis(100);

fn interest(variant: Variant, peer: &Peer) -> PollFlags {
    match variant {
        Variant::Wrong => PollFlags::IN | PollFlags::OUT,
        Variant::Right if peer.owes() => PollFlags::IN | PollFlags::OUT,
        Variant::Right => PollFlags::IN,
    }
}

/// One turn: waits, and serves whoever is ready. Returns whether it was woken.
fn turn(variant: Variant, peer: &mut Peer, journal: &mut Journal) -> io::Result<bool> {
    let wanted = interest(variant, peer);
    journal.waits();
    let woken = kernel::level(&peer.socket, wanted, SLEEP)?;
    journal.woke(woken.into());
    if !woken {
        return Ok(false);
    }
    let hints = EventFlags {
        readable: kernel::is_readable(&peer.socket)?,
        writable: wanted.contains(PollFlags::OUT),
        ..EventFlags::default()
    };
    journal.note(peer.lane, Event::FlagsReported { flags: hints });
    peer.flush();
    let mut buffer = [0; 64];
    if hints.readable
        && let Heard::Bytes(bytes) = peer.read(&mut buffer)
    {
        peer.echo(bytes);
    }
    journal.take_over(peer);
    Ok(true)
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut journal = Journal::new();
    let listener = listen(Buffers::default())?;
    let mut client = Client::connect(listener.local_addr()?, Buffers::default())?;
    until("somebody waits", || kernel::is_readable(&listener))?;
    let (socket, address) = listener.accept()?;
    let mut peer = Peer::new(socket, Lane::Connection(1), address);
    journal.take_over(&mut peer);
    client.send(b"hello")?;
    until("the echo is back", || {
        turn(variant, &mut peer, &mut journal)?;
        Ok(client.receive()? > 0)
    })?;

    // From here on both sides are silent. A few waits without an event prove that the loop sleeps.
    let began = Instant::now();
    let (mut waits, mut woken) = (0, 0);
    while waits < WAITS && waits < woken + 5 {
        waits += 1;
        woken += usize::from(turn(variant, &mut peer, &mut journal)?);
    }
    let time = began.elapsed();
    let rate = woken as u128 * 1_000_000_000 / time.as_nanos().max(1);

    let outcome = match (waits, woken) {
        (5, 0) => Outcome::Held,
        (WAITS, WAITS) => Outcome::Broke,
        found => Outcome::surprised(found),
    };
    Ok(Half::new(journal.into_trace(), outcome)
        .observed("waits of an idle server", count(waits))
        .observed("woken, with nothing to do", count(woken))
        .observed(
            "wake-ups a second",
            count(usize::try_from(rate).unwrap_or(usize::MAX)),
        ))
}
