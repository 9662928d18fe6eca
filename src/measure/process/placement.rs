//! Separate cores for the server and the generator, so that neither takes time from the other.

use super::cores;
use serde::{Deserialize, Serialize};

/// Which cores the server and the generator should run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The server on one core, the generator on another.
    SeparateCores,
    /// Wherever the scheduler places them.
    Anywhere,
}

/// Which cores they did run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pinning {
    /// Each on a core of its own. A server that was already running is not moved.
    SeparateCores {
        /// The kernel's number of the server's core.
        server: usize,
        /// The kernel's number of the generator's core.
        generator: usize,
    },
    /// The scheduler placed both, as it was asked to.
    Off,
    /// The scheduler placed both: there is only one core, or the system does not allow pinning.
    Unavailable,
}

impl Pinning {
    /// Pins the calling thread, which is to be the generator, as `placement` asks. Of the cores that it may use, the
    /// server gets the first and the generator the last: these are the least likely to share a physical core.
    pub fn apply(placement: Placement) -> Self {
        match (placement, cores::allowed().as_slice()) {
            (Placement::Anywhere, _) => Self::Off,
            (Placement::SeparateCores, &[server, .., generator]) => {
                match cores::pin_this_thread(generator) {
                    Ok(()) => Self::SeparateCores { server, generator },
                    Err(_) => Self::Unavailable,
                }
            }
            (Placement::SeparateCores, _) => Self::Unavailable,
        }
    }

    /// The core to start the server on; `None` for any.
    pub fn server_core(self) -> Option<usize> {
        match self {
            Self::SeparateCores { server, .. } => Some(server),
            Self::Off | Self::Unavailable => None,
        }
    }
}
