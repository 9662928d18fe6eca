//! The comparison itself, from which all reports can be made again.

use crate::measure::compare::model::{Comparison, FORMAT, Role};
use crate::text::one_line;
use serde::Deserialize;

/// A larger margin would call everything the same.
pub const LARGEST_MARGIN: f64 = 1.0;

/// The comparison as JSON, with a newline at its end.
///
/// # Errors
///
/// `serde_json` cannot represent it, of which no case is known.
pub fn json(comparison: &Comparison) -> Result<String, String> {
    let mut text = serde_json::to_string_pretty(comparison).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

/// Reads what [`json`] wrote.
///
/// # Errors
///
/// The text is not a comparison, one of another format, or one that contradicts itself. The error is one line of text.
pub fn from_json(text: &str) -> Result<Comparison, String> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let malformed = |error: serde_json::Error| {
        let error = error.to_string();
        format!("not a comparison: {}", one_line::escaped(&error))
    };
    let head: Head = serde_json::from_str(text).map_err(malformed)?;
    if head.format != FORMAT {
        return Err(format!(
            "this comparison has format {}, but this program reads format {FORMAT}",
            head.format
        ));
    }
    let comparison: Comparison = serde_json::from_str(text).map_err(malformed)?;
    match contradiction(&comparison) {
        Some(contradiction) => Err(format!("not a comparison: {contradiction}")),
        None => Ok(comparison),
    }
}

/// What cannot be in a comparison that this program has written.
fn contradiction(comparison: &Comparison) -> Option<&'static str> {
    let contenders = &comparison.contenders;
    let has_role = |role| contenders.iter().filter(|it| it.role == role).count();
    let is_share = |share: &f64| (0.0..=1.0).contains(share);
    let mut measurements = comparison
        .scenarios
        .iter()
        .flat_map(|results| &results.measurements);
    let mut syscalls = comparison
        .scenarios
        .iter()
        .flat_map(|results| &results.syscalls);
    let mut scenarios = comparison.scenarios.iter().map(|results| results.scenario);
    let wrong = [
        (has_role(Role::Baseline) != 1, "it needs one baseline"),
        (has_role(Role::Again) > 1, "it has two second baselines"),
        (
            !(comparison.margin > 0.0 && comparison.margin <= LARGEST_MARGIN),
            "its margin is not a share",
        ),
        (
            comparison.connect_rate.is_some_and(|rate| rate <= 0.0),
            "its connect rate is not positive",
        ),
        (comparison.threads == 0, "its generator has no threads"),
        (
            measurements
                .clone()
                .any(|one| one.contender >= contenders.len())
                || syscalls.any(|one| one.contender >= contenders.len()),
            "a measurement has no contender",
        ),
        (
            measurements.any(|one| one.stolen_share.is_some_and(|share| !is_share(&share))),
            "a share of stolen time is not a share",
        ),
        (
            scenarios.any(|it| it.connections == 0 || it.size == 0 || it.depth == 0),
            "a scenario has no connections or no messages",
        ),
    ];
    let mut wrong = wrong.into_iter();
    wrong.find_map(|(is_wrong, what)| is_wrong.then_some(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;
    use crate::measure::compare::report;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn a_saved_comparison_is_read_as_it_was() {
        let comparison = example::comparison();
        let text = json(&comparison).unwrap();
        assert_eq!(from_json(&text), Ok(comparison));
    }

    #[test]
    fn another_format_is_an_error_that_names_it() {
        let error = from_json(r#"{"format": 99, "whatever": []}"#).unwrap_err();
        assert!(error.contains("format 99"), "{error}");
        let error = from_json("[]").unwrap_err();
        assert!(error.starts_with("not a comparison"), "{error}");
        let mut hostile = serde_json::to_value(example::comparison()).unwrap();
        hostile["pinning"] = "two\nlines".into();
        let error = from_json(&hostile.to_string()).unwrap_err();
        assert!(error.contains(r"two\nlines"), "{error}");
    }

    #[test]
    fn contradictions_are_errors_that_name_them() {
        type Change = fn(&mut Comparison);
        let cases: [(Change, &str); 6] = [
            (|it| it.contenders.clear(), "one baseline"),
            (|it| it.contenders[1].role = Role::Again, "second baselines"),
            (|it| it.margin = -0.05, "margin"),
            (
                |it| it.scenarios[0].measurements[0].contender = 99,
                "no contender",
            ),
            (
                |it| it.scenarios[0].measurements[0].stolen_share = Some(-1.0),
                "stolen time",
            ),
            (|it| it.scenarios[0].scenario.depth = 0, "no messages"),
        ];
        for (change, words) in cases {
            let mut comparison = example::comparison();
            change(&mut comparison);
            let error = from_json(&json(&comparison).unwrap()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    /// All reports of a comparison that is read; anything else is an error of one line.
    fn survives(text: &str) -> Result<(), TestCaseError> {
        let comparison = match from_json(text) {
            Ok(comparison) => comparison,
            Err(error) => {
                prop_assert!(!error.contains('\n'), "{}", error);
                return Ok(());
            }
        };
        report::terminal(&comparison);
        report::html(&comparison);
        report::svg(&comparison);
        report::markdown(&comparison);
        report::csv(&comparison);
        let written = json(&comparison).unwrap();
        prop_assert_eq!(from_json(&written), Ok(comparison));
        Ok(())
    }

    /// The numbers of a comparison, in the order of the text.
    fn numbers(value: &mut Value) -> Vec<&mut Value> {
        match value {
            Value::Number(_) => vec![value],
            Value::Array(values) => values.iter_mut().flat_map(numbers).collect(),
            Value::Object(fields) => fields.values_mut().flat_map(numbers).collect(),
            Value::Null | Value::Bool(_) | Value::String(_) => Vec::new(),
        }
    }

    #[test]
    fn a_comparison_of_the_largest_numbers_is_reported_or_refused() {
        let example = serde_json::to_value(example::comparison()).unwrap();
        for large in [u64::MAX, u64::MAX / 2 + 1, 0] {
            let mut hostile = example.clone();
            hostile["format"] = FORMAT.into();
            for number in numbers(&mut hostile) {
                if number.as_u64().is_some_and(|number| number > 100) {
                    *number = large.into();
                }
            }
            survives(&hostile.to_string()).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_comparison_with_any_numbers_is_reported_or_refused(
            changes in prop::collection::vec(
                (any::<prop::sample::Index>(), prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0..5_u64]),
                1..6,
            ),
        ) {
            let mut hostile = serde_json::to_value(example::comparison()).unwrap();
            let mut numbers = numbers(&mut hostile);
            for (at, value) in changes {
                let at = at.index(numbers.len());
                *numbers[at] = value.into();
            }
            survives(&hostile.to_string())?;
        }

        #[test]
        fn any_text_is_no_comparison_in_one_line(text in any::<String>()) {
            survives(&text)?;
        }
    }
}
