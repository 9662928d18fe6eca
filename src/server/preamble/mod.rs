//! What comes before the echo, if configured: the PROXY header that a connection has to begin with, then the banner that
//! is sent to its peer.
//!
//! For the event loop, this is a layer between a connection and its socket, like `misbehaviour`. A [`socket`] of this layer
//! begins with a header and a banner. The [`kernel`] has such sockets, and its `wait` also ends when a header is late. The
//! loop and the connection do not know about the layer; a server without it runs over the plain kernel. In threads mode, a
//! thread reads the header and writes the banner before it begins to echo.
//!
//! Neither the header nor the banner is counted in the bytes of a connection: those are the bytes that are echoed.

mod banner;
mod header;
mod kernel;
mod plan;
mod socket;

pub use banner::Banner;
pub use plan::Preamble;

pub(super) use header::{HeaderRead, HeaderReader};
pub(super) use kernel::PreambleKernel;
