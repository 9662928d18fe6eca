//! Values of the arguments of `mio-echo bench`.

use crate::cli::values::{Bytes, duration, size_up_to, warm_up_length};
use clap::ValueEnum;
use mio_echo::measure::bench::WarmUpLength;
use mio_echo::measure::load::LoadPattern;

/// The largest message, in bytes.
const LARGEST_MESSAGE: usize = 1 << 30;

/// [`LoadPattern`], as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LoadPatternName {
    /// Round trips over connections that stay open
    Echo,
    /// Connect, one round trip, close; repeatedly
    Churn,
    /// Connections that stay open without traffic
    Idle,
    /// Round trips of large messages, for the bytes per second
    Stream,
}

impl From<LoadPatternName> for LoadPattern {
    fn from(name: LoadPatternName) -> Self {
        match name {
            LoadPatternName::Echo => Self::Echo,
            LoadPatternName::Churn => Self::Churn,
            LoadPatternName::Idle => Self::Idle,
            LoadPatternName::Stream => Self::Stream,
        }
    }
}

pub(super) fn warm_up(text: &str) -> Result<WarmUpLength, String> {
    warm_up_length(text, duration)
}

pub(super) fn message_size(text: &str) -> Result<Bytes, String> {
    size_up_to(LARGEST_MESSAGE, text)
}
