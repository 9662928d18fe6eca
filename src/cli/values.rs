//! The values that several commands read: sizes, durations, counts, rates.

use bytesize::ByteSize;
use clap::ValueEnum;
#[cfg(feature = "measure")]
use mio_echo::measure::bench::WarmUpLength;
#[cfg(feature = "measure")]
use mio_echo::measure::load::Arrivals;
use mio_echo::server::Mode;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A size in bytes, printed with the largest unit that it is a multiple of: `64KiB`, `1000B`.
///
/// Nothing is rounded: clap prints a default value and reads it back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes(pub(super) usize);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (unit, bytes) = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            .into_iter()
            .find(|&(_, bytes)| self.0.is_multiple_of(bytes))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

/// [`Mode`], as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ModeName {
    /// One thread serves all connections, driven by readiness
    EventLoop,
    /// One blocking thread per connection, for contrast
    Threads,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::EventLoop => Self::EventLoop,
            ModeName::Threads => Self::Threads,
        }
    }
}

/// A number of bytes; 0 is one.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "expected a size such as 4096, 64KiB or 1MiB".to_owned())?;
    Ok(size.0)
}

/// A size from 1 byte to `largest`.
pub(super) fn size_up_to(largest: usize, text: &str) -> Result<Bytes, String> {
    match usize::try_from(size(text)?) {
        Ok(bytes) if (1..=largest).contains(&bytes) => Ok(Bytes(bytes)),
        _ => Err(format!("must be from 1 byte to {}", Bytes(largest))),
    }
}

/// A time limit that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timeout {
    /// Written `never`, `off` or `none`.
    Never,
    After(Duration),
}

impl Timeout {
    /// `None` if it is switched off.
    pub(super) fn duration(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::After(duration) => Some(duration),
        }
    }
}

/// A time that `parse` accepts, or a word that switches the limit off.
pub(super) fn time_limit(
    text: &str,
    parse: fn(&str) -> Result<Duration, String>,
) -> Result<Timeout, String> {
    match text {
        "never" | "off" | "none" => Ok(Timeout::Never),
        _ => match parse(text) {
            Ok(duration) => Ok(Timeout::After(duration)),
            Err(error) => Err(format!("{error}, or `never`")),
        },
    }
}

/// Longer than any use of this program; an [`Instant`](std::time::Instant) can be that far in the future on every
/// system.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) | Err(humantime::DurationError::NumberOverflow) => Err("is too long".to_owned()),
        Err(_) if is_number(text) => Err(format!("the unit is missing, as in {text}s or {text}ms")),
        Err(_) => Err("expected a time such as 500ms, 10s or 5m".to_owned()),
    }
}

/// [`Arrivals`], as an argument.
#[cfg(feature = "measure")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ArrivalsName {
    /// At equal intervals
    Fixed,
    /// At random, independently of each other: a Poisson process
    Poisson,
}

#[cfg(feature = "measure")]
impl ArrivalsName {
    /// The arrivals; `seed` reproduces those that are random.
    pub(super) fn with_seed(self, seed: u64) -> Arrivals {
        match self {
            Self::Fixed => Arrivals::Fixed,
            Self::Poisson => Arrivals::Poisson { seed },
        }
    }
}

/// `auto`, or a time that `parse` accepts.
#[cfg(feature = "measure")]
pub(super) fn warm_up_length(
    text: &str,
    parse: fn(&str) -> Result<Duration, String>,
) -> Result<WarmUpLength, String> {
    match text {
        "auto" => Ok(WarmUpLength::UntilWarm),
        _ => parse(text).map(WarmUpLength::Fixed),
    }
}

pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() {
        return Err("must be longer than zero".to_owned());
    }
    Ok(duration)
}

/// A whole number in `range`.
pub(super) fn number_in<N>(range: RangeInclusive<N>, text: &str) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    if !is_number(text) {
        return Err("expected a whole number".to_owned());
    }
    let (least, most) = (range.start(), range.end());
    match text.parse() {
        Ok(number) if number < *least => Err(format!("must be at least {least}")),
        Ok(number) if number <= *most => Ok(number),
        // Digits fail to parse if they are too many.
        Ok(_) | Err(_) => Err(format!("must be at most {most}")),
    }
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    number_in(1..=usize::MAX, text)
}

/// The id of a process.
#[cfg(feature = "measure")]
pub(super) fn process_id(text: &str) -> Result<u32, String> {
    number_in(1..=i32::MAX.unsigned_abs(), text)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Messages or connections per second: more than any machine can do.
#[cfg(feature = "measure")]
const LARGEST_RATE: f64 = 1e8;

#[cfg(feature = "measure")]
pub(super) fn positive_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= LARGEST_RATE => Ok(rate),
        Ok(_) => Err(format!("must be above 0 and at most {LARGEST_RATE}")),
        Err(_) => Err("expected a number, as in 1000 or 0.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_written_as_they_are_read() {
        for text in ["1B", "1000B", "4KiB", "256KiB", "1025KiB", "2048GiB"] {
            assert_eq!(size_up_to(usize::MAX, text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_invalid_value_is_rejected_in_words_that_help() {
        let whole = |text| number_in(1..=9_u16, text).unwrap_err();
        for text in ["", "-1", "+1", "1.5", "x", "0x1", " 1"] {
            assert_eq!(whole(text), "expected a whole number", "{text:?}");
        }
        assert_eq!(whole("0"), "must be at least 1");
        for text in ["10", "65536", "99999999999999999999999"] {
            assert_eq!(whole(text), "must be at most 9", "{text}");
        }
        for (text, reason) in [
            ("10", "the unit is missing, as in 10s or 10ms"),
            ("", "expected a time"),
            ("soon", "expected a time"),
            ("10x", "expected a time"),
            ("1000years", "too long"),
            ("99999999999999999999s", "too long"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn three_words_switch_a_time_limit_off() {
        for text in ["never", "off", "none"] {
            assert_eq!(time_limit(text, duration), Ok(Timeout::Never));
        }
        let second = Timeout::After(Duration::from_secs(1));
        assert_eq!(time_limit("1s", duration), Ok(second));
        let error = time_limit("0s", positive_duration).unwrap_err();
        assert_eq!(error, "must be longer than zero, or `never`");
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_an_error_of_one_line(
            text in prop_oneof![any::<String>(), "-?[0-9]{0,25}[.]?[0-9]{0,3} ?[a-zA-Z]{0,5}\n?"],
        ) {
            let errors = [
                size_up_to(1 << 20, &text).err(),
                duration(&text).err(),
                positive_duration(&text).err(),
                at_least_one(&text).err(),
                number_in(0..=u16::MAX, &text).err(),
                time_limit(&text, duration).err(),
            ];
            for error in errors.into_iter().flatten() {
                prop_assert!(!error.contains('\n'), "{}", error);
            }
        }

        #[cfg(feature = "measure")]
        #[test]
        fn any_text_is_a_rate_within_bounds_or_an_error_of_one_line(text in "[-+0-9.eEinfa]{0,12}\n?") {
            match positive_rate(&text) {
                Ok(rate) => prop_assert!(rate > 0.0 && rate <= LARGEST_RATE),
                Err(error) => prop_assert!(!error.contains('\n'), "{}", error),
            }
        }

        #[test]
        fn a_size_that_is_written_reads_back_as_the_same_size(
            number in 1_usize..=1 << 20,
            power_of_two in 0..=32_u32,
        ) {
            let bytes = number << power_of_two;
            let again = size_up_to(usize::MAX, &Bytes(bytes).to_string()).unwrap();
            prop_assert_eq!(again.0, bytes);
        }
    }
}
