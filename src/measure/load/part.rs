//! The part of a load that one thread of the generator has.

use super::clock::Nanos;
use super::plan::{Arrivals, LoadPlan, StopCondition};

/// Of the connections of a load, counted from 0, those with the numbers `index`, `index + count`, `index + 2 * count`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoadPart {
    index: usize,
    /// The number of parts, at least 1.
    count: usize,
}

impl LoadPart {
    /// The only part, which is the whole.
    pub(super) const WHOLE: Self = Self { index: 0, count: 1 };

    /// All parts of a load that is divided into `count`.
    pub(super) fn all(count: usize) -> impl Iterator<Item = Self> {
        (0..count).map(move |index| Self { index, count })
    }

    /// Its place among the parts.
    pub(super) fn index(self) -> usize {
        self.index
    }

    /// This part of the load in `plan`. Together, the parts have its connections, its messages and its rates exactly.
    #[expect(clippy::cast_precision_loss, reason = "a count of threads")]
    pub(super) fn of(self, plan: &LoadPlan) -> LoadPlan {
        let share = |rate: f64| rate / self.count as f64;
        LoadPlan {
            threads: 1,
            connections: plan.connections / self.count
                + usize::from(self.index < plan.connections % self.count),
            rate: plan.rate.map(share),
            connect_rate: plan.connect_rate.map(share),
            // Poisson processes that are independent add up to one.
            arrivals: match plan.arrivals {
                Arrivals::Fixed => Arrivals::Fixed,
                Arrivals::Poisson { seed } => Arrivals::Poisson {
                    seed: seed.wrapping_add(self.index as u64),
                },
            },
            stop_when: match plan.stop_when {
                StopCondition::Messages(messages) => {
                    let (index, count) = (self.index as u64, self.count as u64);
                    let share = messages / count + u64::from(index < messages % count);
                    StopCondition::Messages(share)
                }
                elapsed @ StopCondition::Elapsed(_) => elapsed,
            },
            ..plan.clone()
        }
    }

    /// When the schedule of this part begins, with `rate` times per second, if that of the first part begins at `start`: so
    /// that those of all parts together have equal intervals.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a fraction of an interval; saturates beyond the range"
    )]
    pub(super) fn start_of_schedule(self, start: Nanos, rate: f64) -> Nanos {
        let fraction = self.index as f64 / self.count as f64;
        start.saturating_add((fraction * 1e9 / rate) as u64)
    }

    /// The number, among those of all parts, of the connection that this part opens after `opened` others. The first is 1.
    pub(super) fn connection_number(self, opened: u64) -> u64 {
        opened * self.count as u64 + self.index as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::Schedule;
    use super::*;

    fn plan() -> LoadPlan {
        LoadPlan {
            connections: 8,
            stop_when: StopCondition::Messages(1000),
            ..LoadPlan::new(std::net::SocketAddr::from(([127, 0, 0, 1], 7)))
        }
    }

    #[test]
    fn the_parts_have_all_connections_and_messages_and_each_of_them_once() {
        let parts = || LoadPart::all(3).map(|part| (part, part.of(&plan())));
        let connections: Vec<usize> = parts().map(|(_, plan)| plan.connections).collect();
        assert_eq!(connections, [3, 3, 2]);
        let messages: Vec<_> = parts().map(|(_, plan)| plan.stop_when).collect();
        assert_eq!(messages, [334, 333, 333].map(StopCondition::Messages));
        let mut numbers: Vec<u64> = parts()
            .flat_map(|(part, plan)| {
                (0..plan.connections as u64).map(move |opened| part.connection_number(opened))
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(LoadPart::WHOLE.connection_number(4), 5);
    }

    #[test]
    fn the_fixed_schedules_of_the_parts_interleave() {
        let plan = LoadPlan {
            rate: Some(1000.0),
            ..plan()
        };
        let mut times: Vec<Nanos> = LoadPart::all(4)
            .flat_map(|part| {
                let rate = part.of(&plan).rate.unwrap();
                let start = part.start_of_schedule(5_000_000, rate);
                let mut schedule = Schedule::fixed(rate, start);
                std::iter::from_fn(move || schedule.take_due(14_999_999))
            })
            .collect();
        times.sort_unstable();
        let expected: Vec<Nanos> = (5..15).map(|millisecond| millisecond * 1_000_000).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn the_poisson_arrivals_of_the_parts_differ_and_a_seed_reproduces_them() {
        let seeds = |seed| -> Vec<Arrivals> {
            let arrivals = Arrivals::Poisson { seed };
            let plan = LoadPlan { arrivals, ..plan() };
            LoadPart::all(2)
                .map(|part| part.of(&plan).arrivals)
                .collect()
        };
        assert_eq!(seeds(7), seeds(7));
        assert_eq!(seeds(7)[0], Arrivals::Poisson { seed: 7 });
        assert_ne!(seeds(7)[0], seeds(7)[1]);
    }
}
