//! `mio-echo serve --access-log`: one line of JSON for each connection that is over.
//!
//! The server only queues a line; a thread of its own writes it ([`BackgroundWriter`]). A line that finds the queue full,
//! or the disk, is lost and counted, and the log reports it at most once a second.

use super::lost_lines::LostLines;
use crate::cli::files::cannot_write;
use crate::cli::logger::TARGET;
use crate::cli::rate_limit::RateLimit;
use mio_echo::server::{ConnectionId, ConnectionSummary, Mode, Observer, ProxyHeader};
use mio_echo::text::address::Address;
use mio_echo::text::background_writer::BackgroundWriter;
use mio_echo::text::os_error;
use serde::Serialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, StdoutLock, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The access log, if one is asked for. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct AccessLog(Option<Arc<OpenLog>>);

#[derive(Debug)]
struct OpenLog {
    mode: Mode,
    writer: BackgroundWriter,
    reopen_requested: Arc<AtomicBool>,
    /// Warnings about lines that could not be written.
    failures: RateLimit,
    state: Mutex<LogState>,
}

#[derive(Debug)]
struct LogState {
    /// What is known of the connections that are open.
    open: HashMap<ConnectionId, Acceptance>,
    lost: LostLines,
}

/// What is known of a connection since it was accepted.
#[derive(Debug)]
struct Acceptance {
    at: Instant,
    /// The local address of its socket, unless the kernel did not tell.
    local: Option<String>,
    /// The address of the proxy that has connected for the peer.
    proxy: Option<String>,
}

/// A line of the log. Names and units are those of the trace.
#[derive(Serialize)]
struct AccessRecord<'a> {
    /// When the connection ended (RFC 3339, UTC).
    time: String,
    connection: u64,
    peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<&'a str>,
    mode: String,
    bytes_in: u64,
    bytes_out: u64,
    /// From its acceptance to its end.
    duration_ns: u64,
    reason: String,
}

/// The path that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// Bytes of lines that may wait to be written: about 20,000 lines.
const QUEUE: usize = 4 * 1024 * 1024;

/// How long the end of the server waits for a reader that does not read.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

impl AccessLog {
    /// Opens the log at `path`; `-` is standard output. An existing file is continued.
    ///
    /// # Errors
    ///
    /// One line that names the file, which cannot be written.
    pub(super) fn open(path: Option<&Path>, mode: Mode) -> Result<Self, String> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let reopen_requested = Arc::new(AtomicBool::new(false));
        let failures = RateLimit::of("access log");
        let output = LogOutput {
            target: LogTarget::open(path).map_err(|error| cannot_write(path, &error))?,
            reopen_requested: Arc::clone(&reopen_requested),
            is_torn: false,
            failures: failures.clone(),
        };
        let writer = BackgroundWriter::new(output, QUEUE);
        let log = OpenLog {
            mode,
            writer,
            reopen_requested,
            failures,
            state: Mutex::new(LogState {
                open: HashMap::new(),
                lost: LostLines::of("access log"),
            }),
        };
        Ok(Self(Some(Arc::new(log))))
    }

    /// Waits until the lines are written, but not for a reader that does not read.
    pub(super) fn finish(&self) {
        let Some(log) = &self.0 else {
            return;
        };
        if log.writer.flush(FINISH_TIMEOUT).is_err() {
            log::warn!(target: TARGET, "access log: the last lines could not be written in time");
        }
        log.state().lost.report();
        log.failures.finish();
    }
}

impl Observer for AccessLog {
    const OBSERVES_CALLS: bool = false;

    fn socket_accepted(&mut self, id: ConnectionId, socket: BorrowedFd<'_>) {
        if let Some(log) = &self.0 {
            let local = Address::local(&socket).ok();
            let acceptance = Acceptance {
                at: Instant::now(),
                local: local.map(|local| local.to_string()),
                proxy: None,
            };
            log.state().open.insert(id, acceptance);
        }
    }

    fn proxy_header(&mut self, id: ConnectionId, peer: &Address, header: ProxyHeader) {
        if let (Some(log), ProxyHeader::Peer(_)) = (&self.0, header)
            && let Some(acceptance) = log.state().open.get_mut(&id)
        {
            acceptance.proxy = Some(peer.to_string());
        }
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        if let Some(log) = &self.0 {
            log.write(summary);
        }
    }

