//! `mio-echo bench`: start or reach a server, run the load, report.

mod arguments;

pub(crate) use arguments::{BenchArguments, EXAMPLES};

use crate::cli::files::write_to;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{FAILED, NOT_STARTED, fail, print_error, print_line};
use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::measure::bench::{
    BenchReport, OwnServer, Pinning, UsageSampler, write_hgrm, write_hlog,
};
use mio_echo::measure::load::{self, LoadObserver, LoadResults, Progress};
use mio_echo::measure::process::Child;
use mio_echo::text::endpoint::Endpoint;
use mio_echo::text::os_error;
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// The server to measure. Dropping it stops the process that was started for it.
struct BenchTarget {
    address: SocketAddr,
    pinning: Pinning,
    /// `None` if its process is not visible.
    sampler: Option<UsageSampler>,
    child: Option<Child>,
}

/// What was measured.
struct Measured {
    report: BenchReport,
    results: LoadResults,
    started: SystemTime,
    /// The exit code if a signal ended the run.
    interrupted: Option<u8>,
}

pub(crate) fn run(arguments: &BenchArguments) -> ExitCode {
    let measured = arguments.validate().and_then(|()| measure(arguments));
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    if let Err(error) = write_reports(&measured, arguments) {
        return fail(FAILED, &error);
    }
    let code = exit_code(&measured.report, arguments);
    measured.interrupted.map_or(code, ExitCode::from)
}

fn measure(arguments: &BenchArguments) -> Result<Measured, String> {
    let interrupt = Interrupt::catch().map_err(|error| error.to_string())?;
    let mut target = match &arguments.addr {
        Some(endpoint) => running_server(endpoint, arguments)?,
        None => own_server(arguments)?,
    };
    let plan = arguments.load_plan(target.address);
    let mut observer = BenchObserver::new(target.sampler.take(), interrupt);
    let started = SystemTime::now();
    let results = load::run(&plan, &mut observer)
        .map_err(|error| format!("the load failed: {}", os_error::describe(&error)))?;
    observer.bar.finish_and_clear();
    let sampler = observer.sampler.as_ref();
    let mut report = BenchReport::new(&plan, target.pinning, &results, sampler);
    let exit = target.child.as_mut().and_then(Child::early_exit);
    report.server_exit = exit.map(|failure| failure.to_string());
    Ok(Measured {
        report,
        results,
        started,
        interrupted: observer.interrupt.exit_code(),
    })
}

fn own_server(arguments: &BenchArguments) -> Result<BenchTarget, String> {
    let pinning = Pinning::apply(arguments.placement());
    let server = OwnServer::start(arguments.mode.into(), pinning.server_core())
        .map_err(|error| error.to_string())?;
    Ok(BenchTarget {
        address: server.address,
        pinning,
        sampler: UsageSampler::new(server.child.pid()).ok(),
        child: Some(server.child),
    })
}

fn running_server(endpoint: &Endpoint, arguments: &BenchArguments) -> Result<BenchTarget, String> {
    Ok(BenchTarget {
        address: reachable_address(endpoint, arguments.timeout)?,
        pinning: Pinning::Off,
        sampler: arguments.pid.map(sampler).transpose()?,
        child: None,
    })
}

/// The first address of `endpoint` that accepts a connection.
fn reachable_address(endpoint: &Endpoint, timeout: Duration) -> Result<SocketAddr, String> {
    let addresses = endpoint
        .resolve()
        .map_err(|error| format!("cannot resolve {endpoint}: {}", os_error::describe(&error)))?;
    let mut last_error = format!("{endpoint} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(_) => return Ok(address),
            Err(error) => {
                let reason = os_error::describe(&error);
                last_error = format!("cannot connect to {address}: {reason}");
            }
        }
    }
    Err(last_error)
}

fn sampler(pid: u32) -> Result<UsageSampler, String> {
    UsageSampler::new(pid).map_err(|error| {
        let reason = os_error::describe(&error);
        format!("cannot read the usage of process {pid}: {reason}")
    })
}

/// Shows the progress, samples the usage of the server, and ends the load on an interrupt.
struct BenchObserver {
    sampler: Option<UsageSampler>,
    interrupt: Interrupt,
    /// Draws nothing if standard error is not a terminal.
    bar: ProgressBar,
}

impl BenchObserver {
    fn new(sampler: Option<UsageSampler>, interrupt: Interrupt) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} % {msg}");
        let bar = ProgressBar::new(1000);
        Self {
            sampler,
            interrupt,
            bar: match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            },
        }
    }
}

impl LoadObserver for BenchObserver {
    fn measurement_started(&mut self) {
        self.sampler.as_mut().map(UsageSampler::sample_start);
    }

    fn measurement_ended(&mut self) {
        self.sampler.as_mut().map(UsageSampler::sample_end);
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.bar.set_position(progress.per_mille);
        self.bar.set_message(format!(
            "{} connections, {} messages",
            progress.connected, progress.messages
        ));
        if self.interrupt.has_arrived() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Prints the summary, unless standard output is one of the files, and writes the files.
fn write_reports(measured: &Measured, arguments: &BenchArguments) -> Result<(), String> {
    let Measured {
        report,
        results,
        started,
        ..
    } = measured;
    if arguments.reports_on_stdout() == 0 {
        print_line(report.to_string().trim_end());
    }
    if let Some(path) = &arguments.json {
        write_to(path, |file| {
            serde_json::to_writer_pretty(&mut *file, report)?;
            writeln!(file)
        })?;
    }
    if let Some(path) = &arguments.hgrm {
        let latency = results.response.as_ref().unwrap_or(&results.service);
        write_to(path, |mut file| write_hgrm(latency, &mut file))?;
    }
    if let Some(path) = &arguments.hlog {
        write_to(path, |mut file| write_hlog(results, *started, &mut file))?;
    }
    Ok(())
}

/// Prints the thresholds that were crossed.
fn exit_code(report: &BenchReport, arguments: &BenchArguments) -> ExitCode {
    let thresholds = arguments.fail_if.iter();
    let failures: Vec<String> = thresholds.filter_map(|it| it.failure(report)).collect();
    for failure in &failures {
        print_error(failure);
    }
    if failures.is_empty() && report.is_flawless() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}
