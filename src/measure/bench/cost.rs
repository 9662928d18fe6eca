//! What a measurement costs a server, sampled from outside its processes.

use super::instruments::Instruments;
use super::warm_up::WarmUpJudge;
use crate::measure::load::{
    self, LoadObserver, LoadPattern, LoadPlan, Progress, StopCondition, Transport,
};
use crate::measure::process::Usage;
use crate::text::units::nanoseconds;
use serde::{Deserialize, Serialize};
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

/// How many messages a single connection carries before the memory that the server then has is sampled.
const FIRST_MESSAGES: u64 = 4;

/// Samples the usage of a server three times: before the first connection or with one, when the measurement starts, and
/// when it ends. A server is a process, the group that it leads, and their descendants.
#[derive(Debug, Clone)]
pub struct UsageSampler {
    pid: u32,
    before: Usage,
    /// Connections that were open when `before` was sampled: none, or one.
    connections_before: u64,
    tcp_buffers_before: Option<u64>,
    start: Option<Usage>,
    end: Option<Usage>,
    tcp_buffers: Option<u64>,
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
            connections_before: 0,
            tcp_buffers_before: Usage::tcp_buffers(),
            start: None,
            end: None,
            tcp_buffers: None,
        })
    }

    /// Replaces the sample before the first connection by one with a single connection that has carried a few messages of
    /// `plan`. What the server allocates once, for its first message, is then no part of the memory per connection. The
    /// earlier sample stays if `plan` has no second connection, or if the single one gets no reply. `progress` is told that
    /// nothing is measured yet, and returns whether to go on.
    pub fn sample_one_connection(
        &mut self,
        plan: &LoadPlan,
        progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) {
        let has_slope = plan.connections > 1 && plan.pattern != LoadPattern::Churn;
        if !has_slope || plan.transport == Transport::Datagrams {
            return;
        }
        let one = LoadPlan {
            connections: 1,
            threads: 1,
            rate: None,
            warm_up: Duration::ZERO,
            warm_up_extension: Duration::ZERO,
            pattern: match plan.pattern {
                LoadPattern::Idle => LoadPattern::Echo,
                other => other,
            },
            stop_when: StopCondition::Messages(FIRST_MESSAGES),
            ..plan.clone()
        };
        let mut with_one = SampleAtEnd {
            pid: self.pid,
            usage: None,
            tcp_buffers: None,
            progress,
        };
        let results = load::run(&one, &mut with_one);
        if let Some(usage) = with_one.usage
            && results.is_ok_and(|it| it.messages > 0)
        {
            self.before = usage;
            self.connections_before = 1;
            self.tcp_buffers_before = with_one.tcp_buffers;
        }
    }

    /// Takes the sample at the start of the measurement.
    pub fn sample_start(&mut self) {
        self.start = Usage::of_group(self.pid).ok();
    }

    /// Takes the sample at the end of the measurement, while the connections are open.
    pub fn sample_end(&mut self) {
        self.end = Usage::of_group(self.pid).ok();
        self.tcp_buffers = Usage::tcp_buffers();
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
            connections_before: self.connections_before,
            tcp_buffers_before: self.tcp_buffers_before,
            tcp_buffers: self.tcp_buffers,
            tcp_buffers_step: Usage::tcp_buffers_step(),
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
    /// Memory with [`connections_before`](Self::connections_before) open.
    pub resident_bytes_before: u64,
    /// None, or one that has carried messages, so that what the server allocates once is no part of the growth.
    #[serde(default)]
    pub connections_before: u64,
    /// Memory with all connections open, at the end of the measurement.
    pub resident_bytes: u64,
    /// Bytes in the buffers of all TCP sockets of this network namespace, the generator's included, when
    /// [`resident_bytes_before`](Self::resident_bytes_before) was sampled; `None` where the kernel does not report it. It
    /// counts them to within 1 MiB for each core, and not the sockets themselves.
    #[serde(default)]
    pub tcp_buffers_before: Option<u64>,
    /// The same with all connections open, at the end of the measurement.
    #[serde(default)]
    pub tcp_buffers: Option<u64>,
    /// The smallest change of them that is one.
    #[serde(default)]
    pub tcp_buffers_step: Option<u64>,
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

    /// The growth of its memory, in bytes for each of `connections` that was opened between the two samples; negative if it
    /// shrank. Without [`connections_before`](Self::connections_before) it contains what the server allocates once.
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    pub fn bytes_per_connection(&self, connections: usize) -> f64 {
        let growth = self.resident_bytes as f64 - self.resident_bytes_before as f64;
        let opened = (connections as u64).saturating_sub(self.connections_before);
        growth / opened.max(1) as f64
    }
}

