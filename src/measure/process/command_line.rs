//! What to start, as a plain value.

use std::ffi::{OsStr, OsString};
use std::fmt;

/// A program and its arguments. No shell interprets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// A path, or a name to be looked up in PATH.
    pub program: OsString,
    /// The arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// How many descriptors the program may open, as long as it does not raise this limit itself: the soft limit of
    /// getrlimit(2), `RLIMIT_NOFILE`. `None`: as many as this program.
    pub descriptor_limit: Option<u64>,
}

impl CommandLine {
    /// The command line that consists of these words.
    pub fn new<W: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            descriptor_limit: None,
        }
    }

    /// The same command line with every `placeholder`, such as `{port}`, replaced by `value` in every word.
    /// A word that is not Unicode contains no placeholder.
    ///
    /// ```
    /// use mio_echo::measure::process::CommandLine;
    ///
    /// let command = CommandLine::new("socat", ["tcp-listen:{port},fork", "exec:cat"]);
    /// let command = command.replace("{port}", "50007");
    /// assert_eq!(command.to_string(), "socat tcp-listen:50007,fork exec:cat");
    /// ```
    #[must_use]
    pub fn replace(&self, placeholder: &str, value: &str) -> Self {
        let replace = |word: &OsString| match word.to_str() {
            Some(text) => text.replace(placeholder, value).into(),
            None => word.clone(),
        };
        Self {
            program: replace(&self.program),
            arguments: self.arguments.iter().map(replace).collect(),
            descriptor_limit: self.descriptor_limit,
        }
    }

    /// Whether any word contains `placeholder`.
    pub fn contains(&self, placeholder: &str) -> bool {
        let has = |word: &OsStr| word.to_str().is_some_and(|text| text.contains(placeholder));
        has(&self.program) || self.arguments.iter().any(|word| has(word))
    }
}

/// As it could be typed into a shell: words with special characters are quoted.
impl fmt::Display for CommandLine {
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
        let command = CommandLine::new("{dir}/echo", ["--port={port}", "{port}{port}", "plain"]);
        assert!(command.contains("{port}"));
        let command = command.replace("{dir}", "/opt").replace("{port}", "7");
        assert_eq!(
            command,
            CommandLine::new("/opt/echo", ["--port=7", "77", "plain"])
        );
        assert!(!command.contains("{port}"));
    }

    #[test]
    fn words_that_a_shell_would_split_or_expand_are_quoted() {
        let command = CommandLine::new("sh", ["-c", "echo it's $HOME", ""]);
        assert_eq!(command.to_string(), r"sh -c 'echo it'\''s $HOME' ''");
    }
}
