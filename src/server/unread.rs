//! How many received bytes wait in the kernel.

use std::os::fd::AsFd;

/// How many bytes the kernel has received on `socket` that have not been read (tcp(7), `FIONREAD`); `None` where it
/// cannot report that.
pub(crate) fn unread_bytes(socket: impl AsFd) -> Option<u32> {
    let unread = rustix::io::ioctl_fionread(socket).ok()?;
    Some(u32::try_from(unread).unwrap_or(u32::MAX))
}
