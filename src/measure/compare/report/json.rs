//! The comparison itself, to be kept and reported again.

use super::super::model::{Comparison, FORMAT};
use serde::Deserialize;

/// The comparison as JSON, with a newline at its end.
///
/// # Errors
///
/// None that is known: every part of a comparison has a form in JSON.
pub fn json(comparison: &Comparison) -> Result<String, String> {
    let mut text = serde_json::to_string_pretty(comparison).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

/// What [`json`] wrote.
///
/// # Errors
///
/// The text is no comparison, or one of another format; in one line.
pub fn from_json(text: &str) -> Result<Comparison, String> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let no_comparison = |error| format!("this is no comparison: {error}");
    let head: Head = serde_json::from_str(text).map_err(no_comparison)?;
    if head.format != FORMAT {
        return Err(format!(
            "this comparison has format {}, this program reads format {FORMAT}",
            head.format
        ));
    }
    serde_json::from_str(text).map_err(no_comparison)
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn a_kept_comparison_is_read_as_it_was() {
        let comparison = example::comparison();
        let text = json(&comparison).unwrap();
        assert_eq!(from_json(&text), Ok(comparison));
    }

    #[test]
    fn another_format_is_named_rather_than_guessed_at() {
        let said = from_json(r#"{"format": 99, "whatever": []}"#).unwrap_err();
        assert!(said.contains("format 99"), "{said}");
        let said = from_json("[]").unwrap_err();
        assert!(said.starts_with("this is no comparison"), "{said}");
    }
}
