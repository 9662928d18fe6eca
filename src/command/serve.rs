//! `mio-echo serve`: bind, announce, serve until told to stop.

use super::{FAILED, NOT_STARTED, announce, colour_on, complain};
use crate::logging::{LogObserver, PROGRAM};
use mio_echo::os_error;
use mio_echo::server::{Config, Observer, Server, Stats};
use mio_echo::trace::{Header, Target, Tracer};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `serve` is asked for.
#[derive(Debug)]
pub(crate) struct ServeRequest {
    pub(crate) config: Config,
    pub(crate) trace: Option<TraceRequest>,
}

/// A trace, and where it is to go.
#[derive(Debug)]
pub(crate) struct TraceRequest {
    pub(crate) to: TraceTo,
    /// Records after which it ends; none for what fits the form.
    pub(crate) limit: Option<u64>,
}

/// Where a trace goes, and so its form.
#[derive(Debug, Clone)]
pub(crate) enum TraceTo {
    /// Text.
    StandardError,
    JsonLines(PathBuf),
    /// A timeline page.
    Page(PathBuf),
}

/// Records in a file of JSON Lines, unless asked otherwise: some 70 MB.
const JSON_LINES_LIMIT: u64 = 1_000_000;

/// Records in a page, unless asked otherwise: what a browser draws without delay. They are held in memory
/// until the server ends, some 20 MB.
const PAGE_LIMIT: u64 = 200_000;

pub(crate) fn serve(request: ServeRequest) -> ExitCode {
    let server = Server::bind(request.config.clone()).and_then(|mut server| {
        server.obey_signals()?;
        Ok(server)
    });
    let server = match server {
        Ok(server) => server,
        Err(error) => return complain(NOT_STARTED, &error.to_string()),
    };
    let tracer = request.trace.map(|trace| start(trace, &request.config));
    let tracer = match tracer.transpose() {
        Ok(tracer) => tracer,
        Err(complaint) => return complain(NOT_STARTED, &complaint),
    };
    for address in server.local_addrs() {
        announce(&format!("listening on {address}"));
    }
    let Config {
        max_connections: limit,
        mode,
        ..
    } = request.config;
    log::info!(target: PROGRAM, "serving up to {limit} connections, mode {mode}");
    match tracer {
        None => run(server, ()),
        Some(tracer) => {
            let code = run(server, tracer.clone());
            tracer.finish();
            code
        }
    }
}

fn run(server: Server, trace: impl Observer) -> ExitCode {
    match server.run(((Stats::default(), LogObserver::default()), trace)) {
        Ok(((stats, _), _)) => {
            log::info!(target: PROGRAM, "stopped: {stats}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let words = os_error::in_words(&error);
            complain(FAILED, &format!("the server broke: {words}"))
        }
    }
}

/// Opens the trace. The file is made at once, so that nobody learns at the end that it cannot be.
fn start(request: TraceRequest, config: &Config) -> Result<Tracer, String> {
    let create = |path: &Path| File::create(path).map_err(|error| cannot_write(path, &error));
    let (target, path, usual) = match request.to {
        TraceTo::StandardError => (
            Target::Text(colour_on(&io::stderr())),
            PathBuf::from("-"),
            None,
        ),
        TraceTo::JsonLines(path) => {
            let target = Target::JsonLines(create(&path)?);
            (target, path, Some(JSON_LINES_LIMIT))
        }
        TraceTo::Page(path) => (Target::Page(create(&path)?), path, Some(PAGE_LIMIT)),
    };
    let header = Header::new(config.mode.into());
    Tracer::new(target, header, request.limit.or(usual))
        .map_err(|error| cannot_write(&path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write {}: {}",
        path.display(),
        os_error::in_words(error)
    )
}
