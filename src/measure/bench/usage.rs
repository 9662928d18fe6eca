//! What a measurement costs a server, sampled from outside its process.

use crate::measure::process::Usage;
use std::io;

/// Samples the usage of a server process three times: before the first connection, when the measurement starts, and
/// when it ends.
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
            before: Usage::of(pid)?,
            start: None,
            end: None,
        })
    }

    /// Takes the sample at the start of the measurement.
    pub fn sample_start(&mut self) {
        self.start = Usage::of(self.pid).ok();
    }

    /// Takes the sample at the end of the measurement, while the connections are open.
    pub fn sample_end(&mut self) {
        self.end = Usage::of(self.pid).ok();
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Resident memory before the first connection, in bytes.
    pub fn resident_bytes_before(&self) -> u64 {
        self.before.resident
    }

    /// Processor time and context switches during the measurement, memory and threads at its end. `None` if the
    /// process was gone by then.
    pub fn usage(&self) -> Option<Usage> {
        Some(self.end?.since(&self.start?))
    }
}
