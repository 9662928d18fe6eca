//! Sleeping in the poll until a given time, exact to far less than a millisecond.
//!
//! The timeout of `epoll_wait(2)` has a resolution of one millisecond, which is longer than the interval of most
//! schedules. A timer descriptor (`timerfd_create(2)`) has a resolution of nanoseconds. So has the timeout of
//! kevent(2), so no timer is needed on other systems.
//!
//! Setting a timer is expensive: it programs the hardware, which in a virtual machine takes longer than sending a
//! message. So the poll has no timeout of its own beside the timer, and a timer that will wake the loop early enough is
//! left as it is.

use super::clock::{Nanos, after, time_until};
use crate::text::units::nanoseconds;
use mio::{Events, Poll, Token};
use std::io::{self, ErrorKind};
use std::time::Duration;

/// A time that is closer than this is waited for without sleeping: a sleep could not end in time, and costs no less
/// processor time.
pub(super) const SHORTEST_SLEEP: Duration = Duration::from_micros(20);

/// A timer that wakes the poll. Does nothing where the poll's own timeout is exact.
#[derive(Debug)]
pub(super) struct Timer {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    descriptor: std::os::fd::OwnedFd,
    /// The time for which it is set; in the past, it is not.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    set_for: Nanos,
}

impl Timer {
    /// Waits for an event, at most until `deadline`. It only polls if that is too close for a sleep.
    pub(super) fn wait(
        &mut self,
        poll: &mut Poll,
        events: &mut Events,
        deadline: Nanos,
        now: Nanos,
    ) -> io::Result<()> {
        let polled = if deadline > after(now, SHORTEST_SLEEP) {
            // The sleep ends early by what waking up may take; the caller waits for the rest.
            let until = deadline - nanoseconds(SHORTEST_SLEEP);
            self.sleep(poll, events, until, now)
        } else {
            poll.poll(events, Some(Duration::ZERO))
        };
        polled.or_else(|error| match error.kind() {
            ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Timer {
    pub(super) fn new(poll: &Poll, token: Token) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = mio::unix::SourceFd(&descriptor.as_raw_fd());
        let registry = poll.registry();
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Self {
            descriptor,
            set_for: 0,
        })
    }

    /// Sleeps until an event, or `until`, or the earlier time of a former call. Now is `now`, which is earlier.
    fn sleep(
        &mut self,
        poll: &mut Poll,
        events: &mut Events,
        until: Nanos,
        now: Nanos,
    ) -> io::Result<()> {
        if self.set_for <= now || self.set_for > until {
            self.set(until, now)?;
        }
        poll.poll(events, None)
    }

    fn set(&mut self, until: Nanos, now: Nanos) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        // Zero would disarm the timer.
        let delay = time_until(until, now).max(Duration::from_nanos(1));
        self.set_for = until;
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
    pub(super) fn new(_poll: &Poll, _token: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    fn sleep(
        &mut self,
        poll: &mut Poll,
        events: &mut Events,
        until: Nanos,
        now: Nanos,
    ) -> io::Result<()> {
        poll.poll(events, Some(time_until(until, now)))
    }
}
