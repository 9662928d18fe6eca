//! `unbounded-queue`: a server reads on while it owes.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::{Client, pattern};
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::{Flow, Rules};
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "unbounded-queue",
    mistake: "a server reads on while it owes",
    chapter: Chapter::PartialWrites,
    promise: "all that a peer sends and does not read back lies in our memory",
    why: "What the kernel refuses has to be kept, but nothing says that more must be read meanwhile. A \
          server that reads on lets each peer that sends and never reads decide how much memory it \
          uses. One that stops reading while it owes lets TCP do what it is good at: the receive \
          buffer fills, the window closes, the peer's own write blocks. That is backpressure, and it \
          bounds the queue by one read.",
    sources: "tcp(7); RFC 9293, section 3.8.6; src/connection/mod.rs",
    half,
};

/// All that the client would like to send.
const TOTAL: usize = 16 * 1024 * 1024;
const BUFFER: usize = 16 * 1024;
/// What the wrong server is promised to owe at least: all that is not in the kernel's buffers.
const MOST_OF_IT: usize = TOTAL / 2;

fn serve(variant: Variant, peer: &mut Peer) -> Flow {
    peer.flush();
    let mut buffer = [0; BUFFER];
    loop {
        let may_read = match variant {
            Variant::Wrong => true,
            Variant::Right => !peer.owes(),
        };
        if !may_read {
            return Flow::Keep;
        }
        match peer.read(&mut buffer) {
            Heard::Bytes(bytes) => peer.echo(bytes),
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => return Flow::Close,
        }
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let memory_before = resident();
    let mut bench = Workbench::new(Buffers::SLOW_READER, move |peer: &mut Peer, _| {
        serve(variant, peer)
    })?;
    let mut client = bench.connect()?;
    let sent = send_until_held_back(&mut bench, &mut client)?;
    let owed = bench.ledger(&client).owed;
    let memory = resident().saturating_sub(memory_before);

    let outcome = match variant {
        Variant::Wrong if sent == TOTAL && owed > MOST_OF_IT => Outcome::Broke,
        Variant::Right if sent < TOTAL && owed <= BUFFER => {
            // And whoever reads in the end gets it all.
            match bench.converse(&mut client, sent)? {
                Ending::Complete if has_back_what_it_sent(&client) => Outcome::Held,
                found => Outcome::surprised(found),
            }
        }
        _ => Outcome::surprised((sent, owed)),
    };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("a client that never reads can send", bytes(sent))
        .observed("owed to it, in our memory", bytes(owed))
        .observed("resident memory grew by", bytes(memory)))
}

/// The client sends as much as it can and reads nothing, while the server turns. Returns how much that
/// was: everything, or what it took until the server left unread what its kernel had received.
fn send_until_held_back(
    bench: &mut Workbench<impl Rules>,
    client: &mut Client,
) -> io::Result<usize> {
    // Over and over, and going on where the kernel took no more.
    let pattern = pattern(BUFFER);
    bench.turn_until("everything is sent, or the client is held back", |bench| {
        let next = pattern.get(client.sent % BUFFER..).unwrap_or_default();
        let wanted = (TOTAL - client.sent).min(next.len());
        let taken = client.send(next.get(..wanted).unwrap_or_default())?;
        // In this order: what was unread before an idle turn is left unread by intent.
        let is_held_back = taken == 0 && bench.unread(client)? > 0 && bench.is_idle()?;
        Ok(client.sent == TOTAL || is_held_back)
    })?;
    Ok(client.sent)
}

fn has_back_what_it_sent(client: &Client) -> bool {
    let pattern = pattern(BUFFER);
    let mut pieces = client.received.chunks(BUFFER);
    client.received.len() == client.sent && pieces.all(|piece| pattern.starts_with(piece))
}

/// The resident memory of this process, in bytes; zero where it cannot be told (proc(5)).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.map_or(0, |kilobytes| kilobytes * 1024)
}
