//! What Linux reports about a process: its clock, and its files below /proc (proc(5)).

use nix::time::ClockId;
use nix::unistd::Pid;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Some fields of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// The process that started it, or adopted it.
    pub(super) parent: u32,
    /// Its process group.
    pub(super) group: u32,
    /// A letter (`proc_pid_stat(5)`).
    state: char,
    /// Processor time in user mode, in clock ticks.
    user: u64,
    /// Processor time in the kernel, in clock ticks.
    system: u64,
    /// User time of the children that it has waited for, and of theirs, in clock ticks.
    children_user: u64,
    /// Their time in the kernel, in clock ticks.
    children_system: u64,
    /// Threads that exist now.
    pub(super) threads: u64,
}

impl Stat {
    /// Whether it has ended and waits to be reaped. Its processor time can still be read, its memory is gone.
    pub(super) fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whether a signal or a debugger has stopped it.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// Whether it sleeps until something happens.
    pub(super) fn is_asleep(&self) -> bool {
        self.state == 'S'
    }

    /// The part of `cpu` that was spent in the kernel. Before the first clock tick (10 ms) that is unknown, and
    /// all of it counts as user time.
    pub(super) fn system_part(&self, cpu: Duration) -> Duration {
        let both = u128::from(self.user) + u128::from(self.system);
        let part = (cpu.as_nanos() * u128::from(self.system)).checked_div(both);
        Duration::from_nanos_u128(part.unwrap_or_default())
    }

    /// User and system time of the children that have ended and were waited for, to the tick (10 ms).
    pub(super) fn ended_children(&self) -> (Duration, Duration) {
        (
            from_ticks(self.children_user),
            from_ticks(self.children_system),
        )
    }
}

fn from_ticks(ticks: u64) -> Duration {
    let per_second = u128::from(rustix::param::clock_ticks_per_second());
    let nanoseconds = u128::from(ticks) * 1_000_000_000;
    Duration::from_nanos_u128(nanoseconds.checked_div(per_second).unwrap_or_default())
}

/// Context switches of all threads that exist now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Switches {
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
}

/// Processor time of the whole process, including threads that have ended (`clock_getcpuclockid(3)`). The files
/// contain it too, but only in clock ticks of 10 ms.
pub(super) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let pid = i32::try_from(pid).map_err(|_| ErrorKind::NotFound)?;
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid))?;
    Ok(clock.now()?.into())
}

pub(super) fn stat(pid: u32) -> io::Result<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat"))?).ok_or_else(unexpected_format)
}

/// How long some task of the machine was ready to run and had no core since the machine was booted; `None` where the
/// kernel does not report it.
pub(super) fn cpu_pressure() -> Option<Duration> {
    parse_pressure(&fs::read_to_string("/proc/pressure/cpu").ok()?)
}

/// The line `some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS`.
fn parse_pressure(text: &str) -> Option<Duration> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    let (_, total) = line.split_once(" total=")?;
    Some(Duration::from_micros(total.trim().parse().ok()?))
}

/// All processes that can be seen, with their state. One that ends meanwhile is left out.
pub(super) fn all() -> io::Result<Vec<(u32, Stat)>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        processes.extend(pid.and_then(|pid| Some((pid, stat(pid).ok()?))));
    }
    Ok(processes)
}

/// Whether the process was started with this `NAME=VALUE` in its environment. Of another user's process, that is not known.
pub(super) fn has_in_environment(pid: u32, variable: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|byte| *byte == 0);
    variables.any(|it| it == variable.as_bytes())
}

/// Summed over the threads: the status file of the process covers only its first thread.
pub(super) fn switches(pid: u32) -> io::Result<Switches> {
    let mut sum = Switches::default();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = match fs::read_to_string(thread?.path().join("status")) {
            // The thread ended after the directory was listed.
            Err(error) if is_gone(&error) => continue,
            status => status?,
        };
        let switches = parse_switches(&status).ok_or_else(unexpected_format)?;
        sum.voluntary += switches.voluntary;
        sum.involuntary += switches.involuntary;
    }
    Ok(sum)
}

/// How long the threads that exist now were ready to run and waited for a core: the second field of
/// `/proc/PID/task/TID/schedstat`, in nanoseconds (the kernel's `sched-stats.rst`). `None` where the kernel does not keep it.
pub(super) fn run_queue_delay(pid: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    // A thread that has ended after the directory was listed has no file any more.
    let delays = threads.filter_map(|thread| delay_in(&thread.ok()?.path().join("schedstat")));
    delays.reduce(|sum, delay| sum + delay)
}

fn delay_in(file: &Path) -> Option<Duration> {
    let text = fs::read_to_string(file).ok()?;
    let nanoseconds = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// The memory of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Resident bytes, shared pages included.
    pub(super) resident: u64,
    /// Resident bytes, with a page that `n` processes share counted as an `n`-th; `None` where `smaps_rollup` does not
    /// exist or is not readable.
    pub(super) proportional: Option<u64>,
}

