//! perf-stat(1): counts in the kernel and hardly slows the process down.

use super::count::{SyscallCount, SyscallCountError, Tool};
use super::syscall_tracer::SyscallTracer;
use std::collections::BTreeMap;

/// The tracepoint that every system call passes.
const EVENT: &str = "raw_syscalls:sys_enter";

#[derive(Debug)]
pub(super) struct Perf(SyscallTracer);

impl Perf {
    /// Starts perf with its counters off (`--delay=-1`) and enables them through its control channel: the
    /// acknowledgement shows that counting is active.
    pub(super) fn start(pid: u32) -> Result<Self, SyscallCountError> {
        let pid = pid.to_string();
        let mut tracer = SyscallTracer::start(
            Tool::Perf,
            &[
                "stat",
                "--field-separator=,",
                "--delay=-1",
                "--control=fd:0,1",
                "--event",
                EVENT,
                "--pid",
                &pid,
            ],
        )?;
        control(&mut tracer, "enable\n")?;
        Ok(Self(tracer))
    }

    pub(super) fn finish(mut self) -> Result<SyscallCount, SyscallCountError> {
        control(&mut self.0, "disable\n")?;
        let output = self.0.finish()?;
        let total =
            parse(&output).ok_or(SyscallCountError::UnexpectedOutput(Tool::Perf, output))?;
        Ok(SyscallCount {
            total,
            by_name: BTreeMap::new(),
            tool: Tool::Perf,
        })
    }
}

/// Sends a control command and waits for the line with which perf acknowledges it.
fn control(tracer: &mut SyscallTracer, command: &str) -> Result<(), SyscallCountError> {
    tracer.write_stdin(command)?;
    tracer.read_stdout_line().map(drop)
}

/// The count from a line `COUNT,UNIT,EVENT,...`. For a process that never ran, perf prints no number but
/// `<not counted>`: zero calls.
fn parse(output: &str) -> Option<u64> {
    let line = output.lines().find(|line| line.contains(EVENT))?;
    match line.split(',').next()? {
        "<not counted>" => Some(0),
        count => count.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_first_field_in_the_line_of_the_event() {
        let output = "Events disabled\n6156639,,raw_syscalls:sys_enter,1971721619,100.00,,\n";
        assert_eq!(parse(output), Some(6_156_639));
    }

    #[test]
    fn a_process_that_slept_made_no_calls() {
        let output = "<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n";
        assert_eq!(parse(output), Some(0));
    }

    #[test]
    fn output_without_a_count_yields_none() {
        assert_eq!(
            parse("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n"),
            None
        );
        assert_eq!(parse("Error: permission denied\n"), None);
    }
}
