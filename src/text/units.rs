//! Numbers with three significant digits and a unit.

#![cfg_attr(
    not(feature = "measure"),
    allow(
        dead_code,
        reason = "the client and the trace need only some of these formats"
    )
)]

use std::time::Duration;

/// A unit: its size in the base unit, and its name.
type Unit = (f64, &'static str);

/// Seconds.
pub(crate) const TIME: &[Unit] = &[(1e-9, " ns"), (1e-6, " µs"), (1e-3, " ms"), (1.0, " s")];
/// Bytes.
pub(crate) const BYTES: &[Unit] = &[
    (1.0, " B"),
    (1024.0, " KiB"),
    (1_048_576.0, " MiB"),
    (1_073_741_824.0, " GiB"),
];
/// Bytes per second.
pub(crate) const BANDWIDTH: &[Unit] = &[
    (1.0, " B/s"),
    (1024.0, " KiB/s"),
    (1_048_576.0, " MiB/s"),
    (1_073_741_824.0, " GiB/s"),
];
/// Events per second.
pub(crate) const RATE: &[Unit] = &[(1.0, ""), (1e3, "k"), (1e6, "M")];
/// A share of 1.
pub(crate) const SHARE: &[Unit] = &[(1e-2, " %")];
/// A plain number.
pub(crate) const COUNT: &[Unit] = &[(1.0, "")];

/// `8.11 µs`.
pub(crate) fn value(value: f64, units: &[Unit]) -> String {
    let (size, name) = unit_for(value, units);
    format!("{}{name}", digits(value / size))
}

/// `7.90–8.32 µs`: both ends in the unit of the upper end. Ends that print alike are printed once.
pub(crate) fn range(low: f64, high: f64, units: &[Unit]) -> String {
    let (size, name) = unit_for(high, units);
    let (low, high) = (digits(low / size), digits(high / size));
    if low == high {
        format!("{high}{name}")
    } else {
        format!("{low}–{high}{name}")
    }
}

/// `1.19`: three significant digits, for a number without a unit.
pub(crate) fn digits(value: f64) -> String {
    let magnitude = value.abs();
    match magnitude {
        _ if magnitude == 0.0 => "0".to_owned(),
        _ if magnitude < 0.000_5 => "<0.001".to_owned(),
        _ if magnitude < 0.995 => format!("{value:.3}").trim_end_matches('0').to_owned(),
        _ if magnitude < 9.995 => format!("{value:.2}"),
        _ if magnitude < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// `0.98`: two decimals, for a ratio.
pub(crate) fn ratio(value: f64) -> String {
    if (0.1..9.995).contains(&value) {
        format!("{value:.2}")
    } else {
        digits(value)
    }
}

/// `10,000`: every digit, for an exact count.
pub(crate) fn count(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 connection`, `10,000 connections`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", self::count(count))
}

/// `64 B`, `4 KiB`: every digit, in the largest unit that needs no decimals.
pub(crate) fn size(bytes: usize) -> String {
    let whole = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = whole
        .iter()
        .find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size));
    match unit {
        Some((size, name)) => format!("{} {name}", bytes / size),
        None => format!("{} B", count(bytes)),
    }
}

/// `2.5 ms`: up to three decimals, for a round value such as a tick of an axis.
pub(crate) fn tick(value: f64, units: &[Unit]) -> String {
    let (size, name) = unit_for(value, units);
    format!("{}{name}", (value / size * 1e3).round() / 1e3)
}

/// The largest unit in which `value` is at least 1, or else the smallest unit.
pub(crate) fn unit_for(value: f64, units: &[Unit]) -> Unit {
    let fits = units
        .iter()
        .rev()
        .find(|(size, _)| value.abs() >= 0.999_5 * size);
    fits.or(units.first()).copied().unwrap_or((1.0, ""))
}

/// `duration` in whole nanoseconds; `u64::MAX` beyond 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits_and_a_fitting_unit() {
        for (got, expected) in [
            (value(8.114e-6, TIME), "8.11 µs"),
            (value(0.999_9e-3, TIME), "1.00 ms"),
            (value(105.2, BYTES), "105 B"),
            (value(14_134.0, BYTES), "13.8 KiB"),
            (value(142_310.0, RATE), "142k"),
            (value(0.0, BYTES), "0 B"),
            (value(0.43, COUNT), "0.43"),
            (value(50.0, COUNT), "50.0"),
            (range(310e-6, 1.2e-3, TIME), "0.31–1.20 ms"),
            (range(105.1, 105.2, BYTES), "105 B"),
            (ratio(0.6), "0.60"),
            (ratio(0.009_1), "0.009"),
            (ratio(135.2), "135"),
            (tick(2.5e-3, TIME), "2.5 ms"),
            (count(1_234_567), "1,234,567"),
            (count(999), "999"),
            (size(65_536), "64 KiB"),
            (size(1_500), "1,500 B"),
        ] {
            assert_eq!(got, expected);
        }
    }
}