/// Memory from `smaps_rollup`, which counts page by page. The totals in `statm` and `status` are kept per processor
/// and may be off by some hundred KiB, more than a thousand idle connections occupy; they serve only where
/// `smaps_rollup` cannot be read.
pub(super) fn memory(pid: u32) -> io::Result<Memory> {
    let (resident, proportional) =
        if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            (kibibytes(&text, "Rss:"), kibibytes(&text, "Pss:"))
        } else {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            (kibibytes(&status, "VmRSS:"), None)
        };
    Ok(Memory {
        // A zombie has a status, but no memory.
        resident: resident.ok_or(ErrorKind::NotFound)?,
        proportional,
    })
}

/// Bytes in the buffers of all TCP sockets of the network namespace. The kernel counts pages, and up to 1 MiB for each core
/// in advance.
pub(super) fn tcp_buffers() -> Option<u64> {
    let pages = parse_tcp_pages(&fs::read_to_string("/proc/net/sockstat").ok()?)?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// The second of the three numbers of `tcp_mem` (tcp(7)), in bytes.
pub(super) fn tcp_buffers_pressure() -> Option<u64> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/tcp_mem").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// The kernel counts up to 1 MiB for each core in advance (`sk_memory_allocated_add`).
pub(super) fn tcp_buffers_step() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let cores = stat.lines().filter(|line| {
        let rest = line.strip_prefix("cpu").unwrap_or_default();
        rest.starts_with(|first: char| first.is_ascii_digit())
    });
    Some((cores.count() as u64) << 20)
}

fn parse_tcp_pages(sockstat: &str) -> Option<u64> {
    let line = sockstat
        .lines()
        .find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_whitespace();
    words.find(|word| *word == "mem")?;
    words.next()?.parse().ok()
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    field::<u64>(text, name)?.checked_mul(1024)
}

/// `proc_pid_stat(5)` counts the fields from 1. The second is the name in parentheses, which may itself contain
/// spaces and parentheses; the third follows the last closing parenthesis.
fn parse_stat(line: &str) -> Option<Stat> {
    // Parsed in one pass: for a group, the files of all processes are read. The third field comes first.
    let (_, after_name) = line.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // Behind fields 6 to 13.
    let mut times = fields
        .by_ref()
        .skip(8)
        .map_while(|field| field.parse().ok());
    let [user, system, children_user, children_system] =
        [times.next()?, times.next()?, times.next()?, times.next()?];
    // Behind fields 18 and 19.
    let threads = fields.nth(2)?.parse().ok()?;
    Some(Stat {
        parent,
        group,
        state,
        user,
        system,
        children_user,
        children_system,
        threads,
    })
}

fn parse_switches(status: &str) -> Option<Switches> {
    Some(Switches {
        voluntary: field(status, "voluntary_ctxt_switches:")?,
        involuntary: field(status, "nonvoluntary_ctxt_switches:")?,
    })
}

/// The value in the line that begins with `name`, without its unit.
fn field<T: FromStr>(text: &str, name: &str) -> Option<T> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

fn unexpected_format() -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        "unexpected format of a file in /proc",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let line = "42 (a) b (c) S 1 40 42 0 -1 4194560 100 0 0 0 30 10 5 6 20 0 7 0 99 1 1";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.parent, stat.group, stat.state), (1, 40, 'S'));
        assert_eq!((stat.user, stat.system, stat.threads), (30, 10, 7));
        assert_eq!((stat.children_user, stat.children_system), (5, 6));
        assert_eq!(
            stat.system_part(Duration::from_millis(408)),
            Duration::from_millis(102)
        );
    }

    #[test]
    fn a_process_that_has_not_run_yet_has_no_system_time() {
        let line = "42 (sh) S 1 42 42 0 -1 4194560 100 0 0 0 0 0 0 0 20 0 1 0 99 1 1";
        let stat = parse_stat(line).unwrap();
        assert_eq!(stat.system_part(Duration::from_millis(3)), Duration::ZERO);
    }

    #[test]
    fn voluntary_and_involuntary_switches_are_distinguished() {
        let status = "Threads:\t2\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t5\n";
        let switches = parse_switches(status).unwrap();
        assert_eq!((switches.voluntary, switches.involuntary), (150, 5));
    }

    #[test]
    fn the_pages_of_tcp_are_not_those_of_udp() {
        let text =
            "sockets: used 29\nTCP: inuse 1 orphan 0 tw 9 alloc 1 mem 201\nUDP: inuse 0 mem 57\n";
        assert_eq!(parse_tcp_pages(text), Some(201));
        assert_eq!(parse_tcp_pages("UDP: inuse 0 mem 57\n"), None);
    }

    #[test]
    fn truncated_files_yield_none() {
        assert_eq!(parse_stat("42 (sh) S 1 42"), None);
        assert_eq!(parse_switches("Threads:\t2\n"), None);
    }

    #[test]
    fn pressure_is_the_total_of_the_line_for_some_tasks() {
        let text = "some avg10=1.53 avg60=0.87 avg300=0.45 total=1234567\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let total = Duration::from_micros(1_234_567);
        assert_eq!(parse_pressure(text), Some(total));
        assert_eq!(parse_pressure("full avg10=0.00 total=7\n"), None);
        assert_eq!(parse_pressure(""), None);
    }
}
