//! Why a system call failed for good, as a small value.

use crate::text::os_error;
use std::fmt;
use std::io::{self, ErrorKind};

/// An I/O error that ended a connection, with its errno(3) if a system call reported one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoFailure {
    /// A system call failed with this errno.
    Os(i32),
    /// A failure of another origin: a write that took nothing, or memory that could not be allocated.
    Kind(ErrorKind),
}

impl IoFailure {
    /// The kind of the error.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Os(errno) => io::Error::from_raw_os_error(errno).kind(),
            Self::Kind(kind) => kind,
        }
    }
}

impl From<&io::Error> for IoFailure {
    fn from(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::Os(errno),
            None => Self::Kind(error.kind()),
        }
    }
}

/// As the system puts it: `connection reset by peer`.
impl fmt::Display for IoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(errno) => {
                f.write_str(&os_error::describe(&io::Error::from_raw_os_error(*errno)))
            }
            Self::Kind(kind) => kind.fmt(f),
        }
    }
}
