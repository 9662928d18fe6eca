//! What a measurement costs a server, sampled from outside its processes.

use crate::measure::process::Usage;
use serde::{Deserialize, Serialize};
use std::io;

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

    /// The process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Memory before the first connection and at the end of the measurement; `None` if the process was gone by then.
    pub fn memory(&self) -> Option<ServerMemory> {
        let end = self.end?;
        let is_shared = self.before.processes.max(end.processes) > 1;
        let proportional = self.before.proportional.zip(end.proportional);
        Some(match proportional.filter(|_| is_shared) {
            Some((before, bytes)) => ServerMemory {
                before,
                bytes,
                method: MemoryMethod::Proportional,
            },
            None => ServerMemory {
                before: self.before.resident,
                bytes: end.resident,
                method: MemoryMethod::Resident,
            },
        })
    }

    /// Processor time and context switches during the measurement, memory and threads at its end. `None` if the
    /// process was gone by then.
    pub fn usage(&self) -> Option<Usage> {
        Some(self.end?.since(&self.start?))
    }
}

/// The memory of a server before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerMemory {
    /// Before the first connection, in bytes.
    pub before: u64,
    /// At the end of the measurement, in bytes.
    pub bytes: u64,
    /// How both were counted.
    pub method: MemoryMethod,
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
