//! `mio-echo bench`: find or start a server, put the load on, tell what came of it.

mod arguments;

pub(crate) use arguments::{Bench, EXAMPLES};

use crate::cli::files::write_to;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{FAILED, NOT_STARTED, fail, print_error, print_line};
use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::measure::bench::{self, Cores, OwnServer, Report, Threshold, Watched};
use mio_echo::measure::load::{
    self, LoadObserver, LoadPattern, LoadPlan, LoadResults, Progress, StopCondition, Verify,
};
use mio_echo::measure::process::cores;
use mio_echo::server::Mode;
use mio_echo::text::endpoint::Endpoint;
use mio_echo::text::os_error;
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct BenchRequest {
    pub(crate) subject: Subject,
    pub(crate) pinning: Pinning,
    pub(crate) pattern: LoadPattern,
    pub(crate) connections: usize,
    pub(crate) size: usize,
    pub(crate) depth: usize,
    pub(crate) rate: Option<f64>,
    pub(crate) connect_rate: Option<f64>,
    pub(crate) warm_up: Duration,
    pub(crate) end: StopCondition,
    pub(crate) verify: Verify,
    pub(crate) patience: Duration,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) output: BenchOutput,
}

/// Whom to measure.
#[derive(Debug)]
pub(crate) enum Subject {
    /// A server of our own, in a process of its own.
    Own(Mode),
    /// One that runs already, and its process if it is known.
    Running {
        endpoint: Endpoint,
        pid: Option<u32>,
    },
}

/// Whether a server of our own and the generator have a core each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinning {
    Apart,
    Off,
}

/// Where else the figures go.
#[derive(Debug)]
pub(crate) struct BenchOutput {
    pub(crate) json: Option<PathBuf>,
    pub(crate) hgrm: Option<PathBuf>,
    pub(crate) hlog: Option<PathBuf>,
}

/// Whoever is measured, as long as this lives.
struct Found {
    address: SocketAddr,
    watched: Option<Watched>,
    cores: Option<Cores>,
    _own: Option<OwnServer>,
}

/// What was measured.
struct Measured {
    report: Report,
    outcome: LoadResults,
    began: SystemTime,
}

pub(crate) fn bench(request: &BenchRequest) -> ExitCode {
    let measured = match measure(request) {
        Ok(measured) => measured,
        Err(why) => return fail(NOT_STARTED, &why),
    };
    if let Err(why) = tell(&measured, &request.output) {
        return fail(FAILED, &why);
    }
    judge(&measured.report, &request.thresholds)
}

fn measure(request: &BenchRequest) -> Result<Measured, String> {
    let interrupt = Interrupt::note().map_err(|error| error.to_string())?;
    let found = find(&request.subject, request.pinning, request.patience)?;
    let plan = request.plan(found.address);
    let mut observing = Observing::new(found.watched, interrupt);
    let began = SystemTime::now();
    let outcome = load::run(&plan, &mut observing)
        .map_err(|error| format!("the load broke: {}", os_error::in_words(&error)))?;
    observing.bar.finish_and_clear();
    let server = observing.watched.and_then(|it| it.report(&outcome));
    Ok(Measured {
        report: Report::new(&plan, &outcome, server).on(found.cores),
        outcome,
        began,
    })
}

impl BenchRequest {
    fn plan(&self, target: SocketAddr) -> LoadPlan {
        LoadPlan {
            target,
            pattern: self.pattern,
            connections: self.connections,
            size: self.size,
            depth: self.depth,
            rate: self.rate,
            connect_rate: self.connect_rate,
            warm_up: self.warm_up,
            stop_when: self.end,
            verify: self.verify,
            timeout: self.patience,
        }
    }
}

