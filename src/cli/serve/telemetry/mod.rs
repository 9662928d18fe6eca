//! `mio-echo serve --access-log …`: the server as programs see it.

mod access_log;

use access_log::AccessLog;
use clap::Args;
use mio_echo::server::{HangupAction, Mode, Observer};
use std::path::PathBuf;

const HEADING: &str = "Telemetry";

#[derive(Debug, Args)]
pub(super) struct TelemetryArguments {
    /// Append a line of JSON to FILE for each connection that is over; `-` is standard output. SIGHUP then
    /// reopens FILE and does not stop the server
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    access_log: Option<PathBuf>,
}

/// Everything that was asked for, open.
#[derive(Debug)]
pub(super) struct Telemetry {
    access_log: AccessLog,
}

impl TelemetryArguments {
    /// With an access log, SIGHUP means that its file was renamed, as logrotate(8) does it.
    pub(super) fn on_hangup(&self) -> HangupAction {
        match &self.access_log {
            Some(_) => HangupAction::ReopenLogs,
            None => HangupAction::Stop,
        }
    }

    /// Opens what is asked for.
    ///
    /// # Errors
    ///
    /// One line that names what cannot be opened.
    pub(super) fn open(&self, mode: Mode) -> Result<Telemetry, String> {
        Ok(Telemetry {
            access_log: AccessLog::open(self.access_log.as_deref(), mode)?,
        })
    }
}

impl Telemetry {
    /// What observes the server for it.
    pub(super) fn observer(&self) -> impl Observer + use<> {
        self.access_log.clone()
    }

    /// The server has ended.
    pub(super) fn finish(self) {
        self.access_log.finish();
    }
}
