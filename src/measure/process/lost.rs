//! How a process was lost that was still needed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A process that ended early, or was not ready in time, and what it said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What became of it.
    pub how: HowLost,
    /// The end of what it wrote to standard error.
    pub stderr: String,
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowLost {
    /// It ended, with this status.
    Exited(i32),
    /// A signal of this number killed it (signal(7)).
    Killed(i32),
    /// It ended, and we were not told how: someone has made the system forget our children (SIGCHLD
    /// ignored, wait(2)).
    Vanished,
    /// It lives, but was not ready after this time.
    NotReady(Duration),
}

impl Lost {
    /// The last line that it wrote to standard error and that is not blank: mostly the reason.
    pub fn last_words(&self) -> Option<&str> {
        let mut lines = self.stderr.lines().map(str::trim);
        lines.rfind(|line| !line.is_empty())
    }
}

/// In one line.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            HowLost::Exited(code) => write!(f, "exited with status {code}")?,
            HowLost::Killed(signal) => write!(f, "killed by signal {signal}")?,
            HowLost::Vanished => f.write_str("ended, nobody knows how")?,
            HowLost::NotReady(waited) => write!(f, "not ready after {waited:?}")?,
        }
        match self.last_words() {
            Some(words) => write!(f, ": {words}"),
            None => Ok(()),
        }
    }
}

impl Error for Lost {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_how_and_why() {
        for (how, stderr, line) in [
            (
                HowLost::Exited(1),
                "trace\nport taken\n\n",
                "exited with status 1: port taken",
            ),
            (HowLost::Killed(9), "", "killed by signal 9"),
            (
                HowLost::NotReady(Duration::from_secs(5)),
                " \n",
                "not ready after 5s",
            ),
        ] {
            let stderr = stderr.to_owned();
            assert_eq!(Lost { how, stderr }.to_string(), line);
        }
    }
}
