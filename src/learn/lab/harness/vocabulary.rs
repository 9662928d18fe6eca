//! What the harness uses of the program. The project that `lab --edit` writes has a file of its own in this place, and
//! the other files of its server as they are here.

pub(crate) use crate::readiness::{EventFlags, INTEREST};
pub(crate) use crate::server::{LoopPhase, SendQueues, WakeSource};
pub(crate) use crate::text::os_error;
pub(crate) use crate::trace::{Event, Header, Lane, Record, Trace};
