//! Text from elsewhere inside a line that the program prints.

use std::borrow::Cow;

/// `text` with its control characters escaped, so that it neither breaks a line nor controls a terminal.
///
/// ```
/// assert_eq!(mio_echo::text::one_line::escaped("two\nlines"), r"two\nlines");
/// ```
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.into()
}