fn find(subject: &Subject, pinning: Pinning, patience: Duration) -> Result<Found, String> {
    match subject {
        Subject::Own(mode) => {
            let cores = pin_apart(pinning);
            let mut own = OwnServer::start(*mode, cores.map(|cores| cores.server))
                .map_err(|error| error.to_string())?;
            Ok(Found {
                address: own.address(),
                watched: Watched::new(own.child().pid()).ok(),
                cores,
                _own: Some(own),
            })
        }
        Subject::Running { endpoint, pid } => Ok(Found {
            address: reach(endpoint, patience)?,
            watched: pid.map(watch).transpose()?,
            cores: None,
            _own: None,
        }),
    }
}

/// Binds this thread, the generator, to the last core that it may use, if there is another one for the server.
fn pin_apart(pinning: Pinning) -> Option<Cores> {
    let allowed = cores::allowed();
    let (Pinning::Apart, [server, .., generator]) = (pinning, allowed.as_slice()) else {
        return None;
    };
    cores::pin_this_thread(*generator).ok()?;
    Some(Cores {
        server: *server,
        generator: *generator,
    })
}

/// The first address of `endpoint` that accepts a connection.
fn reach(endpoint: &Endpoint, patience: Duration) -> Result<SocketAddr, String> {
    let addresses = endpoint
        .resolve()
        .map_err(|error| format!("cannot resolve {endpoint}: {}", os_error::in_words(&error)))?;
    let mut why = format!("{endpoint} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return Ok(address),
            Err(error) => {
                why = format!(
                    "cannot connect to {address}: {}",
                    os_error::in_words(&error)
                );
            }
        }
    }
    Err(why)
}

fn watch(pid: u32) -> Result<Watched, String> {
    Watched::new(pid)
        .map_err(|error| format!("cannot see process {pid}: {}", os_error::in_words(&error)))
}

/// Shows how far it is, watches the server, and hears Ctrl-C.
struct Observing {
    watched: Option<Watched>,
    interrupt: Interrupt,
    /// Invisible where standard error is no terminal.
    bar: ProgressBar,
}

impl Observing {
    fn new(watched: Option<Watched>, interrupt: Interrupt) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} % {msg}");
        let bar = ProgressBar::new(1000);
        Self {
            watched,
            interrupt,
            bar: match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            },
        }
    }
}

impl LoadObserver for Observing {
    fn measurement_started(&mut self) {
        self.watched.as_mut().map(Watched::begin);
    }

    fn measurement_ended(&mut self) {
        self.watched.as_mut().map(Watched::end);
    }

    fn progress(&mut self, so_far: &Progress) -> ControlFlow<()> {
        self.bar.set_position(so_far.per_mille);
        self.bar.set_message(format!(
            "{} connections, {} messages",
            so_far.connected, so_far.messages
        ));
        if self.interrupt.has_come() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The summary, and the files that were asked for.
fn tell(measured: &Measured, output: &BenchOutput) -> Result<(), String> {
    let Measured {
        report,
        outcome,
        began,
    } = measured;
    let to_stdout = [&output.json, &output.hgrm, &output.hlog];
    let is_taken = to_stdout
        .into_iter()
        .flatten()
        .any(|path| path == Path::new("-"));
    if !is_taken {
        print_line(report.to_string().trim_end());
    }
    if let Some(path) = &output.json {
        write_to(path, |file| {
            serde_json::to_writer_pretty(&mut *file, report)?;
            writeln!(file)
        })?;
    }
    if let Some(path) = &output.hgrm {
        let latency = outcome.response.as_ref().unwrap_or(&outcome.service);
        write_to(path, |mut file| bench::write_hgrm(latency, &mut file))?;
    }
    if let Some(path) = &output.hlog {
        write_to(path, |mut file| {
            bench::write_hlog(outcome, *began, &mut file)
        })?;
    }
    Ok(())
}

fn judge(report: &Report, thresholds: &[Threshold]) -> ExitCode {
    let complaints: Vec<String> = thresholds
        .iter()
        .filter_map(|it| it.complaint(report))
        .collect();
    for complaint in &complaints {
        print_error(complaint);
    }
    if !report.is_flawless() || !complaints.is_empty() {
        return ExitCode::from(FAILED);
    }
    ExitCode::SUCCESS
}
