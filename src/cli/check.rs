//! `mio-echo check`: its arguments, and running the checks that they select.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

use super::files::{check_reports, print_results, write_to};
use super::interrupt::Interrupt;
use super::output::{FAILED, NOT_STARTED, fail, may_colour, print_error};
use super::values::{self, Timeout, positive_duration};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::check::{
    self, Check, CheckPlan, CheckReport, CheckTarget, Effort, Level, NoServer, OnFailure,
    Selection,
    report::{self, Layout},
};
use mio_echo::measure::load::Transport;
use mio_echo::measure::process::{CommandLine, ListenPlace, PORT, SOCKET};
use mio_echo::server::Mode;
use mio_echo::text::endpoint::Endpoint;
use mio_echo::text::os_error;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Without ADDR and COMMAND, the server of this program is checked in both
modes. Checks of processor time, memory, descriptors, signals and the log
need a COMMAND, because they need to know the processes of the server.
Those in the background are found by the variable MIO_ECHO_STARTED in
their environment. They get the limit on descriptors of the shell
(ulimit -n), although this program raises its own.

With --udp, the promises are those of datagrams. A datagram that does not
come back is reported as lost, which UDP allows; one that comes back
altered, twice or from another address breaks a promise.

The time of --time-limit begins when the server accepts connections. A check
that it leaves no time for, or cuts short, is skipped, which is no failure;
only the first one, which has all of the time, fails if it needs more.

Exit codes:
  0              no promise was broken
  1              a promise was broken, or the level was not reached
  2              wrong usage, no server, or results that cannot be written
  130, 143, 129  interrupted by SIGINT, SIGTERM, SIGHUP; what was found so
                 far is reported, the rest as skipped

Examples:
  mio-echo check
  mio-echo check localhost:7 --quick
  mio-echo check --junit echo.xml -- \\
    socat tcp-listen:{port},fork,reuseaddr exec:cat
  mio-echo check --udp -- socat udp-recvfrom:{port},fork exec:cat
  mio-echo check -- mio-echo serve unix:{socket}
  mio-echo check --level 3 -- python3 my_server.py {port}
  mio-echo check --list";

/// How long a server may be silent, by default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The same with --quick.
const QUICK_TIMEOUT: Duration = Duration::from_millis(800);

/// How long all checks of a server may take, by default.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The same with --quick.
const QUICK_TIME_LIMIT: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// A running server: HOST:PORT, [IPV6]:PORT, a HOST (port 50007), a PORT (of localhost), or a Unix socket:
    /// unix:PATH, on Linux also unix:@NAME
    addr: Option<Endpoint>,

    /// A server to start, with {port} for the port to listen on, or {socket} for the path of its Unix socket (beside it,
    /// {port} is a free port)
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "addr")]
    command: Vec<OsString>,

    /// Check the replies to UDP datagrams: other checks than those of TCP connections
    #[arg(long, conflicts_with = "level", help_heading = "Checks")]
    udp: bool,

    /// Run only these checks
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Checks"
    )]
    only: Vec<String>,

    /// Leave out these checks
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Checks"
    )]
    skip: Vec<String>,

    /// Run only the checks that together take less than two seconds, for the probes of a load balancer
    #[arg(long, help_heading = "Checks")]
    quick: bool,

    /// Grade a step of the course: run the checks of this level, 1 to 6, and of those below it, and skip
    /// the rest after the first failure
    #[arg(
        long,
        value_name = "N",
        value_parser = level,
        conflicts_with_all = ["only", "skip", "quick"],
        help_heading = "Checks"
    )]
    level: Option<Level>,

    /// List the checks and run none
    #[arg(long, help_heading = "Checks")]
    list: bool,

    /// How long the server may be silent while a byte is due [default: 5s, with --quick 800ms]
    #[arg(long, value_name = "TIME", value_parser = positive_duration, help_heading = "Checks")]
    timeout: Option<Duration>,

    /// How long the checks of a server may take together, or never; a check that this leaves no time for is
    /// skipped [default: 30s, with --quick 2s]
    #[arg(long, value_name = "TIME", value_parser = time_limit, help_heading = "Checks")]
    time_limit: Option<Timeout>,

    /// Write the results as JSON; - for standard output, in place of the table
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,

    /// Write the results as JUnit XML; - for standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    junit: Option<PathBuf>,

    /// Write the results in the Test Anything Protocol; - for standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    tap: Option<PathBuf>,
}

