//! The version of this program.

/// The version, and the commit if the build knew it: `0.1.0 (1a2b3c4)`.
pub const VERSION: &str = env!("MIO_ECHO_VERSION");

/// Name and version, as reports give them: `mio-echo 0.1.0 (1a2b3c4)`.
pub const PROGRAM: &str = concat!("mio-echo ", env!("MIO_ECHO_VERSION"));

/// The version and the target triple: `0.1.0 (1a2b3c4) x86_64-unknown-linux-gnu`.
pub const VERSION_AND_TARGET: &str =
    concat!(env!("MIO_ECHO_VERSION"), " ", env!("MIO_ECHO_TARGET"));
