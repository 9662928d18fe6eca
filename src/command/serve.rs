//! `mio-echo serve`: bind, announce, serve until told to stop.

use super::{FAILED, NOT_STARTED, announce, complain};
use crate::logging::LogObserver;
use mio_echo::os_error;
use mio_echo::server::{Config, Server, Stats};
use std::process::ExitCode;

pub(crate) fn serve(config: Config) -> ExitCode {
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
