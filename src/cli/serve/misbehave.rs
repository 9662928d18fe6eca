//! `mio-echo serve --delay …`: the faults that the server injects.

use crate::cli::logger::TARGET;
use crate::cli::values::{duration, number_in, size};
use clap::Args;
use mio_echo::rng::random_seed;
use mio_echo::server::{Delay, Misbehaviour, MisbehaviourCounts, WithProbability};
use std::fmt::{self, Display};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

const HEADING: &str =
    "Fault injection (each applies to a connection with probability P, by default 1)";

#[derive(Debug, Args)]
pub(super) struct MisbehaveArguments {
    #[command(flatten)]
    faults: FaultArguments,

    /// Repeat the random decisions of an earlier run, whose seed the log shows at start
    #[arg(long, value_name = "SEED", value_parser = seed, requires = "faults", help_heading = HEADING)]
    seed: Option<u64>,
}

#[derive(Debug, Args)]
#[group(id = "faults", multiple = true)]
struct FaultArguments {
    /// Send each byte this much later, as in 20ms or 20ms±5ms (20ms+-5ms)
    #[arg(long, value_name = "TIME[±JITTER][,p=P]", value_parser = delay, help_heading = HEADING)]
    delay: Option<Setting<Delay>>,

    /// Send in writes of this many bytes, at random, as in 1..7; or always of one size, as in 1
    #[arg(long, value_name = "MIN..MAX[,p=P]", value_parser = chunk, help_heading = HEADING)]
    chunk: Option<Setting<RangeInclusive<usize>>>,

    /// Send at most this much per second, as in 64KiB/s
    #[arg(long, value_name = "RATE[,p=P]", value_parser = throttle, help_heading = HEADING)]
    throttle: Option<Setting<NonZeroU64>>,

    /// Echo this much, then send FIN, and discard what arrives until the peer's
    #[arg(long, value_name = "SIZE[,p=P]", value_parser = after, help_heading = HEADING)]
    close_after: Option<Setting<u64>>,

    /// Echo this much, then send RST. A Unix socket has none: it is closed, and the peer reads ECONNRESET if the
    /// server has not read all that it sent, else the end
    #[arg(long, value_name = "SIZE[,p=P]", value_parser = after, help_heading = HEADING)]
    reset_after: Option<Setting<u64>>,

    /// Echo this much, then neither read nor write, but stay open until the idle timeout or a stop
    #[arg(long, value_name = "SIZE[,p=P]", value_parser = after, help_heading = HEADING)]
    stall_after: Option<Setting<u64>>,

    /// Change every Nth byte of a connection
    #[arg(long, value_name = "N[,p=P]", value_parser = every, help_heading = HEADING)]
    corrupt_every: Option<Setting<NonZeroU64>>,
}

/// A setting as it was read, and its text.
#[derive(Debug, Clone)]
struct Setting<T> {
    text: String,
    parsed: WithProbability<T>,
}

impl MisbehaveArguments {
    /// What is asked for, if anything is. Without `--seed` the seed is random.
    pub(super) fn misbehaviour(&self) -> Option<Misbehaviour> {
        let faults = &self.faults;
        if faults.to_string().is_empty() {
            return None;
        }
        Some(Misbehaviour {
            seed: self.seed.unwrap_or_else(random_seed),
            delay: parsed(faults.delay.as_ref()),
            chunk: parsed(faults.chunk.as_ref()),
            throttle: parsed(faults.throttle.as_ref()),
            corrupt_every: parsed(faults.corrupt_every.as_ref()),
            close_after: parsed(faults.close_after.as_ref()),
            reset_after: parsed(faults.reset_after.as_ref()),
            stall_after: parsed(faults.stall_after.as_ref()),
            counts: MisbehaviourCounts::default(),
        })
    }

    /// Warns that this is no ordinary server, and how to have the same one again.
    pub(super) fn warn(&self, misbehaviour: &Misbehaviour) {
        let Misbehaviour { seed, .. } = misbehaviour;
        log::warn!(target: TARGET, "injecting faults:{}; --seed {seed} repeats them", self.faults);
        if let Some(Setting { text, .. }) = &self.faults.corrupt_every {
            log::warn!(target: TARGET, "CORRUPTS DATA: --corrupt-every {text}");
        }
    }
}

/// The options that were given, each after a space.
impl Display for FaultArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "delay", self.delay.as_ref())?;
        show(f, "chunk", self.chunk.as_ref())?;
        show(f, "throttle", self.throttle.as_ref())?;
        show(f, "close-after", self.close_after.as_ref())?;
        show(f, "reset-after", self.reset_after.as_ref())?;
        show(f, "stall-after", self.stall_after.as_ref())?;
        show(f, "corrupt-every", self.corrupt_every.as_ref())
    }
}