/// A server that is started gets this limit on descriptors, which is that of the shell: what is checked is what its user gets.
pub(crate) fn run(arguments: &CheckArguments, descriptor_limit: Option<u64>) -> ExitCode {
    run_checks(arguments, descriptor_limit).unwrap_or_else(|error| fail(NOT_STARTED, &error))
}

fn run_checks(
    arguments: &CheckArguments,
    descriptor_limit: Option<u64>,
) -> Result<ExitCode, String> {
    let plans = arguments.plans(descriptor_limit)?;
    if arguments.list {
        let checks = plans.first().map(|plan| plan.checks.as_slice());
        print_results(&report::list(checks.unwrap_or_default(), layout()))?;
        return Ok(ExitCode::SUCCESS);
    }
    check_reports(arguments.outputs())?;
    let interrupt = Interrupt::catch().map_err(|error| os_error::describe(&error))?;
    let (reports, printed) = check_all(&plans, arguments, &interrupt)?;
    arguments.write_files(&reports)?;
    printed?;
    if let Some(code) = interrupt.exit_code() {
        print_error("interrupted");
        return Ok(ExitCode::from(code));
    }
    let is_good = |report: &CheckReport| {
        report.failed() == 0 && report.grade.is_none_or(|grade| grade.is_reached())
    };
    Ok(if reports.iter().all(is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Checks one server after the other, and prints each report when it is complete. Returns the reports, and whether they
/// could be printed.
fn check_all(
    plans: &[CheckPlan],
    arguments: &CheckArguments,
    interrupt: &Interrupt,
) -> Result<(Vec<CheckReport>, Result<(), String>), String> {
    let (mut reports, mut printed) = (Vec::new(), Ok(()));
    for plan in plans {
        // A server that is not reached any more is in the files, but not in the table.
        let is_printed = !arguments.stdout_is_taken() && !interrupt.has_arrived();
        let report = check(plan, interrupt).map_err(|error| error.to_string())?;
        if is_printed {
            let gap = if reports.is_empty() { "" } else { "\n" };
            printed = printed.and(print(gap, &report));
        }
        reports.push(report);
    }
    Ok((reports, printed))
}

fn check(plan: &CheckPlan, interrupt: &Interrupt) -> Result<CheckReport, NoServer> {
    // Invisible where standard error is no terminal.
    let bar = ProgressBar::new(plan.checks.len() as u64);
    let style = ProgressStyle::with_template("{bar:20} {pos:>2} of {len}  {wide_msg}");
    let bar = match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    };
    let show = |index: usize, check: &Check| {
        bar.set_position(index as u64);
        bar.set_message(check.name);
    };
    let report = check::run(plan, interrupt.flag(), show);
    bar.finish_and_clear();
    report
}

fn print(gap: &str, report: &CheckReport) -> Result<(), String> {
    let layout = layout();
    let [table, explanation] = [report::table, report::explanation].map(|it| it(report, layout));
    let grade = report::grade(report).map(|grade| format!("\n{grade}"));
    let text = format!("{gap}{table}\n{explanation}{}", grade.unwrap_or_default());
    print_results(text.trim_end())
}

impl CheckArguments {
    /// One plan for each server.
    fn plans(&self, descriptor_limit: Option<u64>) -> Result<Vec<CheckPlan>, String> {
        let transport = if self.udp {
            Transport::Datagrams
        } else {
            Transport::Stream
        };
        let selection = Selection {
            transport,
            only: self.only.clone(),
            skip: self.skip.clone(),
            quick: self.quick,
            level: self.level,
        };
        let checks = selection.checks().map_err(|error| error.to_string())?;
        let plan = |(name, target)| CheckPlan {
            name,
            target,
            transport,
            checks: checks.clone(),
            effort: if self.quick {
                Effort::Quick
            } else {
                Effort::Thorough
            },
            time: self.time_limit(),
            timeout: self
                .timeout
                .unwrap_or(if self.quick { QUICK_TIMEOUT } else { TIMEOUT }),
            on_failure: match self.level {
                Some(level) => OnFailure::Stop(level),
                None => OnFailure::Continue,
            },
        };
        let mut targets = self.targets()?;
        for (_, target) in &mut targets {
            if let CheckTarget::Command(command) = target {
                command.descriptor_limit = descriptor_limit;
            }
        }
        Ok(targets.into_iter().map(plan).collect())
    }

    fn time_limit(&self) -> Option<Duration> {
        match self.time_limit {
            Some(limit) => limit.duration(),
            None if self.quick => Some(QUICK_TIME_LIMIT),
            None => Some(TIME_LIMIT),
        }
    }

    /// The servers, with their names.
    fn targets(&self) -> Result<Vec<(String, CheckTarget)>, String> {
        if let Some(endpoint) = &self.addr {
            let target = CheckTarget::Running(endpoint.clone());
            return Ok(vec![(self.name(&endpoint.to_string()), target)]);
        }
        if let Some((program, arguments)) = self.command.split_first() {
            let command = CommandLine::new(program, arguments);
            if !ListenPlace::is_in(&command) {
                return Err(format!(
                    "`{command}` does not say where the port goes: {PORT} (or the path of a Unix socket: {SOCKET})"
                ));
            }
            let name = command.to_string();
            return Ok(vec![(name, CheckTarget::Command(command))]);
        }
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let own = |mode: Mode| {
            let mode = mode.to_string();
            let command = CommandLine::new(&program, self.own_server(&mode));
            (self.name(&mode), CheckTarget::Command(command))
        };
        Ok([Mode::EventLoop, Mode::Threads].map(own).into())
    }

    /// What the report calls a server.
    fn name(&self, server: &str) -> String {
        if self.udp {
            format!("{server} (UDP)")
        } else {
            server.to_owned()
        }
    }

    /// The arguments of our own server. It logs each connection: the log must not get in its way.
    fn own_server(&self, mode: &str) -> Vec<String> {
        let listen = format!("127.0.0.1:{PORT}");
        let arguments = ["serve", "--verbose", "--listen", &listen, "--mode", mode];
        let udp = self.udp.then_some("--udp");
        arguments
            .into_iter()
            .chain(udp)
            .map(str::to_owned)
            .collect()
    }

    fn write_files(&self, reports: &[CheckReport]) -> Result<(), String> {
        if let Some(path) = &self.json {
            write_to(path, |file| report::write_json(reports, file))?;
        }
        if let Some(path) = &self.junit {
            write_to(path, |file| report::write_junit(reports, file))?;
        }
        if let Some(path) = &self.tap {
            write_to(path, |file| report::write_tap(reports, file))?;
        }
        Ok(())
    }

    fn stdout_is_taken(&self) -> bool {
        self.outputs().any(|path| path == Path::new("-"))
    }

    /// Where reports go.
    fn outputs(&self) -> impl Iterator<Item = &Path> {
        let outputs = [&self.json, &self.junit, &self.tap];
        outputs.into_iter().flatten().map(PathBuf::as_path)
    }
}

/// As wide as the terminal, within reason, or as a page where standard output is none.
fn layout() -> Layout {
    const PAGE: u16 = 100;
    let stdout = io::stdout();
    let terminal = rustix::termios::tcgetwinsize(&stdout).ok();
    // A terminal that does not know its size reports 0.
    let columns = terminal.map(|size| size.ws_col).filter(|it| *it > 0);
    Layout {
        width: columns.unwrap_or(PAGE).clamp(60, 120),
        colour: may_colour(&stdout),
    }
}

fn time_limit(text: &str) -> Result<Timeout, String> {
    values::time_limit(text, positive_duration)
}

fn level(text: &str) -> Result<Level, String> {
    let number = text.parse().ok();
    let level = number.and_then(Level::of);
    level.ok_or_else(|| "expected a number from 1 to 6".to_owned())
}
