//! perf(1): counts events in the kernel, or samples call stacks, and hardly slows a process down.

use super::tool::{Tool, ToolError};
use super::tool_process::ToolProcess;
use crate::text::os_error;
use std::fs;
use std::io;
use std::process::{Command, Stdio};

/// perf, attached to processes. It is told through its control channel when to observe them.
#[derive(Debug)]
pub(super) struct Perf {
    process: ToolProcess,
    /// The first command that perf did not acknowledge.
    failure: Option<ToolError>,
}

/// What perf prints for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventReading {
    /// Its count.
    Counted(u64),
    /// `<not counted>`: the process never ran, or the event never got a counter.
    NotCounted,
    /// `<not supported>`: the processor has no such counter, or the kernel does not offer it.
    NotSupported,
}

impl Perf {
    /// Runs `perf ARGUMENTS --pid PIDS`, with all counters off (`--delay=-1`). It observes all threads of the processes, and
    /// those that they start from now on. It is attached when this returns.
    pub(super) fn attach(arguments: &[&str], pids: &[u32]) -> Result<Self, ToolError> {
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let pids = pids.join(",");
        let control = ["--delay=-1", "--control=fd:0,1", "--pid", &pids];
        let mut process = ToolProcess::start(Tool::Perf, &[arguments, &control].concat())?;
        process.control("disable\n")?;
        Ok(Self {
            process,
            failure: None,
        })
    }

    /// Counts `events`, separated by commas.
    pub(super) fn stat(events: &str, pids: &[u32]) -> Result<Self, ToolError> {
        Self::attach(&["stat", "--field-separator=,", "--event", events], pids)
    }

    /// Turns the counters on.
    pub(super) fn enable(&mut self) {
        self.control("enable\n");
    }

    /// Turns the counters off, in well below a millisecond.
    pub(super) fn disable(&mut self) {
        self.control("disable\n");
    }

    fn control(&mut self, command: &str) {
        if self.failure.is_none() {
            self.failure = self.process.control(command).err();
        }
    }

    /// Detaches it. Returns what it prints.
    pub(super) fn finish(self) -> Result<String, ToolError> {
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
/// kinds has a line for each kind, and their counts add up.
pub(super) fn reading(output: &str, event: &str) -> Option<EventReading> {
    let readings = output.lines().filter_map(|line| {
        let mut fields = line.split(',');
        let count = fields.next()?;
        fields.nth(1).filter(|name| name.contains(event))?;
        match count {
            "<not counted>" => Some(EventReading::NotCounted),
            "<not supported>" => Some(EventReading::NotSupported),
            count => count.parse().ok().map(EventReading::Counted),
        }
    });
    readings.reduce(|one, other| match (one, other) {
        (EventReading::Counted(one), EventReading::Counted(other)) => {
            EventReading::Counted(one.saturating_add(other))
        }
        (EventReading::Counted(_), _) => one,
        (EventReading::NotCounted | EventReading::NotSupported, _) => other,
    })
}

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
