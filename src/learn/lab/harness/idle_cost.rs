//! What connections cost a server that is a process of its own, so that its memory and its context switches can be told
//! from those of the clients.

use super::echo_server::{MeasuredServer, connect, ping};
use std::io;
use std::time::{Duration, Instant};

/// Idle connections, in steps.
const FEW: usize = 1;
const SOME: usize = 100;
pub(crate) const MANY: usize = 5000;
/// Connections made before the server is waited for.
const BATCH: usize = 500;
/// Round trips of the busy connection, or as many as fit into [`LONG_ENOUGH`].
const ROUND_TRIPS: u32 = 10_000;
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// What idle connections cost a server.
#[derive(Debug)]
pub(crate) struct IdleCost {
    /// Bytes of memory for [`FEW`].
    pub(crate) few: usize,
    /// For [`SOME`].
    pub(crate) some: usize,
    /// For [`MANY`].
    pub(crate) many: usize,
    /// Threads with [`MANY`].
    pub(crate) threads: usize,
    /// Voluntary context switches while each of [`MANY`] sends one byte and receives it back.
    pub(crate) switches: usize,
}

impl IdleCost {
    pub(crate) fn measure(server: &MeasuredServer) -> io::Result<Self> {
        let before = server.usage()?.resident;
        let mut idle = Vec::new();
        let mut memory_for = |connections: usize| {
            while idle.len() < connections {
                let missing = connections - idle.len();
                let mut new = connect(server.address, missing.min(BATCH))?;
                // A byte that came back proves that the connection is being served.
                ping(&mut new)?;
                idle.extend(new);
            }
            server
                .usage()
                .map(|usage| whole(usage.resident.saturating_sub(before)))
        };
        let (few, some, many) = (memory_for(FEW)?, memory_for(SOME)?, memory_for(MANY)?);
        let full = server.usage()?;
        ping(&mut idle)?;
        Ok(Self {
            few,
            some,
            many,
            threads: whole(full.threads),
            switches: whole(server.usage()?.since(&full).voluntary_switches),
        })
    }
}

/// The server's CPU time per round trip of one byte, on its only connection.
pub(crate) fn round_trip_cost(server: &MeasuredServer) -> io::Result<Duration> {
    let mut connections = connect(server.address, 1)?;
    ping(&mut connections)?;
    let before = server.usage()?;
    let start = Instant::now();
    let mut round_trips = 0;
    while round_trips < ROUND_TRIPS && start.elapsed() < LONG_ENOUGH {
        ping(&mut connections)?;
        round_trips += 1;
    }
    Ok(server.usage()?.since(&before).cpu() / round_trips.max(1))
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
