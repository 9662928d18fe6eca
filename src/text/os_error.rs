//! The text of an error of the operating system, in one line.

use std::io;

/// The system's text for `error`, as the end of a sentence: `address already in use`, without the number that
/// [`io::Error`] appends in parentheses.
///
/// ```
/// let error = std::io::Error::from_raw_os_error(13);
/// assert_eq!(mio_echo::text::os_error::describe(&error), "permission denied");
/// ```
pub fn describe(error: &io::Error) -> String {
    let full = error.to_string();
    let text = full.split(" (os error").next().unwrap_or(&full);
    // What std puts before the resolver's own text (gai_strerror(3)).
    let resolver = "failed to lookup address information: ";
    let text = text.strip_prefix(resolver).unwrap_or(text);
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        // A word in capitals is a name and keeps its capitals.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}
