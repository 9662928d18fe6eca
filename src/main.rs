//! `mio-echo`: parse, log, dispatch, exit.

mod cli;
mod logging;

use cli::{Cli, Command};
use logging::LogObserver;
use mio_echo::client::{self, Request};
use mio_echo::os_error;
use mio_echo::server::{Config, Server, Stats, limits};
use std::io::{self, Write};
use std::process::ExitCode;

/// It ran and failed.
const FAILED: u8 = 1;
/// It could not start. The same as clap's code for wrong usage.
const NOT_STARTED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    logging::start(cli.log_level());
    match cli.command {
        Command::Serve(serve) => {
            limits::raise_descriptor_limit();
            self::serve(serve.into())
        }
        Command::Client(client) => self::converse(client.into()),
    }
}

fn serve(config: Config) -> ExitCode {
    let (mode, limit) = (config.mode, config.max_connections);
    let server = Server::bind(config).and_then(|mut server| {
        server.obey_signals()?;
        Ok(server)
    });
    let server = match server {
        Ok(server) => server,
        Err(error) => return complain(NOT_STARTED, &error.to_string()),
    };
    for address in server.local_addrs() {
        announce(&format!("listening on {address}"));
    }
    log::info!("serving up to {limit} connections, mode {mode}");
    match server.run((Stats::default(), LogObserver::default())) {
        Ok((stats, _)) => {
            log::info!("stopped: {stats}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let words = os_error::in_words(&error);
            complain(FAILED, &format!("the server broke: {words}"))
        }
    }
}

fn converse(request: Request) -> ExitCode {
    match client::run(request, io::stdin(), &mut io::stdout().lock()) {
        Ok(bytes) => {
            log::debug!("bytes that came back as they were sent: {bytes}");
            ExitCode::SUCCESS
        }
        // Whoever read the output knows why it stopped. Not everything has been verified, though, so this
        // is no success either.
        Err(error) if error.is_closed_pipe() => ExitCode::from(FAILED),
        Err(error) if error.is_about_connecting() => complain(NOT_STARTED, &error.to_string()),
        Err(error) => complain(FAILED, &error.to_string()),
    }
}

/// A result for whoever reads standard output. If nobody does, the server serves all the same.
fn announce(line: &str) {
    let mut stdout = io::stdout().lock();
    let _nobody = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// One line for whoever started the program.
fn complain(code: u8, line: &str) -> ExitCode {
    let _nobody = writeln!(io::stderr(), "mio-echo: {line}");
    ExitCode::from(code)
}
