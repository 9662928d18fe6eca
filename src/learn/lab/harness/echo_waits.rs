//! How long connections waited for their echo behind a flood, from the trace.

use super::vocabulary::{Event, Lane, Record};
use std::time::Duration;

/// How long one of the other connections waited for its echo.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EchoWait {
    /// Bytes that were echoed to the flooder first.
    pub(crate) flood: usize,
    /// Time since the server woke.
    pub(crate) time: Duration,
}

/// The waits of one round, from what the server did in it. The flood is connection 1.
pub(crate) fn waits_in(round: &[Record]) -> Vec<EchoWait> {
    let woke = round.first().map_or(0, |record| record.at);
    let mut flood = 0;
    let mut waits = Vec::new();
    for record in round {
        match (record.lane, &record.event) {
            (Lane::Connection(1), Event::Wrote { bytes, .. }) => flood += bytes,
            (Lane::Connection(_), Event::Wrote { .. }) => waits.push(EchoWait {
                flood,
                time: Duration::from_nanos(record.at - woke),
            }),
            _ => {}
        }
    }
    waits
}

/// The nearest-rank percentile of waits in the order of time.
pub(crate) fn nearest_rank(sorted: &[EchoWait], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(Duration::ZERO, |wait| wait.time)
}
