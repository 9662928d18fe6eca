//! Text that every command reads or writes: endpoints, figures with units, error descriptions, the version, and output
//! that does not block.

pub mod background_writer;
pub mod endpoint;
pub mod os_error;
#[cfg(any(feature = "trace", feature = "measure"))]
pub(crate) mod page;
#[cfg(any(feature = "trace", feature = "measure"))]
pub(crate) mod units;
pub mod version;
