//! `partial-write`: a write is believed to take all that it is given.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::{End, pattern};
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "partial-write",
    mistake: "write is believed to take all that it is given",
    chapter: Chapter::PartialWrites,
    promise: "bytes are lost, and no error tells of it",
    why: "write(2) returns how much it took, which may be less than it was given: on a socket that does \
          not block, whenever the send buffer is nearly full. The rest belongs to the caller. WakeSource \
          ignores the count loses bytes as soon as one peer reads more slowly than it sends, and never \
          on the desk where it was tried. In Python's words: send is not sendall.",
    sources: "write(2); send(2); src/connection/write_queue.rs",
    half,
};

const MESSAGE: usize = 128 * 1024;

fn serve(variant: Variant, peer: &mut Peer) -> Flow {
    peer.flush();
    let mut buffer = [0; 16 * 1024];
    while !peer.owes() {
        match peer.read(&mut buffer) {
            Heard::Bytes(bytes) => {
                let taken = peer.write(bytes);
                match variant {
                    Variant::Wrong => {}
                    Variant::Right => peer.queue(bytes.get(taken..).unwrap_or_default()),
                }
            }
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => return Flow::Close,
        }
    }
    Flow::Keep
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(Buffers::SLOW_READER, move |peer: &mut Peer, _| {
        serve(variant, peer)
    })?;
    let mut client = bench.connect()?;
    let message = pattern(MESSAGE);
    bench.send_ahead(&mut client, &message)?;
    client.finish()?;
    // The client reads nothing until the server has nothing more to do: by then a write has been refused.
    bench.turn_until("the server is idle", Workbench::is_idle)?;
    let ending = bench.converse(&mut client, MESSAGE + 1)?;
    let back = client.received.len();
    let exact = message.iter().zip(&client.received);
    let exact = exact
        .take_while(|(sent, received)| sent == received)
        .count();

    let outcome = match (ending, exact) {
        (Ending::Closed(End::Fin), MESSAGE) if back == MESSAGE => Outcome::Held,
        (Ending::Closed(End::Fin), _) if back < MESSAGE => Outcome::Broke,
        found => Outcome::surprised((found, back)),
    };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("sent", bytes(MESSAGE))
        .observed("came back", bytes(back))
        .observed("lost", bytes(MESSAGE.saturating_sub(back)))
        .observed("right as far as", bytes(exact)))
}
