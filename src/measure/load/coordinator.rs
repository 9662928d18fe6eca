//! A generator of several threads: starts them, decides for all of them when a stage begins, reports their progress to the
//! observer, and merges their results.
//!
//! The coordinator has a thread of its own, the one that the run was started on, and generates no load. It lives
//! [`AHEAD`] of the clock: what it decides begins that much later, so that every thread knows of it in time, and the
//! measurement starts and ends at the same two instants for all.

use super::clock::{Clock, Nanos, time_until};
use super::generator_loop::GeneratorLoop;
use super::observer::{LoadObserver, Progress};
use super::part::LoadPart;
use super::plan::LoadPlan;
use super::recorder::cpu_of_this_thread;
use super::results::{LoadResults, WarmUp};
use super::run_controller::TICK;
use super::run_stage::{RunStage, StageInputs};
use super::worker::{
    CoordinatorLink, OwnCounters, SharedCounters, StageDecision, WorkerReport, WorkerStatus,
};
use mio::Waker;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

/// How long before a stage it is decided.
const AHEAD: Nanos = 10_000_000;

/// How long the threads get to report their progress, which they do at each [`TICK`] of the common clock.
const REPORTING: Nanos = 10_000_000;

/// Puts the load on the server from [`LoadPlan::threads`] threads and returns their results together.
pub(super) fn run(plan: &LoadPlan, observer: &mut impl LoadObserver) -> io::Result<LoadResults> {
    let plans: Vec<(LoadPart, LoadPlan)> = LoadPart::all(plan.threads)
        .map(|part| (part, part.of(plan)))
        .collect();
    thread::scope(|scope| {
        let (clock, counters) = (Clock::start(), SharedCounters::new(plan.threads));
        let (reporter, reports) = mpsc::channel();
        let mut workers = Vec::with_capacity(plan.threads);
        for (part, plan) in &plans {
            let (decider, decisions) = mpsc::channel();
            let own = OwnCounters {
                index: part.index(),
                all: counters.clone(),
            };
            let link = CoordinatorLink::new(decisions, reporter.clone(), own);
            let generator = GeneratorLoop::of_part(plan, *part, clock, link)?;
            let waker = generator.waker()?;
            let builder = thread::Builder::new().name("generator".to_owned());
            let thread = builder.spawn_scoped(scope, || generator.run())?;
            workers.push(GeneratorWorker::new(thread, decider, waker));
        }
        let reports = (reports, counters);
        Coordinator::new(plan, observer, clock, reports, workers).run()
    })
}

/// A thread of the generator, and what is known of it.
struct GeneratorWorker<'scope> {
    thread: ScopedJoinHandle<'scope, io::Result<LoadResults>>,
    decisions: Sender<StageDecision>,
    /// Wakes it from its poll.
    waker: Waker,
    status: Option<WorkerStatus>,
    /// Its established connections, as of its latest tick.
    connected: usize,
    /// Its results, as of its latest tick.
    results: LoadResults,
}

impl<'scope> GeneratorWorker<'scope> {
    fn new(
        thread: ScopedJoinHandle<'scope, io::Result<LoadResults>>,
        decisions: Sender<StageDecision>,
        waker: Waker,
    ) -> Self {
        Self {
            thread,
            decisions,
            waker,
            status: None,
            connected: 0,
            results: LoadResults::empty(),
        }
    }
}

struct Coordinator<'a, 'scope, O> {
    plan: &'a LoadPlan,
    observer: &'a mut O,
    clock: Clock,
    counters: SharedCounters,
    reports: Receiver<(usize, WorkerReport)>,
    workers: Vec<GeneratorWorker<'scope>>,
    /// The stage that was decided last.
    stage: RunStage,
    next_tick: Nanos,
    warm_up: WarmUp,
    /// Processor time of this thread: when the measurement started, then during it.
    cpu: Duration,
    /// The observer has ended the run.
    stop_requested: bool,
}

impl<'a, 'scope, O: LoadObserver> Coordinator<'a, 'scope, O> {
    fn new(
        plan: &'a LoadPlan,
        observer: &'a mut O,
        clock: Clock,
        (reports, counters): (Receiver<(usize, WorkerReport)>, SharedCounters),
        workers: Vec<GeneratorWorker<'scope>>,
    ) -> Self {
        Self {
            plan,
            observer,
            clock,
            counters,
            reports,
            workers,
            stage: RunStage::Connecting,
            next_tick: TICK + REPORTING,
            warm_up: WarmUp::default(),
            cpu: Duration::ZERO,
            stop_requested: false,
        }
    }

