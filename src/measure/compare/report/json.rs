//! The comparison itself, from which all reports can be made again.

use crate::measure::compare::model::{Comparison, FORMAT};
use crate::text::one_line;
use serde::Deserialize;

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
/// The text is not a comparison, or one of another format. The error is one line of text.
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
    serde_json::from_str(text).map_err(malformed)
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
