//! How many received bytes wait in the kernel.

use std::os::fd::AsFd;

/// How many bytes the kernel has received on `socket` that have not been read (tcp(7), `FIONREAD`). Where the kernel
/// cannot report it, more than there can be.
pub(super) fn unread_bytes(socket: impl AsFd) -> u32 {
    let unread = rustix::io::ioctl_fionread(socket).ok();
    unread
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or(u32::MAX)
}
