//! What a message costs, and what part of the whole it is.

use std::time::Duration;

/// Microseconds for each message; none without messages.
#[expect(clippy::cast_precision_loss, reason = "a count of messages")]
pub(super) fn per_message(time: Duration, messages: u64) -> Option<f64> {
    (messages > 0).then(|| time.as_secs_f64() * 1e6 / messages as f64)
}

/// What part of `whole` it is.
pub(super) fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() {
        return 0.0;
    }
    part.as_secs_f64() / whole.as_secs_f64()
}

/// So many for each message; none without messages.
#[expect(clippy::cast_precision_loss, reason = "counts of events")]
pub(super) fn each(count: u64, messages: u64) -> Option<f64> {
    (messages > 0).then(|| count as f64 / messages as f64)
}