fn show<T>(f: &mut fmt::Formatter<'_>, option: &str, setting: Option<&Setting<T>>) -> fmt::Result {
    match setting {
        None => Ok(()),
        Some(Setting { text, .. }) => write!(f, " --{option} {text}"),
    }
}

fn parsed<T: Clone>(setting: Option<&Setting<T>>) -> Option<WithProbability<T>> {
    setting.map(|setting| setting.parsed.clone())
}

/// A value that `parse` accepts, with `,p=P` behind it or not.
fn setting<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Setting<T>, String> {
    let (value, probability) = match text.split_once(',') {
        None => (text, 1.0),
        Some((value, behind)) => (value, probability(behind)?),
    };
    let value = parse(value)?;
    Ok(Setting {
        text: text.to_owned(),
        parsed: WithProbability { value, probability },
    })
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.strip_prefix("p=").map(str::parse);
    match number {
        Some(Ok(probability)) if probability > 0.0 && probability <= 1.0 => Ok(probability),
        Some(Ok(_)) => Err("the probability must be above 0 and at most 1".to_owned()),
        Some(Err(_)) | None => {
            Err("expected a probability behind the comma, as in p=0.1".to_owned())
        }
    }
}

fn delay(text: &str) -> Result<Setting<Delay>, String> {
    setting(text, |text| {
        let parts = text.split_once('±').or_else(|| text.split_once("+-"));
        let (mean, jitter) = match parts {
            None => (duration(text)?, Duration::ZERO),
            Some((mean, jitter)) => (duration(mean)?, duration(jitter)?),
        };
        if jitter > mean {
            return Err("the jitter must not be longer than the delay".to_owned());
        }
        Ok(Delay { mean, jitter })
    })
}

fn chunk(text: &str) -> Result<Setting<RangeInclusive<usize>>, String> {
    setting(text, |text| {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let [least, most] = [size(least)?, size(most)?];
        if least == 0 || most < least {
            return Err("expected a range of sizes from 1 byte on, as in 1..7".to_owned());
        }
        let bytes = |size| usize::try_from(size).unwrap_or(usize::MAX);
        Ok(bytes(least)..=bytes(most))
    })
}

fn throttle(text: &str) -> Result<Setting<NonZeroU64>, String> {
    setting(text, |text| {
        let rate = size(text.strip_suffix("/s").unwrap_or(text))
            .map_err(|_| "expected a rate such as 1000/s or 64KiB/s".to_owned())?;
        NonZeroU64::new(rate).ok_or_else(|| "must be at least 1 byte per second".to_owned())
    })
}

fn after(text: &str) -> Result<Setting<u64>, String> {
    setting(text, size)
}

fn every(text: &str) -> Result<Setting<NonZeroU64>, String> {
    setting(text, |text| {
        let number = number_in(1..=u64::MAX, text)?;
        NonZeroU64::new(number).ok_or_else(|| "must be at least 1".to_owned())
    })
}

fn seed(text: &str) -> Result<u64, String> {
    number_in(0..=u64::MAX, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_delay_is_read_with_its_jitter_and_probability_however_it_is_written() {
        let millis = Duration::from_millis;
        for (text, mean, jitter, probability) in [
            ("20ms", 20, 0, 1.0),
            ("20ms±5ms", 20, 5, 1.0),
            ("20ms+-5ms,p=0.25", 20, 5, 0.25),
            ("1s±1s,p=1", 1000, 1000, 1.0),
        ] {
            let expected = WithProbability {
                value: Delay {
                    mean: millis(mean),
                    jitter: millis(jitter),
                },
                probability,
            };
            assert_eq!(delay(text).unwrap().parsed, expected, "{text}");
        }
    }

    #[test]
    fn sizes_and_rates_are_read_as_people_write_them() {
        assert_eq!(chunk("1..7").unwrap().parsed.value, 1..=7);
        assert_eq!(chunk("4,p=0.5").unwrap().parsed.value, 4..=4);
        assert_eq!(throttle("64KiB/s").unwrap().parsed.value.get(), 65_536);
        assert_eq!(throttle("1000").unwrap().parsed.value.get(), 1000);
        assert_eq!(after("0").unwrap().parsed.value, 0);
        assert_eq!(after("4KiB,p=0.1").unwrap().parsed.value, 4096);
    }

    proptest! {
        #[test]
        fn any_text_is_a_setting_or_an_error_of_one_line(
            text in prop_oneof![
                any::<String>(),
                "[0-9]{0,20}(ms|s|KiB|B)?(\\.\\.|±|\\+-|/s)?[0-9]{0,20}(ms|s|KiB)?(,p=[-0-9.eNa]{0,5})?",
            ],
        ) {
            let errors = [
                delay(&text).err(),
                chunk(&text).err(),
                throttle(&text).err(),
                after(&text).err(),
                every(&text).err(),
                seed(&text).err(),
            ];
            for error in errors.into_iter().flatten() {
                prop_assert!(!error.contains('\n'), "{}", error);
            }
        }
    }
}
