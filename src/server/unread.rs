//! How much the kernel holds that has not been read.

use std::os::fd::AsFd;

/// How many bytes the kernel has received and nobody has read (tcp(7), `FIONREAD`). Where it cannot
/// tell, more than there can be.
pub(super) fn unread_bytes(socket: impl AsFd) -> u32 {
    let received = rustix::io::ioctl_fionread(socket).ok();
    received
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or(u32::MAX)
}
