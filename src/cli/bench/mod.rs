//! `mio-echo bench`: start or reach a server, run the load, report.

mod after_help;
mod arguments;
mod calibrate;
mod instruments;
mod live;
mod values;

pub(crate) use after_help::EXAMPLES;
pub(crate) use arguments::BenchArguments;
pub(crate) use calibrate::{CalibrationServerArguments, serve};

use crate::cli::files::{print_results, write_to};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{FAILED, NOT_STARTED, fail, print_error};
use instruments::flame_graph;
use live::LiveLine;
use mio_echo::measure::bench::{
    BenchReport, BenchServer, CpuTicks, IntervalRecorder, LatencyLog, LaunchError, Machine,
    SamplingObserver, UsageSampler, Values, write_hgrm,
};
use mio_echo::measure::load::{self, LoadResults, Progress};
use mio_echo::measure::process::{Pinning, Profile, ToolError};
use mio_echo::text::os_error;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// What was measured.
struct Measured {
    report: BenchReport,
    results: LoadResults,
    /// If it is to be written.
    log: Option<LatencyLog>,
    /// If it is to be drawn.
    profile: Option<Result<Profile, ToolError>>,
    started: SystemTime,
    /// The exit code if a signal ended the run.
    interrupted: Option<u8>,
}

pub(crate) fn run(arguments: &BenchArguments) -> ExitCode {
    if arguments.calibrate {
        return calibrate::run(arguments.json.as_deref());
    }
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
    let (machine, started) = (Machine::current(), SystemTime::now());
    let pinning = Pinning::apply(&arguments.placement(), arguments.placement.threads);
    let mut server = start(arguments, &pinning, &interrupt)?;
    let sampler = sampler(&server, arguments.pid)?;
    let live = LiveLine::new();
    // An interval takes the generator a moment, so there are none that would not be seen.
    let are_seen = live.is_drawn() || arguments.json.is_some() || arguments.html.is_some();
    let mut intervals = are_seen.then(IntervalRecorder::new);
    let mut log = arguments.hlog.as_ref().map(|_| LatencyLog::default());
    let mut observer = SamplingObserver::new(sampler, |progress: &Progress| {
        let interval = intervals.as_mut().and_then(|it| it.observe(progress));
        live.show(progress, interval);
        if let Some(log) = &mut log {
            log.observe(progress);
        }
        go_on(&interrupt)
    });
    observer.instruments = arguments.instruments.attach(server.pid())?;
    let plan = arguments.load_plan(server.address.clone());
    observer.sample_one_connection(&plan);
    let cores = pinning.cores();
    let ticks = CpuTicks::of(&cores);
    let results = load::run(&plan, &mut observer)
        .map_err(|error| format!("the load failed: {}", os_error::describe(&error)))?;
    let ticks = CpuTicks::of(&cores).zip(ticks);
    let stolen_share = ticks.map(|(now, before)| now.stolen_share_since(before));
    let values = Values {
        cpu_pressure_ns: observer.cpu_pressure_ns(),
        counters: observer.instruments.take_counts(),
        ..Values::new(&results, observer.cost())
    };
    let profile = observer.instruments.take_profile();
    live.clear();
    let mut report = BenchReport::new(&plan, pinning, machine, started, stolen_share, values);
    let intervals = intervals.map(|it| it.finish(&results));
    report.intervals = intervals.unwrap_or_default();
    if let Some(log) = &mut log {
        log.finish(&results);
    }
    let exit = server.exit_within(Duration::ZERO);
    report.server_exit = exit.map(|failure| failure.to_string());
    Ok(Measured {
        report,
        results,
        log,
        profile,
        started,
        interrupted: interrupt.exit_code(),
    })
}

fn start(
    arguments: &BenchArguments,
    pinning: &Pinning,
    interrupt: &Interrupt,
) -> Result<BenchServer, String> {
    let (origin, cores) = (arguments.origin(), pinning.server_cores());
    let go_on = &mut || go_on(interrupt);
    let (transport, timeout) = (arguments.transport(), arguments.timeout());
    BenchServer::start(&origin, transport, cores, timeout, go_on).map_err(|error| match error {
        LaunchError::Failed { reason, .. } if arguments.addr.is_some() => reason,
        LaunchError::Failed { reason, .. } => format!("the server did not start: {reason}"),
        LaunchError::Stopped => "interrupted before the server had started".to_owned(),
    })
}

/// `None` if the process of the server is not visible, which is an error only if its `pid` was given.
fn sampler(server: &BenchServer, pid: Option<u32>) -> Result<Option<UsageSampler>, String> {
    let sampler = server.pid().map(UsageSampler::new).transpose();
    match (sampler, pid) {
        (Ok(sampler), _) => Ok(sampler),
        (Err(_), None) => Ok(None),
        (Err(error), Some(pid)) => {
            let reason = os_error::describe(&error);
            Err(format!("cannot read the usage of process {pid}: {reason}"))
        }
    }
}

fn go_on(interrupt: &Interrupt) -> ControlFlow<()> {
    if interrupt.has_arrived() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Prints the summary, unless standard output is one of the files, and writes the files.
fn write_reports(measured: &Measured, arguments: &BenchArguments) -> Result<(), String> {
    let Measured {
        report,
        results,
        log,
        profile,
        started,
        ..
    } = measured;
    if arguments.reports_on_stdout() == 0 {
        print_results(report.to_string().trim_end())?;
    }
    if let Some(path) = &arguments.json {
        write_to(path, |file| {
            serde_json::to_writer_pretty(&mut *file, report)?;
            writeln!(file)
        })?;
    }
    if let Some(path) = &arguments.html {
        write_to(path, |file| file.write_all(report.html().as_bytes()))?;
    }
    if let Some(path) = &arguments.hgrm {
        let latency = results.response.as_ref().unwrap_or(&results.service);
        write_to(path, |mut file| write_hgrm(latency, &mut file))?;
    }
    if let (Some(path), Some(log)) = (&arguments.hlog, log) {
        write_to(path, |mut file| log.write(*started, &mut file))?;
    }
    if let (Some(path), Some(profile)) = (&arguments.instruments.flamegraph, profile) {
        let graph = flame_graph(profile, &arguments.subject(&report.plan.target))?;
        write_to(path, |file| file.write_all(&graph))?;
    }
    Ok(())
}

/// Prints the thresholds that were crossed.
fn exit_code(report: &BenchReport, arguments: &BenchArguments) -> ExitCode {
    let thresholds = arguments.fail_if.iter();
    let failures: Vec<String> = thresholds
        .filter_map(|it| it.failure(&report.values))
        .collect();
    for failure in &failures {
        print_error(failure);
    }
    if failures.is_empty() && report.is_flawless() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}
