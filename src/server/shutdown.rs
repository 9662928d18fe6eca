//! How a stop is requested, and which actions follow when.
//!
//! A stop takes three steps: echo what has been received, send our FIN, wait for the peer's. This file keeps the
//! deadline of a stop and turns its stages into [`StopAction`]s; the two modes carry them out.

use super::clock;
use super::limits::SIGNAL_REPEAT;
use super::observer::{Observer, WakeSource};
use super::sources::Source;
use mio::{Interest, Registry, Waker};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook_mio::v1_0::Signals;
use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Requests a stop of a server, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper {
    requested: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stopper {
    /// Stops accepting, echoes what has been received, then ends the server as SIGTERM would.
    ///
    /// # Errors
    ///
    /// The server could not be woken.
    pub fn stop(&self) -> io::Result<()> {
        self.requested.store(true, Ordering::Release);
        self.waker.wake()
    }
}

/// Requests snapshots of a running server's statistics, from any thread.
#[derive(Debug, Clone)]
pub struct SnapshotRequester {
    requested: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl SnapshotRequester {
    /// Makes the server call [`Observer::publish`] once, soon.
    ///
    /// # Errors
    ///
    /// The server could not be woken.
    pub fn request(&self) -> io::Result<()> {
        self.requested.store(true, Ordering::Release);
        self.waker.wake()
    }
}

/// What SIGHUP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HangupAction {
    /// It stops the server as SIGTERM does. A SIGHUP that is ignored when the handlers are installed, as nohup(1) arranges,
    /// stays ignored.
    #[default]
    Stop,
    /// The observer reopens its log files ([`Observer::reopen_logs`]), and the server goes on, ignored or not.
    ReopenLogs,
}

/// A step of a stop, to be carried out on all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopAction {
    /// Stop accepting; echo what has been received, then finish.
    Drain,
    /// Close every connection that is still open.
    Expire,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopStage {
    Serving,
    /// Until the given time; without one, for as long as it takes.
    Draining(Option<Instant>),
    Expired,
}

/// Receives requests to stop and decides what follows from them.
pub(super) struct Shutdown {
    requested: Arc<AtomicBool>,
    waker: Arc<Waker>,
    signals: Option<Signals>,
    on_hangup: HangupAction,
    /// Once set, the handler of the next signal that requests a stop ends the process.
    exit_on_signal: Arc<AtomicBool>,
    /// When to set it: [`SIGNAL_REPEAT`] after the first such signal.
    repeat_ends: Option<Instant>,
    stage: StopStage,
    /// How long the peers have to finish, from the request on.
    drain_timeout: Duration,
    report_requested: bool,
    /// Set by other threads, which then wake this one.
    snapshot_requested: Arc<AtomicBool>,
    /// The waker has been used since snapshots were last looked for.
    woken: bool,
}

impl Shutdown {
    pub(super) fn new(registry: &Registry, drain_timeout: Duration) -> io::Result<Self> {
        Ok(Self {
            requested: Arc::default(),
            waker: Arc::new(Waker::new(registry, Source::Waker.into())?),
            signals: None,
            on_hangup: HangupAction::Stop,
            exit_on_signal: Arc::default(),
            repeat_ends: None,
            stage: StopStage::Serving,
            drain_timeout,
            report_requested: false,
            snapshot_requested: Arc::default(),
            woken: false,
        })
    }

    /// From now on SIGINT and SIGTERM request a stop, SIGUSR1 a report, and SIGHUP what `on_hangup` says.
    ///
    /// A second request ends the process, but not within [`SIGNAL_REPEAT`] of the first one: tools such as timeout(1)
    /// send the same signal twice, to the process and to its group.
    pub(super) fn handle_signals(
        &mut self,
        registry: &Registry,
        on_hangup: HangupAction,
    ) -> io::Result<()> {
        let mut stopping = vec![SIGINT, SIGTERM];
        let mut others = vec![SIGUSR1];
        match on_hangup {
            HangupAction::Stop if is_hangup_ignored() => {}
            HangupAction::Stop => stopping.push(SIGHUP),
            HangupAction::ReopenLogs => others.push(SIGHUP),
        }
        for &signal in &stopping {
            // The code that a shell reports for a process killed by the signal.
            let code = 128 + signal;
            flag::register_conditional_shutdown(signal, code, Arc::clone(&self.exit_on_signal))?;
        }
        let mut signals = Signals::new(stopping.iter().chain(&others))?;
        registry.register(&mut signals, Source::Signals.into(), Interest::READABLE)?;
        self.signals = Some(signals);
        self.on_hangup = on_hangup;
        Ok(())
    }

    pub(super) fn stopper(&self) -> Stopper {
        Stopper {
            requested: Arc::clone(&self.requested),
            waker: Arc::clone(&self.waker),
        }
    }

    pub(super) fn snapshot_requester(&self) -> SnapshotRequester {
        SnapshotRequester {
            requested: Arc::clone(&self.snapshot_requested),
            waker: Arc::clone(&self.waker),
        }
    }

    /// The waker, for other threads that have work for the loop.
    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Remembers that another thread has used the waker.
    pub(super) fn note_wake(&mut self, observer: &mut impl Observer) {
        observer.woken_by(WakeSource::Waker);
        self.woken = true;
    }

    /// Takes the signals that have arrived.
    pub(super) fn note_signals(&mut self, observer: &mut impl Observer) {
        observer.woken_by(WakeSource::Signals);
        let mut stop_requested = false;
        for signal in self.signals.iter_mut().flat_map(Signals::pending) {
            match (signal, self.on_hangup) {
                (SIGUSR1, _) => self.report_requested = true,
                (SIGHUP, HangupAction::ReopenLogs) => observer.reopen_logs(),
                _ => stop_requested = true,
            }
        }
        if stop_requested {
            self.note_stop_signal(clock::now());
        }
    }

    fn note_stop_signal(&mut self, now: Instant) {
        self.requested.store(true, Ordering::Release);
        self.repeat_ends.get_or_insert(now + SIGNAL_REPEAT);
    }

    /// Whether a report was requested since this was last called.
    pub(super) fn take_report_request(&mut self) -> bool {
        std::mem::take(&mut self.report_requested)
    }

    /// Whether a snapshot was requested since this was last called. The flag that threads share is read only after a
    /// wake-up.
    pub(super) fn take_snapshot_request(&mut self) -> bool {
        std::mem::take(&mut self.woken) && self.snapshot_requested.swap(false, Ordering::AcqRel)
    }

    /// The next action, if its time has come. Call it until there is none.
    pub(super) fn next_action(&mut self) -> Option<StopAction> {
        let (stage, action) = match self.stage {
            StopStage::Serving if self.requested.load(Ordering::Acquire) => {
                let expires = clock::now().checked_add(self.drain_timeout);
                (StopStage::Draining(expires), StopAction::Drain)
            }
            StopStage::Draining(Some(expires)) if clock::now() >= expires => {
                (StopStage::Expired, StopAction::Expire)
            }
            StopStage::Serving | StopStage::Draining(_) | StopStage::Expired => return None,
        };
        self.stage = stage;
        Some(action)
    }

    /// When the drain timeout is over, if a stop is under way and has one.
    pub(super) fn drain_deadline(&self) -> Option<Instant> {
        match self.stage {
            StopStage::Draining(expires) => expires,
            StopStage::Serving | StopStage::Expired => None,
        }
    }

    /// When there is something to do next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let repeat_ends = self
            .repeat_ends
            .filter(|_| !self.exit_on_signal.load(Ordering::Relaxed));
        self.drain_deadline().into_iter().chain(repeat_ends).min()
    }

    /// From the end of the repeat interval on, one more signal ends the process.
    pub(super) fn note_time(&mut self, now: Instant) {
        if self.repeat_ends.is_some_and(|at| at <= now) {
            self.exit_on_signal.store(true, Ordering::Relaxed);
        }
    }

    /// How long another signal still counts as a repetition of the first one.
    fn repeat_time_left(&self, now: Instant) -> Duration {
        let ends = self.repeat_ends.unwrap_or(now);
        ends.saturating_duration_since(now)
    }

    /// Whether a stop is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.stage != StopStage::Serving
    }
}

