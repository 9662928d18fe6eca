//! strace(1): available on most machines, counts calls by name, and slows the process down.

use super::tool::{Tool, ToolError};
use super::tool_process::ToolProcess;
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Strace(ToolProcess);

impl Strace {
    pub(super) fn start(pid: u32) -> Result<Self, ToolError> {
        let pid = pid.to_string();
        let arguments = ["-f", "-c", "-p", &pid];
        let mut process = ToolProcess::start(Tool::Strace, &arguments)?;
        // Printed once all threads of the process are attached.
        let attached = format!("strace: Process {pid} attached");
        process.wait_for_stderr_line(|line| line.starts_with(&attached))?;
        Ok(Self(process))
    }

    /// Stops counting. Returns the calls by name.
    pub(super) fn finish(self) -> Result<BTreeMap<String, u64>, ToolError> {
        let output = self.0.finish()?;
        parse(&output).ok_or(ToolError::UnexpectedOutput(Tool::Strace, output))
    }
}

/// The calls by name, from the table of `strace -c`. Its columns are: time in percent, seconds, microseconds
/// per call, calls, errors (if any), name. The rows stand between two lines of dashes. If there were no
/// calls, there is no table.
fn parse(output: &str) -> Option<BTreeMap<String, u64>> {
    let is_rule = |line: &&str| line.starts_with("------");
    let mut lines = output.lines().skip_while(|line| !is_rule(line)).skip(1);
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
        let output = "\
strace: Process 42 detached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 75.00    0.000300           3       100        20 recvfrom
 25.00    0.000100           2        50           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.000400           2       150        20 total
";
        let by_name = parse(output).unwrap();
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
    fn a_table_with_other_columns_yields_none() {
        let output = "------ ----\n 75.00 3 recvfrom\n------ ----\n";
        assert_eq!(parse(output), None);
    }
}