/// How the buffers of all TCP sockets have grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::measure) enum BufferGrowth {
    /// By this many bytes.
    Bytes(f64),
    /// By less than this many bytes, which the kernel does not count.
    Below(f64),
    /// They have shrunk, because of other connections of the machine.
    Shrunk,
}

impl ServerCost {
    /// The growth of the TCP buffers between the two samples; `None` where the kernel does not report them.
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    pub(in crate::measure) fn buffer_growth(&self) -> Option<BufferGrowth> {
        let growth = self.tcp_buffers? as f64 - self.tcp_buffers_before? as f64;
        let least = self.tcp_buffers_step? as f64;
        Some(match growth {
            _ if growth.abs() < least => BufferGrowth::Below(least),
            _ if growth < 0.0 => BufferGrowth::Shrunk,
            _ => BufferGrowth::Bytes(growth),
        })
    }
}

/// Samples the usage of a server at the end of a load, while its connection is open.
struct SampleAtEnd<P> {
    pid: u32,
    usage: Option<Usage>,
    tcp_buffers: Option<u64>,
    progress: P,
}

impl<P: FnMut(&Progress) -> ControlFlow<()>> LoadObserver for SampleAtEnd<P> {
    fn measurement_ended(&mut self) {
        self.usage = Usage::of_group(self.pid).ok();
        self.tcp_buffers = Usage::tcp_buffers();
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        (self.progress)(&Progress {
            measured: None,
            per_mille: 0,
            ..*progress
        })
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
    /// What else observes the server during the measurement.
    pub instruments: Instruments,
    /// `None` if the server's process is not visible.
    sampler: Option<UsageSampler>,
    warm_up: WarmUpJudge,
    /// How long some task of the machine waited for a core before the measurement, then in it.
    cpu_pressure: Option<Duration>,
    progress: P,
    is_stopped: bool,
}

impl<P: FnMut(&Progress) -> ControlFlow<()>> SamplingObserver<P> {
    /// `progress` is called about ten times a second, and returns whether to go on.
    pub fn new(sampler: Option<UsageSampler>, progress: P) -> Self {
        Self {
            warm_up: WarmUpJudge::new(sampler.as_ref().map(|it| it.pid)),
            sampler,
            instruments: Instruments::default(),
            cpu_pressure: None,
            progress,
            is_stopped: false,
        }
    }

    /// See [`UsageSampler::sample_one_connection`].
    pub fn sample_one_connection(&mut self, plan: &LoadPlan) {
        if let Some(sampler) = &mut self.sampler {
            sampler.sample_one_connection(plan, &mut self.progress);
        }
    }

    /// What the load has cost the server; `None` if its process is not visible.
    pub fn cost(&self) -> Option<ServerCost> {
        self.sampler.as_ref()?.cost()
    }

    /// How long some task of the machine was ready to run during the measurement and waited for a core; `None` where the
    /// kernel does not report it.
    pub fn cpu_pressure_ns(&self) -> Option<u64> {
        self.cpu_pressure.map(nanoseconds)
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
        self.cpu_pressure = Usage::cpu_pressure();
        self.instruments.enable();
    }

    fn measurement_ended(&mut self) {
        self.instruments.disable();
        let pressure = Usage::cpu_pressure().zip(self.cpu_pressure);
        self.cpu_pressure = pressure.map(|(now, before)| now.saturating_sub(before));
        self.sampler.as_mut().map(UsageSampler::sample_end);
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let next = (self.progress)(progress);
        self.is_stopped |= next.is_break();
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_buffers_is_one_from_the_step_of_the_kernel_on() {
        let growth = |before, now| {
            let cost = ServerCost {
                tcp_buffers_before: Some(before),
                tcp_buffers: Some(now),
                tcp_buffers_step: Some(1_000),
                ..ServerCost::default()
            };
            cost.buffer_growth()
        };
        assert_eq!(growth(5_000, 5_999), Some(BufferGrowth::Below(1_000.0)));
        assert_eq!(growth(5_000, 4_001), Some(BufferGrowth::Below(1_000.0)));
        assert_eq!(growth(5_000, 6_000), Some(BufferGrowth::Bytes(1_000.0)));
        assert_eq!(growth(5_000, 4_000), Some(BufferGrowth::Shrunk));
        assert_eq!(ServerCost::default().buffer_growth(), None);
    }
}
