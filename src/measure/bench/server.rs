//! What the server needed, seen from outside.

use super::ratio::{each, per_message, share};
use crate::measure::load::LoadResults;
use crate::measure::process::Usage;
use serde::Serialize;
use std::io;

/// A server process, watched at the moments that matter.
#[derive(Debug, Clone)]
pub struct Watched {
    pid: u32,
    /// Before the first connection.
    before: Usage,
    /// When it began to count.
    begin: Option<Usage>,
    /// When it ended to count, with the connections still open.
    end: Option<Usage>,
}

impl Watched {
    /// Begins to watch a process that has no connection of ours yet.
    ///
    /// # Errors
    ///
    /// It is not there, or not ours to see, or this system does not show such things.
    pub fn new(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            before: Usage::of(pid)?,
            begin: None,
            end: None,
        })
    }

    /// It counts from here on.
    pub fn begin(&mut self) {
        self.begin = Usage::of(self.pid).ok();
    }

    /// It has counted until here.
    pub fn end(&mut self) {
        self.end = Usage::of(self.pid).ok();
    }

    /// What it needed; none if it was gone before the end.
    pub fn report(&self, outcome: &LoadResults) -> Option<ServerReport> {
        let (begin, end) = (self.begin?, self.end?);
        let used = end.since(&begin);
        let time_each = |time| per_message(time, outcome.messages);
        Some(ServerReport {
            pid: self.pid,
            cpu_us_per_message: time_each(used.cpu()),
            user_us_per_message: time_each(used.user),
            system_us_per_message: time_each(used.system),
            cpu_share: share(used.cpu(), outcome.elapsed),
            voluntary_switches_per_message: each(used.voluntary_switches, outcome.messages),
            involuntary_switches_per_message: each(used.involuntary_switches, outcome.messages),
            resident_bytes_before: self.before.resident,
            resident_bytes: end.resident,
            threads: end.threads,
        })
    }
}

/// What the server needed while it was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerReport {
    /// Its process id.
    pub pid: u32,
    /// Processor time for a message, user and system together; none without messages.
    pub cpu_us_per_message: Option<f64>,
    /// Processor time in its own code.
    pub user_us_per_message: Option<f64>,
    /// Processor time in the kernel on its behalf.
    pub system_us_per_message: Option<f64>,
    /// The share of one core that it used; with threads, more than 1 is possible.
    pub cpu_share: f64,
    /// How often one of its threads waited.
    pub voluntary_switches_per_message: Option<f64>,
    /// How often one of its threads was made to give way.
    pub involuntary_switches_per_message: Option<f64>,
    /// Bytes in memory before the first connection.
    pub resident_bytes_before: u64,
    /// Bytes in memory when it ended to count, with the connections open.
    pub resident_bytes: u64,
    /// Threads at that time.
    pub threads: u64,
}

impl ServerReport {
    /// Bytes by which its memory has grown for each of so many connections.
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    pub fn bytes_per_connection(&self, connections: usize) -> f64 {
        let growth = self.resident_bytes as f64 - self.resident_bytes_before as f64;
        growth / connections.max(1) as f64
    }
}
