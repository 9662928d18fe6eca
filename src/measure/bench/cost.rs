//! What a measurement costs a server, sampled from outside its processes.

use super::warm_up::WarmUpJudge;
use crate::measure::load::{LoadObserver, Progress};
use crate::measure::process::Usage;
use crate::text::units::nanoseconds;
use serde::{Deserialize, Serialize};
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

/// Samples the usage of a server three times: before the first connection, when the measurement starts, and when it
/// ends. A server is a process, the group that it leads, and their descendants.
#[derive(Debug, Clone)]
pub struct UsageSampler {
    pid: u32,
    before: Usage,
    start: Option<Usage>,
    end: Option<Usage>,
}

impl UsageSampler {
    /// Takes the sample before the first connection to the process `pid`.
    ///
    /// # Errors
    ///
    /// There is no such process, it belongs to another user, or the system does not show the usage of processes.
    pub fn new(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            before: Usage::of_group(pid)?,
            start: None,
            end: None,
        })
    }

    /// Takes the sample at the start of the measurement.
    pub fn sample_start(&mut self) {
        self.start = Usage::of_group(self.pid).ok();
    }

    /// Takes the sample at the end of the measurement, while the connections are open.
    pub fn sample_end(&mut self) {
        self.end = Usage::of_group(self.pid).ok();
    }

    /// Processor time and context switches between start and end, memory and threads at the end. `None` if the process
    /// was gone by then.
    pub fn cost(&self) -> Option<ServerCost> {
        let end = self.end?;
        let used = end.since(&self.start?);
        let is_shared = self.before.processes.max(end.processes) > 1;
        let proportional = self.before.proportional.zip(end.proportional);
        let (before, resident, method) = match proportional.filter(|_| is_shared) {
            Some((before, bytes)) => (before, bytes, MemoryMethod::Proportional),
            None => (self.before.resident, end.resident, MemoryMethod::Resident),
        };
        Some(ServerCost {
            user_ns: nanoseconds(used.user),
            system_ns: nanoseconds(used.system),
            voluntary_switches: used.voluntary_switches,
            involuntary_switches: used.involuntary_switches,
            run_queue_delay_ns: used.run_queue_delay.map(nanoseconds),
            threads: end.threads,
            processes: end.processes,
            resident_bytes_before: before,
            resident_bytes: resident,
            memory_method: method,
        })
    }
}

/// What a measurement cost the server: its process, the group that it leads, and their descendants together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCost {
    /// Processor time in user mode.
    pub user_ns: u64,
    /// Processor time in the kernel.
    pub system_ns: u64,
    /// How often a thread of the server blocked.
    pub voluntary_switches: u64,
    /// How often a thread of the server was preempted.
    pub involuntary_switches: u64,
    /// How long its threads were ready to run and waited for a core, summed; `None` where the kernel does not report it.
    #[serde(default)]
    pub run_queue_delay_ns: Option<u64>,
    /// Threads, with all connections open.
    pub threads: u64,
    /// Processes, with all connections open.
    pub processes: u64,
    /// Memory before the first connection.
    pub resident_bytes_before: u64,
    /// Memory with all connections open, at the end of the measurement.
    pub resident_bytes: u64,
    /// How the memory is counted.
    pub memory_method: MemoryMethod,
}

/// Nanoseconds that a message costs at least, or a batch of as many as are in flight on a connection: any system call
/// takes longer, and a server needs two.
const MIN_COST: u64 = 100;

/// The least processor time that is divided into user and system time: 100 clock ticks of 10 ms. The kernel divides it by
/// sampling at its ticks, and fewer of them say little.
const MIN_DIVIDED_NS: u64 = 1_000_000_000;

impl ServerCost {
    /// Processor time, user and system together.
    pub fn cpu_ns(&self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }

    /// User and system time, if there is enough of both together for the division to mean something.
    pub(super) fn divided_ns(&self) -> Option<(u64, u64)> {
        (self.cpu_ns() >= MIN_DIVIDED_NS).then_some((self.user_ns, self.system_ns))
    }

    /// Whether this many messages can have cost as little as this. If not, other processes than the observed ones have
    /// served them.
    pub fn is_plausible(&self, messages: u64, depth: usize) -> bool {
        let batches = messages / (depth.max(1) as u64);
        self.cpu_ns() >= batches.saturating_mul(MIN_COST)
    }

    /// The growth of its memory, in bytes for each of `connections`; negative if it shrank.
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    pub fn bytes_per_connection(&self, connections: usize) -> f64 {
        let growth = self.resident_bytes as f64 - self.resident_bytes_before as f64;
        growth / connections.max(1) as f64
    }
}

/// How the memory of a server is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryMethod {
    /// Resident pages. If there are several processes, a page that they share is counted once for each.
    #[default]
    Resident,
    /// Proportional memory (PSS), summed over several processes: a page that they share is counted once.
    Proportional,
}

/// Samples the costs of the server while a load runs, judges when it is warm, and passes the progress on.
#[derive(Debug)]
pub struct SamplingObserver<P> {
    /// `None` if the server's process is not visible.
    sampler: Option<UsageSampler>,
    warm_up: WarmUpJudge,
    /// The run-queue delay of the generator before the measurement, then that in it.
    generator_delay: Option<Duration>,
    progress: P,
    is_stopped: bool,
}

impl<P: FnMut(&Progress) -> ControlFlow<()>> SamplingObserver<P> {
    /// `progress` is called about ten times a second, and returns whether to go on.
    pub fn new(sampler: Option<UsageSampler>, progress: P) -> Self {
        Self {
            warm_up: WarmUpJudge::new(sampler.as_ref().map(|it| it.pid)),
            sampler,
            generator_delay: None,
            progress,
            is_stopped: false,
        }
    }

    /// What the load has cost the server; `None` if its process is not visible.
    pub fn cost(&self) -> Option<ServerCost> {
        self.sampler.as_ref()?.cost()
    }

    /// How long the generator was ready to run during the measurement and waited for a core; `None` where the kernel does
    /// not report it.
    pub fn generator_delay_ns(&self) -> Option<u64> {
        self.generator_delay.map(nanoseconds)
    }

    /// Whether the load was ended by the progress function.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }
}

impl<P: FnMut(&Progress) -> ControlFlow<()>> LoadObserver for SamplingObserver<P> {
    fn is_warm(&mut self, lasted: Duration, messages: u64) -> bool {
        self.warm_up.is_warm(lasted, messages)
    }

    fn measurement_started(&mut self) {
        self.sampler.as_mut().map(UsageSampler::sample_start);
        self.generator_delay = Usage::own_run_queue_delay();
    }

    fn measurement_ended(&mut self) {
        let delay = Usage::own_run_queue_delay().zip(self.generator_delay);
        self.generator_delay = delay.map(|(now, before)| now.saturating_sub(before));
        self.sampler.as_mut().map(UsageSampler::sample_end);
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let next = (self.progress)(progress);
        self.is_stopped |= next.is_break();
        next
    }
}
