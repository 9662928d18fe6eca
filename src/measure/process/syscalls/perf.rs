//! perf-stat(1): the kernel counts, and hardly anybody is disturbed.

use super::tracer::Tracer;
use super::{CannotCount, SyscallCount, Tool};
use std::collections::BTreeMap;

/// The tracepoint that every system call passes.
const EVENT: &str = "raw_syscalls:sys_enter";

#[derive(Debug)]
pub(super) struct Perf(Tracer);

impl Perf {
    /// Begins with the counters off (`--delay=-1`) and turns them on through its control channel, so that
    /// its answer tells when counting has begun.
    pub(super) fn start(pid: u32) -> Result<Self, CannotCount> {
        let pid = pid.to_string();
        let mut tracer = Tracer::start(
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
        order(&mut tracer, "enable\n")?;
        Ok(Self(tracer))
    }

    pub(super) fn finish(mut self) -> Result<SyscallCount, CannotCount> {
        order(&mut self.0, "disable\n")?;
        let said = self.0.sum_up()?;
        let total = parse(&said).ok_or(CannotCount::NotUnderstood(Tool::Perf, said))?;
        Ok(SyscallCount {
            total,
            by_name: BTreeMap::new(),
            tool: Tool::Perf,
        })
    }
}

/// Gives an order and waits until it is carried out, which perf acknowledges with a line.
fn order(tracer: &mut Tracer, order: &str) -> Result<(), CannotCount> {
    tracer.tell(order)?;
    tracer.answer().map(drop)
}

/// From a line `COUNT,UNIT,EVENT,...`. A process that did not run at all has no count, which is none.
fn parse(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains(EVENT))?;
    match line.split(',').next()? {
        "<not counted>" => Some(0),
        count => count.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_stands_first_in_the_line_of_the_event() {
        let said = "Events disabled\n6156639,,raw_syscalls:sys_enter,1971721619,100.00,,\n";
        assert_eq!(parse(said), Some(6_156_639));
    }

    #[test]
    fn a_process_that_slept_made_no_calls() {
        let said = "<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n";
        assert_eq!(parse(said), Some(0));
    }

    #[test]
    fn what_is_no_count_is_not_taken_for_one() {
        assert_eq!(
            parse("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n"),
            None
        );
        assert_eq!(parse("Error: permission denied\n"), None);
    }
}
