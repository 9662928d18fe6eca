//! The comparison itself, from which all reports can be made again.

use crate::measure::compare::model::{Comparison, FORMAT};
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
    let malformed = |error| format!("not a comparison: {error}");
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
    }
}
