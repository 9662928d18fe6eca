//! What all other modules use.
//!
//! Text that commands read or write: endpoints and addresses, figures with units, error descriptions, the version. And
//! what they connect and print with: a stream socket of either family, and output that does not block.

pub mod address;
pub mod background_writer;
#[cfg(feature = "measure")]
pub mod chapter;
pub mod connect;
pub mod endpoint;
#[cfg(feature = "measure")]
pub mod nearest;
pub mod one_line;
pub mod os_error;
#[cfg(any(feature = "trace", feature = "measure"))]
pub(crate) mod page;
pub(crate) mod units;
pub mod version;
