//! What follows a scenario in which the contenders were saturated: the same at rates that they can hold.

use super::measure::Stopped;
use super::observer::ProgressObserver;
use super::rates;
use super::runner::Runner;
use crate::measure::bench::{MIN_RATE_SHARE, Threshold, ThresholdStatus, float};
use crate::measure::compare::model::{
    Comparison, HighestRate, Measurement, RateAttempt, Role, ScenarioResults,
};
use crate::measure::compare::plan::FollowUp;
use crate::measure::compare::scenario::{OfferedLoad, Scenario};

impl<O: ProgressObserver> Runner<'_, O> {
    /// Measures `scenario` and adds it to `comparison`, as far as it comes.
    pub(super) fn add(
        &mut self,
        scenario: Scenario,
        comparison: &mut Comparison,
    ) -> Result<(), Stopped> {
        let mut results = ScenarioResults::new(scenario);
        let finished = self.scenario(&mut results);
        comparison.scenarios.push(results);
        finished?;
        self.observer.scenario_done(comparison);
        Ok(())
    }

    /// Measures what follows the last scenario of `comparison`, if the contenders were saturated in it.
    pub(super) fn follow_up(&mut self, comparison: &mut Comparison) -> Result<(), Stopped> {
        let Some(results) = comparison.scenarios.last_mut() else {
            return Ok(());
        };
        let scenario = results.scenario;
        if !scenario.is_saturated() {
            return Ok(());
        }
        match &self.plan.follow_up {
            FollowUp::Nothing => Ok(()),
            FollowUp::CommonRate => match self.common_rate(results)? {
                Some(load) => self.add(Scenario { load, ..scenario }, comparison),
                None => Ok(()),
            },
            FollowUp::Sweep => {
                let reached = rates::reached(results, self.participants.len());
                let mut loads = rates::sweep(&reached).into_iter().map(OfferedLoad::Rate);
                loads.try_for_each(|load| self.add(Scenario { load, ..scenario }, comparison))
            }
            FollowUp::FindRate(condition) => {
                for contender in 0..self.participants.len() {
                    let found = self.highest_rate(contender, results, condition)?;
                    results.highest_rates.extend(found);
                }
                self.observer.scenario_done(comparison);
                Ok(())
            }
        }
    }

    /// A rate that every contender holds: half of what the slowest one reached, halved again while one of them does not.
    fn common_rate(&mut self, saturated: &ScenarioResults) -> Result<Option<OfferedLoad>, Stopped> {
        let mut known = self.plan.common_rates.iter();
        if let Some(known) = known.find(|it| it.has_same_matrix(&saturated.scenario)) {
            return Ok(Some(known.load));
        }
        let reached = rates::reached(saturated, self.participants.len());
        let Some(mut rate) = rates::half_of_slowest(&reached) else {
            return Ok(None);
        };
        for _ in 0..rates::MAX_HALVINGS {
            if rate <= 1 || self.do_all_hold(rate, saturated)? {
                break;
            }
            rate = rates::rounded(float(rate) / 2.0);
        }
        Ok(Some(OfferedLoad::CommonRate(rate)))
    }

    fn do_all_hold(&mut self, rate: u64, saturated: &ScenarioResults) -> Result<bool, Stopped> {
        let load = OfferedLoad::CommonRate(rate);
        for (contender, participant) in self.participants.iter().enumerate() {
            let is_asked = participant.contender.role != Role::Again;
            if !is_asked || saturated.failure_of(contender).is_some() {
                continue;
            }
            let mut probe = ScenarioResults::new(Scenario {
                load,
                ..saturated.scenario
            });
            let (measurement, _) = self.measure(contender, &probe.scenario, 0)?;
            probe.measurements.push(measurement);
            let has_failed = probe.failure_of(contender).is_some();
            if has_failed || probe.rate_missed_by(contender).is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Searches for the highest rate at which `contender` meets `condition`, up to what it reached at saturation; `None`
    /// if it failed there.
    fn highest_rate(
        &mut self,
        contender: usize,
        saturated: &ScenarioResults,
        condition: &Threshold,
    ) -> Result<Option<HighestRate>, Stopped> {
        let reached = rates::reached_by(saturated, contender);
        let Some(most) = reached.filter(|_| saturated.failure_of(contender).is_none()) else {
            return Ok(None);
        };
        let mut search = rates::Bisection::up_to(rates::rounded(most));
        let mut attempts = Vec::new();
        while let Some(rate) = search.next() {
            let mut held = Vec::new();
            let is_held = loop {
                let load = OfferedLoad::Rate(rate);
                let scenario = Scenario {
                    load,
                    ..saturated.scenario
                };
                let (measurement, _) = self.measure(contender, &scenario, 0)?;
                let is_held = is_held(&measurement, rate, condition);
                held.push(is_held);
                attempts.push(RateAttempt {
                    rate,
                    is_held,
                    status: measurement.status,
                });
                if let Some(majority) = rates::majority(&held) {
                    break majority;
                }
            };
            search.note(rate, is_held);
        }
        Ok(Some(HighestRate {
            contender,
            held: search.held,
            missed: search.missed,
            attempts,
        }))
    }
}

/// Whether a contender met `condition` at `rate`, and echoed all messages due in time: over UDP too, a lost datagram is none.
fn is_held(measurement: &Measurement, rate: u64, condition: &Threshold) -> bool {
    measurement.values().is_some_and(|values| {
        let share = values.messages_per_second() / float(rate);
        let is_met = matches!(condition.check(values), ThresholdStatus::Crossed(_));
        share >= MIN_RATE_SHARE && is_met
    })
}
