//! What a message costs beside silent connections: processor time of the server, as the kernel counts it.

use super::holder::Holder;
use super::server::Server;
use super::{Row, Rows, serve};
use mio_echo::measure::compare::ratio::{Criterion, Ratio};
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::Duration;

/// Connections that exchange messages.
pub(crate) const CONNECTIONS: usize = 50;

/// Messages of each connection in a round.
const MESSAGES: u32 = 100;
const ROUNDS: usize = 20;
const SIZE: usize = 64;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 2));

/// A server and its active connections.
struct Contender {
    server: Server,
    peers: Vec<TcpStream>,
}

impl Contender {
    fn start() -> Result<Self, Box<dyn Error>> {
        let server = serve(&[])?;
        let connect = |_| {
            let stream = TcpStream::connect(server.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_mins(1)))?;
            Ok(stream)
        };
        let peers = (0..CONNECTIONS).map(connect).collect::<io::Result<_>>()?;
        Ok(Self { server, peers })
    }

    /// Nanoseconds of processor time per message: all connections send, and then wait for their echoes.
    fn round(&self) -> Result<f64, Box<dyn Error>> {
        let before = self.server.usage()?;
        for number in 0..MESSAGES {
            let message = [number.to_le_bytes()[0]; SIZE];
            for mut peer in &self.peers {
                peer.write_all(&message)?;
            }
            for mut peer in &self.peers {
                let mut echoed = [0; SIZE];
                peer.read_exact(&mut echoed)?;
                assert_eq!(echoed, message, "the echo differs");
            }
        }
        let cpu = self.server.cpu_since(&before)?;
        Ok(cpu.as_nanos() as f64 / (CONNECTIONS as f64 * f64::from(MESSAGES)))
    }
}

/// In each pair of processes one has the silent connections and one has none; a third one, like the first, shows the
/// noise.
pub(crate) fn cost_per_message(silent: usize, pairs: usize) -> Rows {
    let mut beside_silent = Vec::new();
    let mut beside_none = Vec::new();
    let mut costs = Vec::new();
    for _ in 0..pairs {
        let base = Contender::start()?;
        let other = Contender::start()?;
        let crowded = Contender::start()?;
        let _silent = Holder::open(crowded.server.address, SOURCE, silent)?;
        let contenders = [&base, &other, &crowded];
        for contender in contenders {
            contender.round()?;
        }
        for round in 0..ROUNDS {
            let mut cost = [0.0; 3];
            for turn in 0..3 {
                let index = (turn + round) % 3;
                cost[index] = contenders[index].round()?;
            }
            let [base, other, crowded] = cost;
            beside_silent.push((crowded, base));
            beside_none.push((other, base));
            costs.push(base);
        }
    }
    costs.sort_by(f64::total_cmp);
    Ok(vec![
        Row::new(
            "processor time per message beside no other",
            format!("{:.2} µs", costs[costs.len() / 2] / 1000.0),
        ),
        Row::new(
            format!("ratio to it, beside {silent} silent ones"),
            ratio(&beside_silent),
        ),
        Row::new(
            "the same for a second process without them (the noise)",
            ratio(&beside_none),
        ),
    ])
}

fn ratio(pairs: &[(f64, f64)]) -> String {
    let ratio = Ratio::of(pairs, Criterion::default()).expect("there are rounds");
    let interval = ratio.interval.expect("there are enough rounds");
    format!(
        "{:.3} (95 %: {:.3} to {:.3}; {} rounds)",
        ratio.median, interval.low, interval.high, ratio.rounds
    )
}
