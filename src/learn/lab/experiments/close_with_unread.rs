//! `close-with-unread`: a socket is closed over input that nobody has read.
//!
//! This server is no echo: it answers a short request with a long page and hangs up, as many do.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::{End, pattern};
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "close-with-unread",
    mistake: "a socket is closed over unread input",
    chapter: Chapter::Endings,
    promise: "a RST destroys an answer that write(2) had accepted",
    why: "Closing a socket with unread input tells the kernel that bytes were thrown away, and TCP has \
          one word for that: RST. It is sent at once, and what write(2) had accepted but the peer had \
          no room for yet is discarded with the connection. One unread byte is enough. Whoever wants \
          to say goodbye sends a FIN first (shutdown(2), SHUT_WR), goes on reading and discarding \
          until the peer's FIN comes, and closes then: lingering.",
    sources: "RFC 1122, section 4.2.2.13; shutdown(2); src/connection/phase.rs",
    half,
};

const REQUEST: usize = 64;
const PAGE: usize = 256 * 1024;

/// The kernel takes the whole page at once, and the client has room for little of it.
const BUFFERS: Buffers = Buffers {
    server_send: Some(2 * PAGE),
    server_receive: None,
    client_send: None,
    client_receive: Some(16 * 1024),
};

fn serve(variant: Variant, peer: &mut Peer) -> Flow {
    let mut request = [0; REQUEST];
    match peer.read(&mut request) {
        Heard::Bytes(_request) if !peer.ledger.fin_sent => {
            peer.write(&pattern(PAGE));
            match variant {
                Variant::Wrong => return Flow::Close,
                Variant::Right => peer.send_fin(),
            }
            Flow::Again
        }
        Heard::Bytes(_discarded) => Flow::Again,
        Heard::Nothing => Flow::Keep,
        Heard::Fin => Flow::Close,
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(BUFFERS, move |peer: &mut Peer, _| serve(variant, peer))?;
    let mut client = bench.connect()?;
    client.send(&[0; REQUEST + 1])?;
    bench.await_arrival(&client)?;
    bench.turn_until("the server has said all it had to say", |bench| {
        Ok(bench.ledger(&client).fin_sent || !bench.is_open(&client))
    })?;
    let accepted = bench.ledger(&client).written;
    let ending = bench.converse(&mut client, PAGE + 1)?;
    let back = client.received.len();
    // Fails where the server has torn the connection down.
    let _torn_down = client.finish();
    bench.turn_until(
        "the connection is over",
        |bench| Ok(!bench.is_open(&client)),
    )?;

    let outcome = match (ending, accepted, back) {
        (Ending::Closed(End::Fin), PAGE, _) if client.has_back(&pattern(PAGE)) => Outcome::Held,
        (Ending::Closed(End::Reset), PAGE, ..PAGE) => Outcome::Broke,
        found => Outcome::surprised(found),
    };
    let end = match client.end {
        Some(End::Reset) => "RST",
        Some(End::Fin) => "FIN",
        None => "none",
    };
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("accepted by write(2)", bytes(accepted))
        .observed("reached the client", bytes(back))
        .observed("destroyed", bytes(accepted.saturating_sub(back)))
        .observed("the end of the connection", end))
}
