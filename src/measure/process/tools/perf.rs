//! perf(1): counts events in the kernel, or samples call stacks, and hardly slows a process down.

use super::tool::{Tool, ToolError};
use super::tool_process::ToolProcess;
use crate::measure::process::cores;
use crate::text::os_error;
use std::fs;
use std::io;
use std::process::{Command, Stdio};

/// perf, attached to processes. It is told through its control channel when to observe them.
#[derive(Debug)]
pub(super) struct Perf {
    process: ToolProcess,
    /// Commands that perf has not acknowledged yet.
    unacknowledged: u32,
    /// Why a command failed, the first one that did.
    failure: Option<ToolError>,
}

/// What perf prints for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventReading {
    /// Its count.
    Counted(u64),
    /// `<not counted>`: the process never ran, or the event never got a counter.
    NotCounted,
    /// An estimate: the event had a counter for a part of the time only, and shared it with others.
    Estimated,
    /// `<not supported>`: the processor has no such counter, or the kernel does not offer it.
    NotSupported,
}

impl Perf {
    /// Runs `perf ARGUMENTS --pid PIDS`, with all counters off (`--delay=-1`). It observes all threads of the processes, and
    /// those that they start from now on. It is attached when this returns.
    pub(super) fn attach(arguments: &[&str], pids: &[u32]) -> Result<Self, ToolError> {
        let list: Vec<String> = pids.iter().map(u32::to_string).collect();
        let list = list.join(",");
        let control = ["--delay=-1", "--control=fd:0,1", "--pid", &list];
        let start = || ToolProcess::start(Tool::Perf, &[arguments, &control].concat());
        let leader = pids.first().copied().unwrap_or_default();
        let mut process = cores::while_beside(leader, start)?;
        process.send("disable\n")?;
        process.wait_for_acknowledgement()?;
        Ok(Self {
            process,
            unacknowledged: 0,
            failure: None,
        })
    }

    /// Counts `events`, separated by commas.
    pub(super) fn stat(events: &str, pids: &[u32]) -> Result<Self, ToolError> {
        Self::attach(&["stat", "--field-separator=,", "--event", events], pids)
    }

    /// Turns the counters on, within milliseconds. Does not wait for that: the load generator would answer late meanwhile.
    pub(super) fn enable(&mut self) {
        self.send("enable\n");
    }

    /// Turns the counters off, as [`enable`](Self::enable) turns them on.
    pub(super) fn disable(&mut self) {
        self.send("disable\n");
    }

    fn send(&mut self, command: &str) {
        if self.failure.is_none() {
            self.failure = self.process.send(command).err();
            self.unacknowledged += 1;
        }
    }

    /// Waits until perf has done what it was told.
    pub(super) fn settle(&mut self) {
        while self.failure.is_none() && self.unacknowledged > 0 {
            self.failure = self.process.wait_for_acknowledgement().err();
            self.unacknowledged -= 1;
        }
    }

    /// Detaches it. Returns what it prints.
    pub(super) fn finish(mut self) -> Result<String, ToolError> {
        self.settle();
        match self.failure {
            Some(failure) => Err(failure),
            None => self.process.finish(),
        }
    }
}

/// Whether perf can be run here, and may observe processes in the kernel too.
///
/// # Errors
///
/// It is not installed, or the kernel forbids it. The error is one line that says what to do.
pub fn check_perf() -> Result<(), String> {
    let mut command = Command::new(Tool::Perf.to_string());
    command
        .args(["stat", "--event=cpu-clock:uk", "--", "true"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    let output = match command.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("perf is not installed (package linux-perf, or linux-tools)".to_owned());
        }
        Err(error) => return Err(format!("cannot run perf: {}", os_error::describe(&error))),
        Ok(output) => output,
    };
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let level = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    Err(refusal(&stderr, level.ok().as_deref()))
}

/// Why perf may not observe the kernel. From `level` 2 on, that takes `CAP_PERFMON` (`perf_event_open(2)`).
fn refusal(stderr: &str, level: Option<&str>) -> String {
    let level = level.map(str::trim);
    if let Some(level) = level.filter(|_| stderr.contains("perf_event_paranoid")) {
        return format!(
            "the kernel does not allow perf: it needs sysctl kernel.perf_event_paranoid=1 (now {level}), or CAP_PERFMON"
        );
    }
    let mut lines = stderr.lines().map(str::trim);
    let reason = lines.find(|line| !line.is_empty() && *line != "Error:");
    format!("perf fails here: {}", reason.unwrap_or("without a reason"))
}

