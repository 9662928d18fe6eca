//! `forgotten-writable`: a write was refused, and nobody waits for room.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::pattern;
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::readiness::EventFlags;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "forgotten-writable",
    mistake: "what a write left over waits for the next message",
    chapter: Chapter::PartialWrites,
    promise: "bytes are owed, there is room for them, and the loop sleeps",
    why: "A write that takes less than it was offered leaves the rest to the server. The kernel \
          reports when there is room again, once: whoever does not write then, waits for nothing. The \
          queue moves only when the peer sends something, and the peer is waiting for its answer. \
          Register for WRITABLE from the beginning and flush at that edge; edge-triggered, it costs \
          nothing while nothing is owed.",
    sources: "epoll(7); send(2); src/connection/write_queue.rs",
    half,
};

const MESSAGE: usize = 128 * 1024;

fn serve(variant: Variant, peer: &mut Peer, hints: EventFlags) -> Flow {
    let is_time_to_flush = match variant {
        Variant::Wrong => hints.readable,
        Variant::Right => hints.writable,
    };
    if is_time_to_flush {
        peer.flush();
    }
    let mut buffer = [0; 16 * 1024];
    loop {
        match peer.read(&mut buffer) {
            Heard::Bytes(bytes) => peer.echo(bytes),
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => return Flow::Close,
        }
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(Buffers::SLOW_READER, move |peer: &mut Peer, hints| {
        serve(variant, peer, hints)
    })?;
    let mut client = bench.connect()?;
    // The client reads nothing until the server has heard it all: by then a write has been refused.
    let message = pattern(MESSAGE);
    bench.send_ahead(&mut client, &message)?;
    bench.turn_until("the server has heard everything", |bench| {
        Ok(bench.ledger(&client).heard == MESSAGE)
    })?;
    let refused = bench.ledger(&client).owed;
    let ending = bench.converse(&mut client, MESSAGE)?;
    let (back, owed) = (client.received.len(), bench.ledger(&client).owed);

    let outcome = match (ending, owed) {
        (Ending::Complete, 0) if refused > 0 && client.has_back(&message) => Outcome::Held,
        (Ending::Asleep, 1..) if back + owed == MESSAGE => Outcome::Broke,
        found => Outcome::surprised((found, refused, back)),
    };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("sent", bytes(MESSAGE))
        .observed("refused by the kernel at first", bytes(refused))
        .observed("came back", bytes(back))
        .observed("still owed, with room to write", bytes(owed)))
}
