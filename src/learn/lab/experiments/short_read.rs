//! `short-read`: a short read is taken for the end of the input, whatever came with it.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::Client;
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::readiness::EventFlags;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "short-read",
    mistake: "a short read is believed, whatever came with it",
    chapter: Chapter::EdgesAndDraining,
    promise: "a FIN and the bytes behind an urgent one stay unread, and the loop sleeps",
    why: "On epoll a read that fills less than its buffer has emptied the socket: epoll(7) says so, and \
          it saves a system call a message. But bytes and the FIN behind them share one edge, and the \
          FIN is no byte: a reader who stops at the short read never meets it, and the connection never \
          ends. Nor does a read go past an urgent mark, so it may be short with bytes behind it. Both \
          are announced with the edge, as RDHUP and PRI: once a socket has shown either, only \
          WouldBlock counts.",
    sources: "epoll(7), questions and answers 9; tcp(7); src/readiness/mod.rs",
    half,
};

const GOODBYE: &[u8] = b"hello";
/// A read stops before `!`, which is urgent.
const URGENT: &[u8] = b"ab!cd";

fn serve(variant: Variant, peer: &mut Peer, hints: EventFlags) -> Flow {
    let mut buffer = [0; 1024];
    let room = buffer.len();
    loop {
        let is_short = match peer.read(&mut buffer) {
            Heard::Bytes(bytes) => {
                peer.echo(bytes);
                bytes.len() < room
            }
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => return Flow::Close,
        };
        let is_drained = match variant {
            Variant::Wrong => is_short,
            Variant::Right => is_short && !hints.read_closed && !hints.priority,
        };
        if is_drained {
            return Flow::Keep;
        }
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(Buffers::default(), move |peer: &mut Peer, hints| {
        serve(variant, peer, hints)
    })?;
    let mut leaver = bench.connect()?;
    leaver.send(GOODBYE)?;
    leaver.finish()?;
    bench.await_arrival(&leaver)?;
    // One byte more than there will be: what is awaited is the end.
    let left = bench.converse(&mut leaver, GOODBYE.len() + 1)?;

    let mut urgent = bench.connect()?;
    say_with_urgency(&mut urgent)?;
    bench.await_arrival(&urgent)?;
    let heard = bench.converse(&mut urgent, URGENT.len())?;
    let (back, unread) = (urgent.received.len(), bench.unread(&urgent)?);

    let ended = !bench.is_open(&leaver);
    let exact = leaver.has_back(GOODBYE) && urgent.has_back(URGENT);
    let outcome = match (left, ended, heard, back) {
        (Ending::Closed(_), true, Ending::Complete, _) if exact => Outcome::Held,
        (Ending::Asleep, false, Ending::Asleep, 2) if unread == 3 => Outcome::Broke,
        found => Outcome::surprised(found),
    };
    let fin = if ended { "met" } else { "unread" };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed(
            "#1, 5 bytes and a FIN: came back",
            bytes(leaver.received.len()),
        )
        .observed("#1, its FIN", fin)
        .observed("#2, the 3rd of 5 urgent: came back", bytes(back))
        .observed("#2, left unread", bytes(unread)))
}

fn say_with_urgency(client: &mut Client) -> io::Result<()> {
    client.send(b"ab")?;
    client.send_urgent(b'!')?;
    client.send(b"cd")?;
    Ok(())
}