    fn reopen_logs(&mut self) {
        if let Some(log) = &self.0 {
            log.reopen_requested.store(true, Ordering::Release);
            // The thread opens it again before it writes the next chunk: one without bytes will do.
            let _already_awake = log.writer.push(Vec::new());
        }
    }
}

impl OpenLog {
    fn state(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, summary: &ConnectionSummary) {
        let mut state = self.state();
        let acceptance = state.open.remove(&summary.id);
        let line = self.line(summary, acceptance.as_ref());
        state.lost.note(&self.writer.push(line));
    }

    fn line(&self, summary: &ConnectionSummary, acceptance: Option<&Acceptance>) -> Vec<u8> {
        let duration = acceptance
            .as_ref()
            .map(|acceptance| acceptance.at.elapsed());
        let duration = duration.unwrap_or_default().as_nanos();
        let record = AccessRecord {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            connection: summary.id.0,
            peer: summary.peer.to_string(),
            local: acceptance.and_then(|acceptance| acceptance.local.as_deref()),
            proxy: acceptance.and_then(|acceptance| acceptance.proxy.as_deref()),
            mode: self.mode.to_string(),
            bytes_in: summary.bytes_in,
            bytes_out: summary.bytes_out,
            duration_ns: u64::try_from(duration).unwrap_or(u64::MAX),
            reason: summary.reason.to_string(),
        };
        let mut line = serde_json::to_vec(&record).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// Where the thread writes.
#[derive(Debug)]
struct LogOutput {
    target: LogTarget,
    reopen_requested: Arc<AtomicBool>,
    /// A line was written in part: the next one begins on a line of its own.
    is_torn: bool,
    failures: RateLimit,
}

#[derive(Debug)]
struct LogTarget {
    path: PathBuf,
    /// For standard output a duplicate of its descriptor: the buffer of [`io::stdout`] would hide how much of a line was
    /// written before an error.
    file: File,
}

impl LogTarget {
    fn open(path: &Path) -> io::Result<Self> {
        let file = if path == Path::new(STANDARD_OUTPUT) {
            io::stdout().as_fd().try_clone_to_owned()?.into()
        } else {
            File::options().append(true).create(true).open(path)?
        };
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Keeps other lines of this program out of a line on standard output while it is written.
    fn lock(&self) -> Option<StdoutLock<'static>> {
        (self.path == Path::new(STANDARD_OUTPUT)).then(|| io::stdout().lock())
    }
}

impl LogOutput {
    /// After a failure the old file is continued: better there than nowhere.
    fn reopen_if_requested(&mut self) {
        if !self.reopen_requested.swap(false, Ordering::AcqRel) {
            return;
        }
        let path = &self.target.path;
        match LogTarget::open(path) {
            Ok(target) => {
                log::info!(target: TARGET, "access log: {} is open again", path.display());
                (self.target, self.is_torn) = (target, false);
            }
            Err(error) => {
                let error = os_error::describe(&error);
                log::warn!(target: TARGET, "access log: cannot open {} again, its old file is continued: {error}", path.display());
            }
        }
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let _whole = self.target.lock();
        if self.is_torn {
            while self.target.file.write(b"\n")? == 0 {}
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.target.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => rest = rest.get(bytes..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_torn = rest.len() < line.len();
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// An output that cannot fail: a line that cannot be written is lost, and the next one is tried again.
impl Write for LogOutput {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.reopen_if_requested();
        if let Err(error) = self.write_line(line)
            && let Some(suppressed) = self.failures.pass(Instant::now())
        {
            let error = cannot_write(&self.target.path, &error);
            log::warn!(target: TARGET, "access log: a line is lost: {error}{suppressed}");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.reopen_if_requested();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_behind_one_that_was_written_in_part_begins_anew() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut output = LogOutput {
            target: LogTarget::open(file.path()).unwrap(),
            reopen_requested: Arc::default(),
            is_torn: false,
            failures: RateLimit::of("a test"),
        };
        output.write_all(b"{\"half").unwrap();
        output.is_torn = true;
        output.write_all(b"{}\n").unwrap();
        output.write_all(b"{}\n").unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, "{\"half\n{}\n{}\n");
    }
}
