//! `bytes-are-not-text`: what one read returned is decoded as text.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::half::bytes;
use crate::learn::lab::harness::peer::{Heard, Peer};
use crate::learn::lab::harness::site::Flow;
use crate::learn::lab::harness::workbench::{Ending, Workbench};
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "bytes-are-not-text",
    mistake: "what one read returned is decoded as text",
    chapter: Chapter::BlockingEcho,
    promise: "a character split across two reads ends the connection",
    why: "TCP carries bytes, and keeps neither messages nor characters together: where one read ends \
          and the next begins is the network's affair. Most characters outside ASCII take several \
          bytes, so sooner or later one is split. Decoding each read by itself fails at that place: in \
          the Python pair that this server answers, `data.decode()` raises an exception and the \
          client's thread is gone. An echo needs no text; whoever does collects bytes up to a boundary \
          of its own (a line, a length) and decodes then.",
    sources: "RFC 9293, section 3.8; RFC 3629; src/connection/mod.rs",
    half,
};

const MESSAGE: &str = "汉语/漢語 Hànyǔ";
/// In the middle of the second character.
const SPLIT: usize = 4;

fn serve(variant: Variant, peer: &mut Peer) -> Flow {
    let mut buffer = [0; 1024];
    loop {
        let heard = match peer.read(&mut buffer) {
            Heard::Bytes(heard) => heard,
            Heard::Nothing => return Flow::Keep,
            Heard::Fin => return Flow::Close,
        };
        match variant {
            Variant::Wrong => match str::from_utf8(heard) {
                Ok(text) => peer.echo(text.as_bytes()),
                Err(_exception) => return Flow::Close,
            },
            Variant::Right => peer.echo(heard),
        }
    }
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut bench = Workbench::new(Buffers::default(), move |peer: &mut Peer, _| {
        serve(variant, peer)
    })?;
    let mut client = bench.connect()?;
    let (first, second) = MESSAGE.as_bytes().split_at(SPLIT);
    bench.send_ahead(&mut client, first)?;
    let mut ending = bench.converse(&mut client, first.len())?;
    if ending == Ending::Complete {
        bench.send_ahead(&mut client, second)?;
        ending = bench.converse(&mut client, MESSAGE.len())?;
    }
    let back = client.received.len();

    let outcome = match ending {
        Ending::Complete if client.received == MESSAGE.as_bytes() => Outcome::Held,
        Ending::Closed(_) if back == 0 && !bench.is_open(&client) => Outcome::Broke,
        found => Outcome::surprised((found, back)),
    };
    let end = if bench.is_open(&client) {
        "open"
    } else {
        "closed by the server"
    };
    let sent = format!("{} of {}", SPLIT, bytes(MESSAGE.len()));
    Ok(Half::new(bench.into_trace(), outcome)
        .observed("sent at first", sent)
        .observed("came back in all", bytes(back))
        .observed("the connection is", end))
}
