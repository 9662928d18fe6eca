//! `accept-once`: one accept for each edge of the listener.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::{Accepted, Flow, Rules, Site};
use crate::learn::lab::harness::workbench::Workbench;
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::readiness::EventFlags;
use crate::text::units::count;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "accept-once",
    mistake: "one accept for each edge of the listener",
    chapter: Chapter::Accepting,
    promise: "clients wait in the backlog, and the loop sleeps",
    why: "A listener is readable while somebody waits in its backlog. Several clients that come while \
          the loop is busy raise one edge together (\"they will be combined\"). Accepting one of them \
          leaves the others connected, as far as they can tell, to a server that does not know of \
          them; each newcomer lets one of the old ones in. Accept until WouldBlock, and if that is too \
          much for one turn, remember that there is more.",
    sources: "epoll(7), questions and answers 7; accept(2); src/server/listener.rs",
    half,
};

const CLIENTS: usize = 5;

struct Host {
    variant: Variant,
}

impl Rules for Host {
    fn admit(&mut self, site: &mut Site) -> io::Result<()> {
        while site.accept()? == Accepted::Somebody {
            match self.variant {
                Variant::Wrong => return Ok(()),
                Variant::Right => {}
            }
        }
        Ok(())
    }

    fn serve(&mut self, peer: &mut Peer, _: EventFlags) -> Flow {
        let mut buffer = [0; 64];
        loop {
            match peer.read(&mut buffer) {
                Heard::Bytes(bytes) => peer.echo(bytes),
                Heard::Nothing => return Flow::Keep,
                Heard::Fin => return Flow::Close,
            }
        }
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(Buffers::default(), Host { variant })?;
    // All knock before the loop looks.
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(bench.knock()?);
    }
    let mut asleep = false;
    bench.turn_until("all are accepted, or the loop sleeps", |bench| {
        // In this order: whoever waits before an idle turn was not reported by it.
        asleep = bench.somebody_waits()? && bench.is_idle()?;
        Ok(asleep || bench.accepted() == CLIENTS)
    })?;
    let (accepted, waiting) = (bench.accepted(), bench.somebody_waits()?);

    let outcome = match (accepted, waiting) {
        (CLIENTS, false) => Outcome::Held,
        (1..CLIENTS, true) if asleep => Outcome::Broke,
        found => Outcome::surprised((found, asleep)),
    };
    let waiting = if waiting { "yes" } else { "no" };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("clients that connected", count(CLIENTS))
        .observed("accepted", count(accepted))
        .observed("somebody waits, says poll(2)", waiting))
}
