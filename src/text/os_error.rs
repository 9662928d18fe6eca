//! How an error of the operating system reads in one line.

use std::io;

/// The system's own words for `error`, as the tail of a sentence: `address already in use`, without
/// the number in parentheses behind it.
///
/// ```
/// let error = std::io::Error::from_raw_os_error(13);
/// assert_eq!(mio_echo::text::os_error::in_words(&error), "permission denied");
/// ```
pub fn in_words(error: &io::Error) -> String {
    let full = error.to_string();
    let text = full.split(" (os error").next().unwrap_or(&full);
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        // A word in capitals is a name and keeps them.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}
