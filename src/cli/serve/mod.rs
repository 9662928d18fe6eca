//! `mio-echo serve`: bind, announce, serve until told to stop.

mod arguments;
#[cfg(feature = "trace")]
mod trace;

pub(crate) use arguments::{EXAMPLES, Serve};

use crate::cli::logging::{LogObserver, PROGRAM};
use crate::cli::{FAILED, NOT_STARTED, announce, complain};
use mio_echo::server::{Config, Observer, Server, Stats};
use mio_echo::text::os_error;
use std::process::ExitCode;

/// What `serve` is asked for.
#[derive(Debug)]
pub(crate) struct ServeRequest {
    pub(crate) config: Config,
    #[cfg(feature = "trace")]
    pub(crate) trace: Option<trace::TraceRequest>,
}

pub(crate) fn serve(request: ServeRequest) -> ExitCode {
    let server = Server::bind(request.config.clone()).and_then(|mut server| {
        server.handle_signals()?;
        Ok(server)
    });
    let server = match server {
        Ok(server) => server,
        Err(error) => return complain(NOT_STARTED, &error.to_string()),
    };
    #[cfg(feature = "trace")]
    let tracer = match request
        .trace
        .map(|trace| trace::start(trace, &request.config))
    {
        Some(Err(complaint)) => return complain(NOT_STARTED, &complaint),
        Some(Ok(tracer)) => Some(tracer),
        None => None,
    };
    for address in server.local_addrs() {
        announce(&format!("listening on {address}"));
    }
    let (limit, mode) = (server.max_connections(), request.config.mode);
    log::info!(target: PROGRAM, "serving up to {limit} connections, mode {mode}");
    #[cfg(feature = "trace")]
    if let Some(tracer) = tracer {
        let code = run(server, tracer.clone());
        tracer.finish();
        return code;
    }
    run(server, ())
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
