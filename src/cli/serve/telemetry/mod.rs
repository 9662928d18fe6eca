//! `mio-echo serve --access-log …`: what the server reports to other programs.

mod access_log;
mod lost_lines;
mod metrics;
mod snapshots;
mod statistics;

use crate::cli::values::duration;
use access_log::AccessLog;
use clap::Args;
pub(super) use metrics::MetricsListener;
use mio_echo::server::{HangupAction, Mode, Observer, Server, Stats};
use mio_echo::text::address::UnixName;
use mio_echo::text::endpoint::Endpoint;
use snapshots::Snapshots;
use statistics::StatisticsLog;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

const HEADING: &str = "Telemetry";

#[derive(Debug, Args)]
pub(super) struct TelemetryArguments {
    /// Append a line of JSON to FILE for each connection that is over; `-` is standard output. SIGHUP then
    /// reopens FILE and does not stop the server
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    access_log: Option<PathBuf>,

    /// Log the statistics each time this long has passed, as SIGUSR1 prints them
    #[arg(long, value_name = "TIME", value_parser = interval, help_heading = HEADING)]
    stats_interval: Option<Duration>,

    /// Write the statistics to FILE as a line of JSON when the server ends, and at each --stats-interval
    /// before; an earlier file is replaced, and `-` is standard output
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    stats_json: Option<PathBuf>,

    /// Serve the statistics as OpenMetrics text at http://ADDR/metrics, for Prometheus; a PORT is of
    /// localhost, and port 0 lets the system choose. With unix:PATH, at /metrics on that Unix socket, whose
    /// file is treated as one of --listen
    #[arg(long, value_name = "ADDR", help_heading = HEADING)]
    metrics: Option<Endpoint>,
}

/// Everything that was asked for, open.
#[derive(Debug)]
pub(super) struct Telemetry {
    access_log: AccessLog,
    statistics: StatisticsLog,
    metrics: Option<MetricsListener>,
    /// Where the server sends copies of its statistics.
    copies: Sender<Stats>,
}

impl TelemetryArguments {
    /// With an access log in a file, SIGHUP means that this was renamed, as logrotate(8) does it.
    pub(super) fn on_hangup(&self) -> HangupAction {
        match &self.access_log {
            Some(path) if path != Path::new("-") => HangupAction::ReopenLogs,
            _ => HangupAction::Stop,
        }
    }

    /// Whether the metrics are served on a Unix socket with a file.
    pub(super) fn has_socket_file(&self) -> bool {
        let name = self.metrics.as_ref().and_then(Endpoint::unix_name);
        matches!(name, Some(UnixName::Path(_)))
    }

    /// Listens where the metrics are to be served. The file of a Unix socket gets the permissions `mode`, or what the umask
    /// leaves.
    ///
    /// # Errors
    ///
    /// One line that names the address.
    pub(super) fn listen(&self, mode: Option<u32>) -> Result<Option<MetricsListener>, String> {
        let metrics = self.metrics.as_ref();
        let listener = metrics.map(|endpoint| MetricsListener::bind(endpoint, mode));
        listener.transpose()
    }

    /// Opens what is asked for, and serves `metrics`.
    ///
    /// # Errors
    ///
    /// One line that names what cannot be opened.
    pub(super) fn open(
        &self,
        server: &Server,
        mode: Mode,
        metrics: Option<MetricsListener>,
    ) -> Result<Telemetry, String> {
        let (copies, received) = mpsc::channel();
        let snapshots = Arc::new(Snapshots::new(server.snapshot_requester(), received));
        let json = self.stats_json.as_deref();
        if let Some(listener) = &metrics {
            metrics::start(listener, mode, Arc::clone(&snapshots))?;
        }
        Ok(Telemetry {
            access_log: AccessLog::open(self.access_log.as_deref(), mode)?,
            statistics: StatisticsLog::start(self.stats_interval, json, mode, &snapshots)?,
            metrics,
            copies,
        })
    }
}

impl Telemetry {
    /// Where the metrics are, if they were asked for.
    pub(super) fn metrics_location(&self) -> Option<&str> {
        let metrics = self.metrics.as_ref();
        metrics.map(|metrics| metrics.location.as_str())
    }

    /// The statistics of a server that is observed in this way.
    pub(super) fn connect(&self, statistics: Stats) -> Stats {
        statistics.publishing_to(self.copies.clone())
    }

    /// What else observes the server.
    pub(super) fn observer(&self) -> impl Observer + use<> {
        self.access_log.clone()
    }

    /// The server has ended, with these statistics unless it failed.
    ///
    /// # Errors
    ///
    /// One line: what was asked for is incomplete.
    pub(super) fn finish(self, statistics: Option<Stats>) -> Result<(), String> {
        self.access_log.finish();
        drop(self.copies);
        self.statistics.finish(statistics)
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(100);
    let interval = duration(text)?;
    if interval < SHORTEST {
        return Err("must be at least 100ms".to_owned());
    }
    Ok(interval)
}
