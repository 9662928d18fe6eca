//! `no-budget`: whoever is served is served until nothing is left.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::{Client, pattern};
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::Workbench;
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::trace::{Event, Lane, Record, brief};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "no-budget",
    mistake: "whoever is served is served until nothing is left",
    chapter: Chapter::Fairness,
    promise: "everybody waits for all that one flooder has sent",
    why: "\"Read until WouldBlock\" has no bound of its own: a peer that sends as fast as it is read \
          never gets there. Here the flood is what fits into the kernel's buffers, so the others wait \
          for all of it; in the open they wait for as long as it lasts. A turn needs a budget, and \
          whoever has more to do goes to the back of the run queue: an edge will not remind us. \
          (The bytes are exact; the times are those of a machine that has other things to do.)",
    sources: "epoll(7), \"Starvation (edge-triggered)\"; src/readiness/run_queue.rs",
    half,
};

const HELLO: &[u8] = b"hello";
const ROUNDS: usize = 10;
const OTHERS: usize = 20;
const FLOOD: usize = 128 * 1024;
/// One read, which is also the budget of a turn.
const BUFFER: usize = 4096;

/// The whole flood fits into the kernel, in either direction.
const BUFFERS: Buffers = Buffers {
    server_send: Some(4 * FLOOD),
    server_receive: Some(4 * FLOOD),
    client_send: Some(4 * FLOOD),
    client_receive: Some(4 * FLOOD),
};

fn serve(variant: Variant, peer: &mut Peer) -> Flow {
    peer.flush();
    let mut buffer = [0; BUFFER];
    while !peer.owes() {
        match peer.read(&mut buffer) {
            Heard::Bytes(bytes) => peer.echo(bytes),
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => return Flow::Close,
        }
        match variant {
            Variant::Wrong => {}
            Variant::Right => return Flow::Again,
        }
    }
    Flow::Keep
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(BUFFERS, move |peer: &mut Peer, _| serve(variant, peer))?;
    let mut flooder = bench.connect()?;
    let others: io::Result<Vec<Client>> = (0..OTHERS).map(|_| bench.connect()).collect();
    let mut others = others?;
    let mut waits = Vec::new();
    for round in 1..=ROUNDS {
        let before = bench.records().len();
        // All have spoken before the loop looks, the flooder first.
        bench.send_ahead(&mut flooder, &pattern(FLOOD))?;
        for client in &mut others {
            bench.send_ahead(client, HELLO)?;
        }
        for client in &mut others {
            bench.converse(client, HELLO.len() * round)?;
        }
        bench.converse(&mut flooder, FLOOD * round)?;
        waits.extend(waits_in(bench.records().get(before..).unwrap_or_default()));
    }
    let all = others.iter().all(|one| one.has_back(&HELLO.repeat(ROUNDS)));
    let outcome = match (least(&waits), most(&waits), all) {
        (0..=BUFFER, 0..=BUFFER, true) => Outcome::Held,
        (FLOOD.., FLOOD.., true) => Outcome::Broke,
        found => Outcome::surprised(found),
    };
    waits.sort_unstable_by_key(|wait| wait.nanos);
    let wait = |percent| brief(nearest_rank(&waits, percent).map_or(0, |wait| wait.nanos));
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("flood before each of 10 rounds", bytes(FLOOD))
        .observed("of it served first, at least", bytes(least(&waits)))
        .observed("of it served first, at most", bytes(most(&waits)))
        .observed("wait of 20 others, median", wait(50))
        .observed("wait of 20 others, p99", wait(99)))
}

/// How long one of the others waited.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// Bytes that the flooder got first.
    flood: usize,
    /// Since the loop woke, in nanoseconds.
    nanos: u64,
}

/// From what the server did in one round: when each of the others was answered.
fn waits_in(round: &[Record]) -> Vec<Wait> {
    let woke = round.first().map_or(0, |record| record.at);
    let mut flood = 0;
    let mut waits = Vec::new();
    for record in round {
        match (record.lane, &record.event) {
            (Lane::Connection(1), Event::Wrote { bytes, .. }) => flood += bytes,
            (Lane::Connection(_), Event::Wrote { .. }) => waits.push(Wait {
                flood,
                nanos: record.at - woke,
            }),
            _ => {}
        }
    }
    waits
}

fn least(waits: &[Wait]) -> usize {
    waits.iter().map(|wait| wait.flood).min().unwrap_or(0)
}

fn most(waits: &[Wait]) -> usize {
    waits.iter().map(|wait| wait.flood).max().unwrap_or(0)
}

fn nearest_rank(sorted: &[Wait], percent: usize) -> Option<&Wait> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1))
}
