//! strace(1): on almost every machine, knows the calls by name, and slows down whoever it looks at.

use super::tracer::Tracer;
use super::{CannotCount, SyscallCount, Tool};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Strace(Tracer);

impl Strace {
    pub(super) fn start(pid: u32) -> Result<Self, CannotCount> {
        let pid = pid.to_string();
        let arguments = ["-f", "-c", "-p", &pid];
        let mut tracer = Tracer::start(Tool::Strace, &arguments)?;
        // Said when all of its threads are attached.
        let attached = format!("strace: Process {pid} attached");
        tracer.await_remark(|line| line.starts_with(&attached))?;
        Ok(Self(tracer))
    }

    pub(super) fn finish(self) -> Result<SyscallCount, CannotCount> {
        let said = self.0.sum_up()?;
        let by_name = parse(&said).ok_or(CannotCount::NotUnderstood(Tool::Strace, said))?;
        Ok(SyscallCount {
            total: by_name.values().sum(),
            by_name,
            tool: Tool::Strace,
        })
    }
}

/// From the table: time in per cent, seconds, microseconds for each call, calls, errors if any, and the
/// name. It stands between lines of dashes; without a call there is no table at all.
fn parse(said: &str) -> Option<BTreeMap<String, u64>> {
    let is_rule = |line: &&str| line.starts_with("------");
    let mut lines = said.lines().skip_while(|line| !is_rule(line)).skip(1);
    let rows = lines.by_ref().take_while(|line| !is_rule(line));
    rows.map(parse_row).collect()
}

fn parse_row(row: &str) -> Option<(String, u64)> {
    let mut columns = row.split_whitespace();
    let calls = columns.nth(3)?.parse().ok()?;
    let name = columns.next_back()?;
    Some((name.to_owned(), calls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_by_name_with_errors_or_without() {
        let said = "\
strace: Process 42 detached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 75.00    0.000300           3       100        20 recvfrom
 25.00    0.000100           2        50           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.000400           2       150        20 total
";
        let by_name = parse(said).unwrap();
        let expected = [("recvfrom".to_owned(), 100), ("sendto".to_owned(), 50)];
        assert_eq!(by_name, BTreeMap::from(expected));
    }

    #[test]
    fn without_a_call_there_is_no_table() {
        assert_eq!(
            parse("strace: Process 42 detached\n"),
            Some(BTreeMap::new())
        );
    }

    #[test]
    fn a_table_of_another_shape_is_not_guessed_at() {
        let said = "------ ----\n 75.00 3 recvfrom\n------ ----\n";
        assert_eq!(parse(said), None);
    }
}
