//! The values that only `compare` reads.

use crate::cli::values::{
    Bytes, duration, number_in, positive_duration, size_up_to, warm_up_length,
};
use clap::ValueEnum;
use mio_echo::measure::bench::WarmUpLength;
use mio_echo::measure::compare::ScenarioPattern;
use mio_echo::measure::compare::report::LARGEST_MARGIN;
use std::time::Duration;

/// The largest message. Every connection holds one.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// The most messages in flight on a connection.
const LARGEST_DEPTH: usize = 1 << 16;

/// Messages per second: more than any machine can do.
const LARGEST_RATE: u64 = 100_000_000;

/// The longest measurement.
const LONGEST: Duration = Duration::from_hours(24);

/// How many messages per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RateArgument {
    /// As many as each contender echoes.
    Max,
    /// Half of what the slowest reaches.
    Half,
    /// This many.
    Fixed(u64),
}

/// [`ScenarioPattern`], as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ScenarioPatternName {
    /// Round trips over connections that stay open
    Echo,
    /// Connect, one round trip, close; repeatedly
    Churn,
    /// Connections that stay open without traffic: what do they cost?
    Idle,
    /// Round trips of large messages, for the bytes per second
    Stream,
    /// Paced connections beside one that floods and one that never reads
    Fairness,
}

impl From<ScenarioPatternName> for ScenarioPattern {
    fn from(name: ScenarioPatternName) -> Self {
        match name {
            ScenarioPatternName::Echo => Self::Echo,
            ScenarioPatternName::Churn => Self::Churn,
            ScenarioPatternName::Idle => Self::Idle,
            ScenarioPatternName::Stream => Self::Stream,
            ScenarioPatternName::Fairness => Self::Fairness,
        }
    }
}

pub(super) fn message_size(text: &str) -> Result<Bytes, String> {
    size_up_to(LARGEST_MESSAGE, text)
}

pub(super) fn depth(text: &str) -> Result<usize, String> {
    number_in(1..=LARGEST_DEPTH, text)
}

pub(super) fn rounds(text: &str) -> Result<u32, String> {
    number_in(1..=1000, text)
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    number_in(0..=u64::MAX, text)
}

/// A whole number of messages per second, `max` or `half`.
pub(super) fn rate(text: &str) -> Result<RateArgument, String> {
    match text {
        "max" => Ok(RateArgument::Max),
        "half" => Ok(RateArgument::Half),
        number => match number.parse() {
            Ok(0) => Err("must be at least 1".to_owned()),
            Ok(rate) if rate <= LARGEST_RATE => Ok(RateArgument::Fixed(rate)),
            Ok(_) => Err(format!("must be at most {LARGEST_RATE}")),
            Err(_) => Err("expected a whole number, max or half".to_owned()),
        },
    }
}

pub(super) fn measuring_time(text: &str) -> Result<Duration, String> {
    positive_duration(text).and_then(up_to_longest)
}

pub(super) fn warm_up(text: &str) -> Result<WarmUpLength, String> {
    warm_up_length(text, |text| duration(text).and_then(up_to_longest))
}

fn up_to_longest(duration: Duration) -> Result<Duration, String> {
    if duration > LONGEST {
        let longest = humantime::format_duration(LONGEST);
        return Err(format!("must be at most {longest}"));
    }
    Ok(duration)
}

/// `2%`, `±2%` or `0.02`.
pub(super) fn until(text: &str) -> Result<f64, String> {
    margin(text.strip_prefix('±').unwrap_or(text))
}

/// `5%` or `0.05`.
pub(super) fn margin(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number / unit <= LARGEST_MARGIN => Ok(number / unit),
        Ok(_) => Err("must be above 0 and at most 100%".to_owned()),
        Err(_) => Err("expected a share, as in 5% or 0.05".to_owned()),
    }
}
