//! To be woken at a moment, not a millisecond.
//!
//! The timeout of `epoll_wait(2)` counts in milliseconds, which is longer than most intervals of a schedule; a
//! `timerfd_create(2)` counts in nanoseconds. The timeout of kevent(2) does so by itself, so elsewhere
//! there is nothing to do.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use timeout::Timer;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use timerfd::Timer;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod timerfd {
    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    /// A timer that raises an edge.
    #[derive(Debug)]
    pub(in crate::measure::load) struct Timer {
        timer: OwnedFd,
    }

    impl Timer {
        pub(in crate::measure::load) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            let mut source = SourceFd(&timer.as_raw_fd());
            registry.register(&mut source, token, Interest::READABLE)?;
            Ok(Self { timer })
        }

        /// Wakes the poll after `delay`, once. An earlier order is forgotten.
        pub(in crate::measure::load) fn ring_after(&self, delay: Duration) -> io::Result<()> {
            // Zero would disarm it.
            let delay = delay.max(Duration::from_nanos(1));
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec::try_from(delay).unwrap_or_default(),
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod timeout {
    use mio::{Registry, Token};
    use std::io;
    use std::time::Duration;

    /// Not needed here: the poll's timeout is exact.
    #[derive(Debug)]
    pub(in crate::measure::load) struct Timer;

    impl Timer {
        pub(in crate::measure::load) fn new(
            _registry: &Registry,
            _token: Token,
        ) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::measure::load) fn ring_after(&self, _delay: Duration) -> io::Result<()> {
            Ok(())
        }
    }
}
