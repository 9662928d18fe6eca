//! How a child process failed that was still needed.

use crate::text::one_line;
use signal_hook::low_level::signal_name;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How a process ended (waitid(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// It exited with this status.
    Code(i32),
    /// A signal with this number killed it (signal(7)).
    Signal(i32),
    /// Its status is lost: with SIGCHLD ignored, the kernel discards it (wait(2)).
    Unknown,
}

/// A child process that ended early or was not ready in time, with the end of its standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildFailure {
    /// It ended.
    Exited {
        /// How.
        reason: ExitReason,
        /// The last kilobytes of its standard error.
        stderr: String,
    },
    /// It is running, but was not ready in time.
    NotReady {
        /// The timeout that passed.
        waited: Duration,
        /// The last kilobytes of its standard error so far.
        stderr: String,
    },
}

impl ChildFailure {
    /// The last line of standard error that is not blank, its control characters escaped. It usually names the cause.
    pub fn last_stderr_line(&self) -> Option<Cow<'_, str>> {
        self.last_stderr_lines(1).pop()
    }

    /// The last lines of standard error that are not blank, at most `count`, their control characters escaped: what a
    /// server writes must not control the terminal on which it is reported.
    pub fn last_stderr_lines(&self, count: usize) -> Vec<Cow<'_, str>> {
        let (Self::Exited { stderr, .. } | Self::NotReady { stderr, .. }) = self;
        let lines = stderr.lines().rev().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty()).take(count);
        let mut lines: Vec<Cow<'_, str>> = lines.map(one_line::escaped).collect();
        lines.reverse();
        lines
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "killed by {name}"),
                None => write!(f, "killed by signal {signal}"),
            },
            Self::Unknown => f.write_str("ended with unknown status"),
        }
    }
}

/// In one line.
impl fmt::Display for ChildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { reason, .. } => reason.fmt(f)?,
            Self::NotReady { waited, .. } => write!(f, "not ready after {waited:?}")?,
        }
        match self.last_stderr_line() {
            Some(line) => write!(f, ": {line}"),
            None => Ok(()),
        }
    }
}

impl Error for ChildFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(reason: ExitReason, stderr: &str) -> String {
        let stderr = stderr.to_owned();
        ChildFailure::Exited { reason, stderr }.to_string()
    }

    #[test]
    fn one_line_names_the_end_and_its_cause() {
        assert_eq!(
            exited(ExitReason::Code(1), "trace\nport taken\n\n"),
            "exited with status 1: port taken"
        );
        assert_eq!(
            exited(ExitReason::Code(3), "\x1b[31mfatal\x1b[0m \0\n"),
            r"exited with status 3: \u{1b}[31mfatal\u{1b}[0m \u{0}"
        );
        assert_eq!(exited(ExitReason::Signal(9), ""), "killed by SIGKILL");
        assert_eq!(exited(ExitReason::Signal(42), ""), "killed by signal 42");
        let not_ready = ChildFailure::NotReady {
            waited: Duration::from_secs(5),
            stderr: " \n".to_owned(),
        };
        assert_eq!(not_ready.to_string(), "not ready after 5s");
    }
}
