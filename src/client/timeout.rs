//! Waiting for a reply in slices, so that an interrupt is noticed.

use std::io::{self, ErrorKind};
use std::time::Duration;

/// The longest wait without a look at the interrupt.
pub(super) const SLICE: Duration = Duration::from_millis(50);

/// The shortest timeout that we set, because zero means no timeout (socket(7), `SO_RCVTIMEO`).
pub(super) const SHORTEST_READ_TIMEOUT: Duration = Duration::from_millis(1);

/// Which of the two kinds is reported depends on the platform.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
