//! More connections than a process may have: several servers share a port, peers come from several addresses.

use super::holder::{Holder, Order};
use super::one::wait_for_descriptors;
use super::server::Server;
use super::{Row, Rows, memory_line, serve};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::Instant;

/// Connections of one holder. With 28,232 ephemeral ports to an address, a source address has room for them.
const HELD_BY_ONE: usize = 15_000;

/// `SO_REUSEPORT` spreads connections by a hash of their addresses, which is not quite even. So the servers have room for
/// a tenth more.
const ROOM: usize = 10;

pub(crate) fn one_port(connections: usize, fit_in_one: usize) -> Rows {
    let kernel = memory_line("Slab:").unwrap_or_default();
    let count = (connections + connections / ROOM).div_ceil(fit_in_one);
    let first = serve(&["--reuse-port"])?;
    let address = first.address.to_string();
    let mut servers = vec![first];
    while servers.len() < count {
        let program = env!("CARGO_BIN_EXE_mio-echo");
        servers.push(Server::start(
            program,
            ["serve", "--reuse-port", "--listen", &address],
        )?);
    }
    let descriptors = servers[0].descriptors()?;
    let resident = total_resident(&servers)?;

    let start = Instant::now();
    let mut holders = Vec::new();
    let mut left = connections;
    while left > 0 {
        let held = left.min(HELD_BY_ONE);
        let source = source(holders.len());
        holders.push(Holder::open(servers[0].address, source, held)?);
        left -= held;
    }
    let opened = start.elapsed();
    all(&mut holders, Order::Echo)?;
    let shares = servers
        .iter()
        .map(|server| Ok(server.descriptors()? - descriptors));
    let shares = shares.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let kernel = memory_line("Slab:")
        .unwrap_or_default()
        .saturating_sub(kernel);
    let grown = total_resident(&servers)?.saturating_sub(resident);
    let sources = holders.len();

    let start = Instant::now();
    all(&mut holders, Order::Reset)?;
    for server in &servers {
        wait_for_descriptors(server, descriptors)?;
    }
    let closed = start.elapsed();
    for server in servers {
        server.stop()?;
    }
    let fewest = shares.iter().min().expect("there are servers");
    let most = shares.iter().max().expect("there are servers");
    Ok(vec![
        Row::new(
            "each echoes once",
            format!("all bytes right; opened in {opened:.1?} from {sources} source addresses"),
        ),
        Row::new(
            "connections per process",
            format!("{fewest} to {most} in {count} processes"),
        ),
        Row::new(
            "resident memory of the servers per connection",
            format!("{} bytes", grown / connections as u64),
        ),
        Row::new(
            "memory of the kernel per connection, both ends",
            format!(
                "about {:.1} KiB",
                kernel as f64 / 1024.0 / connections as f64
            ),
        ),
        Row::new(
            "all are reset at once",
            format!("all closed after {closed:.1?}"),
        ),
    ])
}

/// 127.1.0.1 and so on: every address of 127.0.0.0/8 is this machine.
fn source(number: usize) -> IpAddr {
    let [.., high, low] = (number + 1).to_be_bytes();
    Ipv4Addr::new(127, 1, high, low).into()
}

/// All holders at the same time.
fn all(holders: &mut [Holder], order: Order) -> Result<(), Box<dyn Error>> {
    thread::scope(|scope| {
        let running: Vec<_> = holders
            .iter_mut()
            .map(|holder| {
                scope.spawn(move || holder.carry_out(order).map_err(|error| error.to_string()))
            })
            .collect();
        for thread in running {
            thread.join().expect("the thread panicked")?;
        }
        Ok(())
    })
}

fn total_resident(servers: &[Server]) -> Result<u64, Box<dyn Error>> {
    let usages = servers.iter().map(|server| Ok(server.usage()?.resident));
    usages
        .sum::<Result<u64, std::io::Error>>()
        .map_err(Into::into)
}
