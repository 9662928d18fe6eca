//! What to start, as a plain value.

use std::ffi::{OsStr, OsString};
use std::fmt;

/// A program and its arguments. No shell looks at them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// A path, or a name to be looked up in PATH.
    pub program: OsString,
    /// What follows the program's name.
    pub arguments: Vec<OsString>,
}

impl Command {
    /// A command of these words.
    pub fn new<W: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }

    /// The same command with `value` for every `placeholder` in every word, as in `{port}`. A word that is
    /// not Unicode holds no placeholder.
    ///
    /// ```
    /// use mio_echo::measure::process::Command;
    ///
    /// let command = Command::new("socat", ["tcp-listen:{port},fork", "exec:cat"]);
    /// let command = command.replacing("{port}", "50007");
    /// assert_eq!(command.to_string(), "socat tcp-listen:50007,fork exec:cat");
    /// ```
    #[must_use]
    pub fn replacing(&self, placeholder: &str, value: &str) -> Self {
        let replace = |word: &OsString| match word.to_str() {
            Some(text) => text.replace(placeholder, value).into(),
            None => word.clone(),
        };
        Self {
            program: replace(&self.program),
            arguments: self.arguments.iter().map(replace).collect(),
        }
    }

    /// Whether a word holds `placeholder`.
    pub fn mentions(&self, placeholder: &str) -> bool {
        let holds = |word: &OsStr| word.to_str().is_some_and(|text| text.contains(placeholder));
        holds(&self.program) || self.arguments.iter().any(|word| holds(word))
    }
}

/// For people to read: a word that a shell would take apart stands in quotes.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_word(f, &self.program)?;
        for argument in &self.arguments {
            f.write_str(" ")?;
            write_word(f, argument)?;
        }
        Ok(())
    }
}

fn write_word(f: &mut fmt::Formatter<'_>, word: &OsStr) -> fmt::Result {
    const PLAIN: &str = "-_./:=,+@%{}";
    let word = word.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || PLAIN.contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        f.write_str(&word)
    } else {
        write!(f, "'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_replaced_in_every_word() {
        let command = Command::new("{dir}/echo", ["--port={port}", "{port}{port}", "plain"]);
        assert!(command.mentions("{port}"));
        let command = command.replacing("{dir}", "/opt").replacing("{port}", "7");
        assert_eq!(
            command,
            Command::new("/opt/echo", ["--port=7", "77", "plain"])
        );
        assert!(!command.mentions("{port}"));
    }

    #[test]
    fn what_a_shell_would_take_apart_stands_in_quotes() {
        let command = Command::new("sh", ["-c", "echo it's $HOME", ""]);
        assert_eq!(command.to_string(), r"sh -c 'echo it'\''s $HOME' ''");
    }
}
