//! `mio-echo serve --stats-interval`, `--stats-json`: the statistics at an interval, and at the end.
//!
//! A thread of its own requests them, logs them and writes them. At the interval, the server is woken for a copy, and has
//! nothing else to do with it.

use super::lost_lines::LostLines;
use super::snapshots::Snapshots;
use crate::cli::files::cannot_write;
use crate::cli::logger::TARGET;
use mio_echo::server::{MisbehaviourCounts, Mode, Stats};
use mio_echo::text::background_writer::BackgroundWriter;
use mio_echo::text::os_error;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

/// What was asked for.
#[derive(Debug)]
pub(super) struct StatisticsLog {
    json: Option<StatisticsFile>,
    /// Dropped to end the thread.
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

/// Where the lines of JSON go.
#[derive(Debug, Clone)]
struct StatisticsFile {
    path: PathBuf,
    mode: Mode,
    writer: BackgroundWriter,
}

/// A line of it. Names and units are those of the trace.
#[derive(Serialize)]
struct StatisticsRecord<'a> {
    /// When the counters had these values (RFC 3339, UTC).
    time: String,
    mode: String,
    up_ns: u64,
    connections: u64,
    open: u64,
    bytes_in: u64,
    bytes_out: u64,
    longest_queue: usize,
    errors: &'a BTreeMap<String, u64>,
    datagrams: DatagramRecord,
    /// Connections by fault, of a server that was asked to misbehave.
    #[serde(skip_serializing_if = "Option::is_none")]
    misbehaved: Option<BTreeMap<String, u64>>,
}

#[derive(Serialize)]
struct DatagramRecord {
    received: u64,
    replied: u64,
    bytes_in: u64,
    bytes_out: u64,
    dropped: u64,
    refused: BTreeMap<String, u64>,
}

/// Bytes of lines that may wait to be written.
const QUEUE: usize = 256 * 1024;

/// How long the end of the server waits for a reader that does not read.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the server has to send its statistics. A turn of the loop is far shorter.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(5);

impl StatisticsLog {
    /// Creates the file, and starts the thread that writes at each `interval`.
    ///
    /// # Errors
    ///
    /// One line: the file cannot be written, or there is no further thread.
    pub(super) fn start(
        interval: Option<Duration>,
        json: Option<&Path>,
        mode: Mode,
        snapshots: &Arc<Snapshots>,
    ) -> Result<Self, String> {
        let json = json.map(|path| StatisticsFile::create(path, mode));
        let json = json.transpose()?;
        let ticker = interval.map(|interval| start_ticker(interval, json.clone(), snapshots));
        Ok(Self {
            json,
            ticker: ticker.transpose()?,
        })
    }

    /// The server has ended with these statistics, which are the last ones of the file; it has none if it failed. Waits
    /// until everything is written, but not for a reader that does not read.
    ///
    /// # Errors
    ///
    /// One line: the file is incomplete.
    pub(super) fn finish(self, stats: Option<Stats>) -> Result<(), String> {
        let file = self.json.as_ref();
        let last = file.and_then(|file| Some(file.line(stats.as_ref()?)));
        // With the last sender of copies, a thread that waits for one wakes up.
        drop(stats);
        if let Some((stop, thread)) = self.ticker {
            drop(stop);
            let _panicked = thread.join();
        }
        let Some(file) = self.json else {
            return Ok(());
        };
        let queued = last.map_or(Ok(()), |line| file.writer.push(line));
        let written = queued.and_then(|()| file.writer.flush(FINISH_TIMEOUT));
        match written {
            // The reader of a pipe has had enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| {
                let error = cannot_write(&file.path, &error);
                format!("the statistics are incomplete: {error}")
            }),
        }
    }
}

fn start_ticker(
    interval: Duration,
    json: Option<StatisticsFile>,
    snapshots: &Arc<Snapshots>,
) -> Result<(Sender<()>, JoinHandle<()>), String> {
    let (stop, stopped) = mpsc::channel();
    let snapshots = Arc::clone(snapshots);
    let tick = move || {
        let mut lost = LostLines::of("statistics");
        while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            if let Some(stats) = snapshots.take(SNAPSHOT_TIMEOUT) {
                report(&stats, json.as_ref(), &mut lost);
            }
        }
        lost.report();
    };
    let builder = thread::Builder::new().name("statistics".to_owned());
    let thread = builder.spawn(tick).map_err(|error| {
        let error = os_error::describe(&error);
        format!("cannot start a thread for --stats-interval: {error}")
    })?;
    Ok((stop, thread))
}

/// What a tick does. A file that cannot be written is an error at the end of the server.
fn report(stats: &Stats, json: Option<&StatisticsFile>, lost: &mut LostLines) {
    log::info!(target: TARGET, "statistics: {stats}");
    if let Some(file) = json {
        lost.note(&file.writer.push(file.line(stats)));
    }
}

impl StatisticsFile {
    fn create(path: &Path, mode: Mode) -> Result<Self, String> {
        let output: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(|error| cannot_write(path, &error))?)
        };
        Ok(Self {
            path: path.to_owned(),
            mode,
            writer: BackgroundWriter::new(output, QUEUE),
        })
    }

    fn line(&self, stats: &Stats) -> Vec<u8> {
        let record = StatisticsRecord::new(stats, self.mode);
        let mut line = serde_json::to_vec(&record).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

impl<'a> StatisticsRecord<'a> {
    fn new(stats: &'a Stats, mode: Mode) -> Self {
        let datagrams = &stats.datagrams;
        let refused = datagrams.refused.iter();
        let by_fault = |counts: &MisbehaviourCounts| {
            let counts = counts.by_fault();
            counts.map(|(fault, it)| (fault.to_string(), it)).collect()
        };
        Self {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            mode: mode.to_string(),
            up_ns: u64::try_from(stats.since.elapsed().as_nanos()).unwrap_or(u64::MAX),
            connections: stats.accepted,
            open: stats.accepted - stats.closed,
            bytes_in: stats.bytes_in,
            bytes_out: stats.bytes_out,
            longest_queue: stats.longest_queue,
            errors: &stats.errors,
            datagrams: DatagramRecord {
                received: datagrams.received,
                replied: datagrams.replied,
                bytes_in: datagrams.bytes_in,
                bytes_out: datagrams.bytes_out,
                dropped: datagrams.dropped,
                refused: refused
                    .map(|(why, &count)| (why.to_string(), count))
                    .collect(),
            },
            misbehaved: stats.misbehaved.as_ref().map(by_fault),
        }
    }
}
