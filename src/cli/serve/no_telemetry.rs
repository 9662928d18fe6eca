//! In place of `telemetry` in a program built without that feature: there are no such options.

use clap::Args;
use mio_echo::server::{HangupAction, Mode, Observer, Server, Stats};

/// No arguments. Not to be confused with those of `telemetry`, whose place they take.
#[derive(Debug, Args)]
pub(super) struct TelemetryArguments {}

/// Never there. Not to be confused with that of `telemetry`, whose place it takes.
#[derive(Debug)]
pub(super) enum MetricsListener {}

/// Nothing. Not to be confused with that of `telemetry`, whose place it takes.
#[derive(Debug)]
pub(super) struct Telemetry;

#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as with the feature"
)]
impl TelemetryArguments {
    pub(super) fn on_hangup(&self) -> HangupAction {
        HangupAction::Stop
    }

    pub(super) fn has_socket_file(&self) -> bool {
        false
    }

    pub(super) fn listen(&self, _mode: Option<u32>) -> Result<Option<MetricsListener>, String> {
        Ok(None)
    }

    pub(super) fn open(
        &self,
        _server: &Server,
        _mode: Mode,
        _listener: Option<MetricsListener>,
    ) -> Result<Telemetry, String> {
        Ok(Telemetry)
    }
}

#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as with the feature"
)]
impl Telemetry {
    pub(super) fn observer(&self) -> impl Observer + use<> {}

    pub(super) fn metrics_location(&self) -> Option<&str> {
        None
    }

    pub(super) fn connect(&self, statistics: Stats) -> Stats {
        statistics
    }

    pub(super) fn finish(self, _statistics: Option<Stats>) -> Result<(), String> {
        Ok(())
    }
}