/// With the server, nothing is left that takes signals. What follows its end may block, such as the page of a trace that is
/// written to a pipe; so from then on a signal ends the process, unless it may be a repetition.
impl Drop for Shutdown {
    fn drop(&mut self) {
        if self.signals.is_none() {
            return;
        }
        let left = self.repeat_time_left(Instant::now());
        let exit_on_signal = Arc::clone(&self.exit_on_signal);
        let exit_later = move || {
            thread::sleep(left);
            exit_on_signal.store(true, Ordering::Relaxed);
        };
        let thread = thread::Builder::new().name("signals".to_owned());
        if left.is_zero() || thread.spawn(exit_later).is_err() {
            self.exit_on_signal.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether SIGHUP is ignored. Source: proc(5), `/proc/PID/status`, `SigIgn`. On other systems than Linux, only unsafe code
/// could find out; there the result is true, so SIGHUP keeps its disposition.
pub fn is_hangup_ignored() -> bool {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return true;
    };
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("stage", &self.stage)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::Poll;

    fn shutdown(drain_timeout: Duration) -> Shutdown {
        Shutdown::new(Poll::new().unwrap().registry(), drain_timeout).unwrap()
    }

    #[test]
    fn a_report_is_made_once_per_request() {
        let mut shutdown = shutdown(Duration::ZERO);
        assert!(!shutdown.take_report_request());
        shutdown.report_requested = true;
        assert!(shutdown.take_report_request());
        assert!(!shutdown.take_report_request());
    }

    #[test]
    fn a_stop_drains_once_and_expires_once() {
        let mut shutdown = shutdown(Duration::ZERO);
        assert_eq!(shutdown.next_action(), None);
        assert!(!shutdown.is_under_way());
        shutdown.note_stop_signal(Instant::now());
        assert_eq!(shutdown.next_action(), Some(StopAction::Drain));
        assert!(shutdown.is_under_way());
        assert!(shutdown.drain_deadline().is_some());
        assert_eq!(shutdown.next_action(), Some(StopAction::Expire));
        assert_eq!(shutdown.next_action(), None);
        assert_eq!(shutdown.drain_deadline(), None);
    }

    #[test]
    fn a_stop_does_not_expire_early() {
        for drain_timeout in [Duration::from_hours(1), Duration::MAX] {
            let mut shutdown = shutdown(drain_timeout);
            shutdown.note_stop_signal(Instant::now());
            assert_eq!(shutdown.next_action(), Some(StopAction::Drain));
            assert_eq!(shutdown.next_action(), None);
            let is_limited = shutdown.drain_deadline().is_some();
            assert_eq!(is_limited, drain_timeout < Duration::MAX);
        }
    }

    #[test]
    fn after_the_end_of_a_server_that_no_signal_has_stopped_the_first_one_ends_the_process() {
        let poll = Poll::new().unwrap();
        let mut shutdown = Shutdown::new(poll.registry(), Duration::ZERO).unwrap();
        // No signals: those of the test program stay as they are.
        shutdown.signals = Some(Signals::new([0; 0]).unwrap());
        assert_eq!(shutdown.repeat_time_left(Instant::now()), Duration::ZERO);
        let exit_on_signal = Arc::clone(&shutdown.exit_on_signal);
        assert!(!exit_on_signal.load(Ordering::Relaxed));
        drop(shutdown);
        assert!(exit_on_signal.load(Ordering::Relaxed));
    }

    #[test]
    fn a_signal_a_second_after_the_first_ends_the_process_but_not_before() {
        let mut shutdown = shutdown(Duration::MAX);
        let first = Instant::now();
        let millis = |millis| first + Duration::from_millis(millis);
        let exits = |shutdown: &Shutdown| shutdown.exit_on_signal.load(Ordering::Relaxed);
        shutdown.note_stop_signal(first);
        shutdown.note_stop_signal(millis(500));
        assert_eq!(shutdown.deadline(), Some(millis(1000)));
        shutdown.note_time(millis(999));
        assert!(!exits(&shutdown), "it may be a repetition");
        let left = [0, 600, 1000, 2000].map(|at| shutdown.repeat_time_left(millis(at)));
        assert_eq!(left.map(|it| it.as_millis()), [1000, 400, 0, 0]);
        shutdown.note_time(millis(1000));
        assert!(exits(&shutdown));
        assert_eq!(shutdown.deadline(), None, "there is nothing to wake up for");
    }
}