    fn run(mut self) -> io::Result<LoadResults> {
        while self.stage != RunStage::Done {
            self.wait();
            let now = self.clock.now();
            if now >= self.next_tick {
                self.tick(now);
            }
            if self.workers.iter().any(|it| it.thread.is_finished()) {
                // With an error, because the run is not over.
                self.publish(RunStage::Done);
            } else if self.have_all_adopted_the_stage() {
                self.advance(now + self.ahead());
            }
        }
        self.into_results()
    }

    /// Waits for a report, the next tick, or the time at which the stage ends, and takes all reports there are.
    fn wait(&mut self) {
        let end = self.stage.deadline(self.plan);
        let end = end.filter(|_| self.have_all_adopted_the_stage());
        let end = end.map(|end| end.saturating_sub(self.ahead()));
        let deadline = end.map_or(self.next_tick, |end| end.min(self.next_tick));
        let time = time_until(deadline, self.clock.now());
        match self.reports.recv_timeout(time) {
            Ok(report) => self.take(report),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        while let Ok(report) = self.reports.try_recv() {
            self.take(report);
        }
    }

    fn take(&mut self, (index, report): (usize, WorkerReport)) {
        let Some(worker) = self.workers.get_mut(index) else {
            return;
        };
        match report {
            WorkerReport::Status(status) => worker.status = Some(status),
            WorkerReport::Progress { connected, results } => {
                worker.connected = connected;
                worker.results = *results;
            }
        }
    }

    /// Reports the progress of all threads at their latest tick.
    fn tick(&mut self, now: Nanos) {
        let ticked = now - now % TICK;
        self.next_tick = ticked + TICK + REPORTING;
        let results = merged(self.workers.iter().map(|it| &it.results));
        let progress = Progress {
            connected: self.workers.iter().map(|it| it.connected).sum(),
            measured: self.stage.measured(ticked),
            per_mille: self.stage.per_mille(ticked, results.messages, self.plan),
            results: &results,
        };
        self.stop_requested |= self.observer.progress(&progress).is_break();
    }

    // ── stages ──────────────────────────────────────────────────────────────────────────────────

    /// Nothing new is decided before: what a thread reported in an earlier stage says nothing about this one. The end of a
    /// measurement of a set length, each thread finds alone.
    fn have_all_adopted_the_stage(&self) -> bool {
        let stages = [Some(self.stage), self.stage.after_set_length(self.plan)];
        let mut statuses = self.workers.iter().map(|it| it.status);
        statuses.all(|status| status.is_some_and(|it| stages.contains(&Some(it.stage))))
    }

    /// How much before its beginning the next stage is decided. The end of the run need not be the same for all threads.
    fn ahead(&self) -> Nanos {
        if self.stage.is_draining() { 0 } else { AHEAD }
    }

    /// Decides on the next stage at `now`, which is [`ahead`](Self::ahead) of the clock.
    fn advance(&mut self, now: Nanos) {
        let inputs = self.stage_inputs(now);
        let next = self.stage.next(inputs, self.plan);
        if next == self.stage {
            return;
        }
        let was_measuring = self.stage.is_measuring();
        match next {
            RunStage::Measuring { since } => {
                self.warm_up = self.stage.warm_up(inputs, self.plan);
                self.publish(next);
                self.start_measurement(since);
            }
            RunStage::Draining { since, until, .. } if was_measuring => {
                let ended = self.enough_since().unwrap_or(now);
                let set = self.stage.after_set_length(self.plan);
                let set = set.filter(|stage| stage.begins() <= now);
                let next = set.unwrap_or(RunStage::Draining {
                    since,
                    ended,
                    until,
                });
                self.publish(next);
                self.end_measurement(next.begins());
            }
            RunStage::Done if was_measuring => {
                self.end_measurement(0);
                self.publish(next);
            }
            _ => self.publish(next),
        }
    }

    /// Unlike in a generator with one thread, the load goes on while the observer takes its samples. So it takes them when
    /// the measurement starts, not before.
    fn start_measurement(&mut self, since: Nanos) {
        self.sleep_until(since);
        self.cpu = cpu_of_this_thread();
        self.observer.measurement_started();
    }

    fn end_measurement(&mut self, ended: Nanos) {
        self.sleep_until(ended);
        self.observer.measurement_ended();
        self.cpu = cpu_of_this_thread().saturating_sub(self.cpu);
    }

    fn sleep_until(&self, time: Nanos) {
        thread::sleep(time_until(time, self.clock.now()));
    }

    fn publish(&mut self, stage: RunStage) {
        self.stage = stage;
        let decision = StageDecision {
            stage,
            stop_requested: self.stop_requested,
        };
        for worker in &self.workers {
            // Fails only if the thread has ended, and then there is an error to report.
            let _sent_or_over = worker.decisions.send(decision);
        }
        // A thread that wakes up may take this core. By then, all of them can know of the decision.
        for worker in &self.workers {
            // Fails only if the counter of an eventfd is full, and then the thread has not slept (eventfd(2)).
            let _woken_or_awake = worker.waker.wake();
        }
    }

    fn stage_inputs(&mut self, now: Nanos) -> StageInputs {
        let messages = self.counters.warm_up_messages();
        let is_warm = self.stage.is_warm(now, self.plan, messages, self.observer);
        let statuses = || self.workers.iter().filter_map(|it| it.status);
        StageInputs {
            now,
            is_warm,
            is_built_up: statuses().all(|it| it.is_built_up),
            stop_requested: self.stop_requested,
            is_hopeless: statuses().all(|it| it.is_hopeless),
            has_enough_messages: self.enough_since().is_some(),
            has_outstanding_messages: statuses().any(|it| it.has_outstanding_messages),
        }
    }

    /// When the last of the threads had its share of the messages that end the measurement; `None` before.
    fn enough_since(&self) -> Option<Nanos> {
        let mut times = self.workers.iter().map(|it| it.status?.enough_since);
        times.try_fold(0, |latest, time| Some(latest.max(time?)))
    }

    // ── results ─────────────────────────────────────────────────────────────────────────────────

    /// The results of all threads, or the error that ended one.
    fn into_results(self) -> io::Result<LoadResults> {
        let results = self.workers.into_iter().map(|worker| {
            // With the eventfd of a waker, an event that its thread has not seen yet would be gone (epoll(7)).
            let _open = worker.waker;
            let panicked = |_| Err(io::Error::other("a thread of the generator panicked"));
            worker.thread.join().unwrap_or_else(panicked)
        });
        let results: Vec<LoadResults> = results.collect::<io::Result<_>>()?;
        let mut merged = merged(&results);
        merged.warm_up = self.warm_up;
        merged.generator.cpu += self.cpu;
        Ok(merged)
    }
}

/// The results of all threads together.
fn merged<'r>(results: impl IntoIterator<Item = &'r LoadResults>) -> LoadResults {
    let mut results = results.into_iter();
    let mut merged = results.next().cloned().unwrap_or_else(LoadResults::empty);
    results.for_each(|it| merged.merge(it));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Poll, Token};

    /// Runs a thread that ends as `end` does, beside one that goes on until the coordinator ends it.
    fn error_beside_a_running_thread(end: fn() -> io::Result<LoadResults>) -> String {
        let plan = LoadPlan {
            threads: 2,
            connections: 2,
            ..LoadPlan::new(std::net::SocketAddr::from(([127, 0, 0, 1], 7)))
        };
        let polls = [Poll::new().unwrap(), Poll::new().unwrap()];
        let [first, second] = polls
            .each_ref()
            .map(|poll| Waker::new(poll.registry(), Token(0)).unwrap());
        let (_reporter, reports) = mpsc::channel();
        let results = thread::scope(|scope| {
            let (decider, decisions) = mpsc::channel::<StageDecision>();
            let goes_on = scope.spawn(move || {
                let mut stages = decisions.iter().map(|decision| decision.stage);
                assert!(stages.any(|stage| stage == RunStage::Done));
                Ok(LoadResults::empty())
            });
            let workers = vec![
                GeneratorWorker::new(goes_on, decider, first),
                GeneratorWorker::new(scope.spawn(end), mpsc::channel().0, second),
            ];
            let reports = (reports, SharedCounters::new(2));
            Coordinator::new(&plan, &mut (), Clock::start(), reports, workers).run()
        });
        results.unwrap_err().to_string()
    }

    #[test]
    fn an_error_or_a_panic_of_one_thread_ends_the_run() {
        let error = error_beside_a_running_thread(|| Err(io::Error::other("no more timers")));
        assert_eq!(error, "no more timers");
        let error = error_beside_a_running_thread(|| panic!("on purpose"));
        assert_eq!(error, "a thread of the generator panicked");
    }
}
