//! `close-on-eof`: the peer's FIN is taken for the end of the connection.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::{End, pattern};
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "close-on-eof",
    mistake: "the peer's FIN is taken for the end of all",
    chapter: Chapter::Endings,
    promise: "what was owed when the FIN came is lost",
    why: "A FIN says \"I have nothing more to say\", not \"I am gone\": a connection has two directions, \
          and the peer that closed one reads on in the other (`nc -N`, shutdown(2)). Whoever closes at \
          the end of the input throws away what is still queued, and the client that said all it had \
          to say never gets its last bytes. Close when the input has ended and nothing is owed.",
    sources: "RFC 9293, section 3.6; shutdown(2); src/connection/phase.rs",
    half,
};

const MESSAGE: usize = 128 * 1024;

fn serve(variant: Variant, peer: &mut Peer) -> Flow {
    peer.flush();
    let mut buffer = [0; 16 * 1024];
    while !peer.ledger.fin_met {
        match peer.read(&mut buffer) {
            Heard::Bytes(bytes) => peer.echo(bytes),
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => {}
        }
    }
    let is_over = match variant {
        Variant::Wrong => true,
        Variant::Right => !peer.owes(),
    };
    if is_over { Flow::Close } else { Flow::Keep }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(Buffers::SLOW_READER, move |peer: &mut Peer, _| {
        serve(variant, peer)
    })?;
    let mut client = bench.connect()?;
    // The client reads nothing until the server has met its FIN: by then bytes are owed.
    let message = pattern(MESSAGE);
    bench.send_ahead(&mut client, &message)?;
    client.finish()?;
    bench.turn_until("the server has met the FIN", |bench| {
        Ok(bench.ledger(&client).fin_met)
    })?;
    let owed = bench.ledger(&client).owed;
    let ending = bench.converse(&mut client, MESSAGE + 1)?;
    let back = client.received.len();

    let outcome = match (ending, back) {
        (Ending::Closed(End::Fin), _) if owed > 0 && client.has_back(&message) => Outcome::Held,
        (Ending::Closed(End::Fin), _) if owed > 0 && back + owed == MESSAGE => Outcome::Broke,
        found => Outcome::surprised((found, owed)),
    };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("sent, and then a FIN", bytes(MESSAGE))
        .observed("owed when the FIN was met", bytes(owed))
        .observed("came back", bytes(back))
        .observed("lost", bytes(MESSAGE.saturating_sub(back))))
}
