//! What ties the threads of a generator together, as one of them sees it.
//!
//! Each thread is a whole generator for its part of the connections, with a poll of its own. What it cannot know alone, it
//! gets from the coordinator: when the stages of the run begin. Per message, the threads share one number, the time of the
//! latest echo of each, which only its own thread writes.

use super::clock::Nanos;
use super::plan::LoadPlan;
use super::results::LoadResults;
use super::run_stage::RunStage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

/// What the coordinator decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct StageDecision {
    /// The next stage. It may begin in the future ([`RunStage::begins`]), so that it begins at one time for all threads.
    pub(super) stage: RunStage,
    /// The observer has ended the run.
    pub(super) stop_requested: bool,
}

/// What the coordinator decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WorkerStatus {
    /// The stage in which the thread is.
    pub(super) stage: RunStage,
    /// Every connection of the thread is established or has failed.
    pub(super) is_built_up: bool,
    /// No connection of the thread is left, or none can be opened.
    pub(super) is_hopeless: bool,
    /// When the thread had its share of the messages that end the measurement.
    pub(super) enough_since: Option<Nanos>,
    /// Measured messages of the thread may still be echoed.
    pub(super) has_outstanding_messages: bool,
}

/// What a thread reports to the coordinator.
#[derive(Debug)]
pub(super) enum WorkerReport {
    /// Its status has changed.
    Status(WorkerStatus),
    /// How far it has come, about ten times a second.
    Progress {
        /// Its established connections.
        connected: usize,
        /// Its results so far.
        results: Box<LoadResults>,
    },
}

/// What a thread counts and others read at any time. Each has cache lines of its own, or the threads would wait for each
/// other's writes; processors fetch lines of 64 bytes in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct WorkerCounters {
    /// When the latest measured message was echoed.
    latest_echo: AtomicU64,
    /// Messages echoed during the warm-up.
    warm_up_messages: AtomicU64,
}

/// The counters of all threads.
#[derive(Debug, Clone)]
pub(super) struct SharedCounters(Arc<[WorkerCounters]>);

impl SharedCounters {
    pub(super) fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| WorkerCounters::default()).collect())
    }

    /// When the latest measured message was echoed, to any thread.
    pub(super) fn latest_echo(&self) -> Nanos {
        let times = self.0.iter().map(|it| &it.latest_echo);
        times.fold(0, |latest, time| latest.max(time.load(Ordering::Relaxed)))
    }

    /// Messages echoed during the warm-up, to all threads.
    pub(super) fn warm_up_messages(&self) -> u64 {
        let counts = self.0.iter().map(|it| &it.warm_up_messages);
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// The counters of all threads, as one of them uses them.
#[derive(Debug, Clone)]
pub(super) struct OwnCounters {
    pub(super) index: usize,
    pub(super) all: SharedCounters,
}

impl OwnCounters {
    /// This thread has received an echo.
    pub(super) fn echoed(&self, now: Nanos) {
        if let Some(own) = self.all.0.get(self.index) {
            own.latest_echo.store(now, Ordering::Relaxed);
        }
    }

    fn set_warm_up_messages(&self, messages: u64) {
        if let Some(own) = self.all.0.get(self.index) {
            own.warm_up_messages.store(messages, Ordering::Relaxed);
        }
    }
}

/// The link of one thread to the coordinator.
#[derive(Debug)]
pub(super) struct CoordinatorLink {
    decisions: Receiver<StageDecision>,
    reports: Sender<(usize, WorkerReport)>,
    counters: OwnCounters,
    /// The latest decision, if it has not begun.
    decided: Option<StageDecision>,
    /// The latest status that was reported.
    reported: Option<WorkerStatus>,
}

impl CoordinatorLink {
    pub(super) fn new(
        decisions: Receiver<StageDecision>,
        reports: Sender<(usize, WorkerReport)>,
        counters: OwnCounters,
    ) -> Self {
        Self {
            decisions,
            reports,
            counters,
            decided: None,
            reported: None,
        }
    }

    /// The stage in which a thread that was in `stage` is now. Without a coordinator, the run is over.
    pub(super) fn decision(
        &mut self,
        stage: RunStage,
        now: Nanos,
        plan: &LoadPlan,
    ) -> StageDecision {
        let by_itself = |stage| StageDecision {
            stage,
            stop_requested: false,
        };
        match self.decisions.try_recv() {
            Ok(decision) => self.decided = Some(decision),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => self.decided = Some(by_itself(RunStage::Done)),
        }
        let begins = |stage: RunStage| stage.begins() <= now;
        let set = stage.after_set_length(plan);
        let decided = self.decided.take_if(|it| begins(it.stage));
        decided.unwrap_or_else(|| by_itself(set.filter(|it| begins(*it)).unwrap_or(stage)))
    }

    /// When the stage after `stage` begins, if that is known.
    pub(super) fn next_stage_begins(&self, stage: RunStage, plan: &LoadPlan) -> Option<Nanos> {
        let decided = self.decided.map(|decision| decision.stage);
        let stages = [decided, stage.after_set_length(plan)].into_iter();
        stages.flatten().map(RunStage::begins).min()
    }

    /// The counters that the thread shares with the others.
    pub(super) fn counters(&self) -> OwnCounters {
        self.counters.clone()
    }

    /// Reports the status, if it has changed. Since when there are enough messages counts when it is first reported.
    pub(super) fn report_status(&mut self, mut status: WorkerStatus, warm_up_messages: u64) {
        let reported = self.reported.and_then(|it| it.enough_since);
        status.enough_since = reported.or(status.enough_since);
        self.counters.set_warm_up_messages(warm_up_messages);
        if self.reported != Some(status) {
            self.reported = Some(status);
            self.send(WorkerReport::Status(status));
        }
    }

    /// Reports how far the thread has come.
    pub(super) fn report_progress(&self, connected: usize, results: &LoadResults) {
        let results = Box::new(results.clone());
        self.send(WorkerReport::Progress { connected, results });
    }

    fn send(&self, report: WorkerReport) {
        // Fails without a coordinator, which the next look for a decision notices.
        let _sent_or_over = self.reports.send((self.counters.index, report));
    }
}
