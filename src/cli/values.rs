//! The values that several commands read: sizes, durations, counts, rates.

use bytesize::ByteSize;
use clap::ValueEnum;
use mio_echo::server::Mode;
use std::time::Duration;

/// A size in bytes, printed with its unit: `64KiB`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes(pub(super) usize);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // bytesize writes "64.0 KiB", and reads "64KiB" as well.
        let size = ByteSize(self.0 as u64).to_string();
        f.write_str(&size.replace(".0 ", "").replace(' ', ""))
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

/// A size from 1 byte to `largest`.
pub(super) fn size_up_to(largest: usize, text: &str) -> Result<Bytes, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "expected a size such as 4096, 64KiB or 1MiB".to_owned())?;
    match usize::try_from(size.0) {
        Ok(bytes) if (1..=largest).contains(&bytes) => Ok(Bytes(bytes)),
        _ => Err(format!("must be from 1 byte to {}", Bytes(largest))),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error} (as in 500ms, 10s, 5m)"))
}

pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() {
        return Err("must be longer than zero".to_owned());
    }
    Ok(duration)
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
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
        for text in ["1B", "4KiB", "256KiB", "1.5MiB"] {
            assert_eq!(size_up_to(usize::MAX, text).unwrap().to_string(), text);
        }
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
        fn a_size_that_is_written_reads_back_as_what_it_shows(bytes in 1..=1_usize << 40) {
            let text = Bytes(bytes).to_string();
            let again = size_up_to(usize::MAX, &text).unwrap();
            prop_assert_eq!(again.to_string(), text);
            prop_assert!(again.0.abs_diff(bytes) <= bytes / 20, "{} for {}", again, bytes);
        }
    }
}
