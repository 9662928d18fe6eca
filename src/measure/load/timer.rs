//! Waking the poll at a given time, exact to far less than a millisecond.
//!
//! The timeout of `epoll_wait(2)` has a resolution of one millisecond, which is longer than the interval of most
//! schedules. A timer descriptor (`timerfd_create(2)`) has a resolution of nanoseconds. So has the timeout of
//! kevent(2), so no timer is needed on other systems.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// A timer that wakes the poll. Does nothing where the poll's own timeout is exact.
#[derive(Debug)]
pub(super) struct Timer {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    descriptor: std::os::fd::OwnedFd,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Timer {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = mio::unix::SourceFd(&descriptor.as_raw_fd());
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Self { descriptor })
    }

    /// Wakes the poll once after `delay`, and no longer at the time set before.
    pub(super) fn set(&self, delay: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        // Zero would disarm the timer.
        let delay = delay.max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(delay).unwrap_or_default(),
        };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[allow(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the same signatures on every system"
)]
impl Timer {
    pub(super) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    pub(super) fn set(&self, _delay: Duration) -> io::Result<()> {
        Ok(())
    }
}