/// The count of `event` from lines `COUNT,UNIT,EVENT,...`; `None` if there is none. A processor with cores of several
/// kinds has a line for each kind, and their counts add up. The fifth field is for how many percent of the time the event had
/// a counter.
pub(super) fn reading(output: &str, event: &str) -> Option<EventReading> {
    let readings = output.lines().filter_map(|line| {
        let mut fields = line.split(',');
        let count = fields.next()?;
        fields.nth(1).filter(|name| name.contains(event))?;
        let share = fields
            .nth(1)
            .and_then(|percent| percent.parse::<f64>().ok());
        let is_shared = share.is_some_and(|percent| percent < LEAST_PERCENT);
        match count {
            "<not counted>" => Some(EventReading::NotCounted),
            "<not supported>" => Some(EventReading::NotSupported),
            _ if is_shared => Some(EventReading::Estimated),
            count => count.parse().ok().map(EventReading::Counted),
        }
    });
    readings.reduce(|one, other| match (one, other) {
        (EventReading::Counted(one), EventReading::Counted(other)) => {
            EventReading::Counted(one.saturating_add(other))
        }
        // The server never ran on the other kind of core.
        (EventReading::NotCounted, counted) | (counted, EventReading::NotCounted) => counted,
        (EventReading::Counted(_), unknown) | (unknown, _) => unknown,
    })
}

/// Below this share of the time, a count is an estimate.
const LEAST_PERCENT: f64 = 99.0;

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "raw_syscalls:sys_enter";

    #[test]
    fn the_count_is_the_first_field_in_the_line_of_the_event() {
        let output = "Events disabled\n6156639,,raw_syscalls:sys_enter,1971721619,100.00,,\n";
        let count = EventReading::Counted(6_156_639);
        assert_eq!(reading(output, EVENT), Some(count));
        assert_eq!(reading(output, "cycles"), None);
        let with_ratio =
            "900,,instructions:uk,7,100.00,0.9,insn per cycle\n,,,,,0.4,stalled cycles per insn\n";
        assert_eq!(reading(with_ratio, "cycles"), None);
    }

    #[test]
    fn what_was_not_counted_is_no_zero() {
        let output =
            "<not counted>,,cycles:uk,0,100.00,,\n<not supported>,,cache-misses:uk,0,100.00,,\n";
        assert_eq!(reading(output, "cycles"), Some(EventReading::NotCounted));
        let misses = reading(output, "cache-misses");
        assert_eq!(misses, Some(EventReading::NotSupported));
        assert_eq!(reading("Error: permission denied\n", EVENT), None);
    }

    #[test]
    fn the_counts_of_cores_of_several_kinds_add_up() {
        let output = "5,,cpu_core/cycles/,9,100.00,,\n<not counted>,,cpu_atom/cycles/,0,0.00,,\n\
                      7,,cpu_lowpower/cycles/,9,100.00,,\n";
        assert_eq!(reading(output, "cycles"), Some(EventReading::Counted(12)));
    }

    #[test]
    fn a_count_of_a_part_of_the_time_or_of_some_cores_is_no_count() {
        let shared = "812345,,cycles:uk,12000000,25.00,,\n";
        assert_eq!(reading(shared, "cycles"), Some(EventReading::Estimated));
        let of_some =
            "5,,cpu_core/cycles/,9,100.00,,\n<not supported>,,cpu_atom/cycles/,0,0.00,,\n";
        assert_eq!(reading(of_some, "cycles"), Some(EventReading::NotSupported));
    }

    #[test]
    fn a_refusal_says_what_to_set_or_what_perf_says() {
        let stderr = "Error:\nAccess is limited.\nConsider adjusting perf_event_paranoid\n";
        let text = refusal(stderr, Some("3\n"));
        assert!(
            text.contains("kernel.perf_event_paranoid=1 (now 3)"),
            "{text}"
        );
        let text = refusal("\nError:\nNo permission\nmore\n", Some("4\n"));
        assert_eq!(text, "perf fails here: No permission");
    }
}
