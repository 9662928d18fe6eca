//! `read-once`: one read for each edge.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::pattern;
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "read-once",
    mistake: "one read for each edge",
    chapter: Chapter::EdgesAndDraining,
    promise: "three quarters of the message stay unread, and the loop sleeps",
    why: "An edge-triggered poll reports a change, once. The change was \"there is input\"; that there \
          is still input after the first read is no change, and is not reported. What is left sleeps \
          in the socket until the peer happens to send more. A socket must be taken for readable \
          until a read says WouldBlock, or is short where that counts as evidence.",
    sources: "epoll(7), questions and answers 9; src/readiness/mod.rs",
    half,
};

const MESSAGE: usize = 64;
const BUFFER: usize = 16;
const LEFT: usize = MESSAGE - BUFFER;

fn serve(variant: Variant, peer: &mut Peer) -> Flow {
    let mut buffer = [0; BUFFER];
    loop {
        match peer.read(&mut buffer) {
            Heard::Bytes(bytes) => peer.echo(bytes),
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => return Flow::Close,
        }
        match variant {
            Variant::Wrong => return Flow::Keep, // what is left will be reported - will it?
            Variant::Right => {}                 // on, until there is nothing
        }
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(Buffers::default(), move |peer: &mut Peer, _| {
        serve(variant, peer)
    })?;
    let mut client = bench.connect()?;
    // So small that it arrives as one segment, and so raises one edge.
    bench.send_ahead(&mut client, &pattern(MESSAGE))?;
    let ending = bench.converse(&mut client, MESSAGE)?;
    let (back, unread) = (client.received.len(), bench.unread(&client)?);

    let outcome = match (ending, back, unread) {
        (Ending::Complete, MESSAGE, 0) if client.has_back(&pattern(MESSAGE)) => Outcome::Held,
        (Ending::Asleep, BUFFER, LEFT) => Outcome::Broke,
        found => Outcome::surprised(found),
    };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("sent", bytes(MESSAGE))
        .observed("came back", bytes(back))
        .observed("left unread in the socket", bytes(unread)))
}
