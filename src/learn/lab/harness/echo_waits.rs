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
    let woke = woke_at(round);
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

/// How long the first echo of a round took, from when the server woke.
pub(crate) fn first_wait(round: &[Record]) -> Duration {
    let mut records = round.iter();
    let echo = records.find(|record| matches!(record.event, Event::Wrote { .. }));
    let at = echo.map_or(0, |echo| echo.at);
    Duration::from_nanos(at.saturating_sub(woke_at(round)))
}

fn woke_at(round: &[Record]) -> u64 {
    let mut records = round.iter();
    let woke = records.find(|record| matches!(record.event, Event::Woke { .. }));
    woke.map_or(0, |woke| woke.at)
}

/// The nearest-rank percentile of waits in the order of time.
pub(crate) fn nearest_rank(sorted: &[EchoWait], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(Duration::ZERO, |wait| wait.time)
}
