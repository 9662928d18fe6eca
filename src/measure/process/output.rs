//! The output of a child process, read until it ends: a full pipe would block the writer (pipe(7)).

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The most bytes kept of a first line. A ready line is far shorter; the limit bounds our memory if a stream
/// has no line endings.
const MAX_LINE: u64 = 64 * 1024;

/// The most bytes that a [`Tail`] keeps: enough for a panic with its backtrace, little enough for each
/// contender of a comparison.
const MAX_TAIL: usize = 16 * 1024;

/// Bytes requested per read.
const READ_SIZE: usize = 8 * 1024;

/// The first line of a stream. The rest is read and discarded.
#[derive(Debug)]
pub(super) struct FirstLine {
    line: Receiver<String>,
}

impl FirstLine {
    /// Starts a thread that reads `stream` to its end.
    pub(super) fn read_from(stream: impl Read + Send + 'static) -> io::Result<Self> {
        let (line_read, line) = mpsc::channel();
        spawn_reader(move || {
            let mut stream = BufReader::with_capacity(READ_SIZE, stream);
            let mut bytes = Vec::new();
            let mut start = stream.by_ref().take(MAX_LINE);
            if matches!(start.read_until(b'\n', &mut bytes), Ok(1..)) {
                let text = String::from_utf8_lossy(&bytes);
                // Fails only if the receiver has been dropped.
                let _unwanted = line_read.send(text.trim_end().to_owned());
            }
            drop(line_read);
            io::copy(&mut stream, &mut io::sink())
        })?;
        Ok(Self { line })
    }

    /// Waits for the line. It is returned once.
    ///
    /// # Errors
    ///
    /// The line has not been read within `timeout` (timeout), or the stream has ended without one or the line
    /// has already been returned (disconnected).
    pub(super) fn wait(&self, timeout: Duration) -> Result<String, RecvTimeoutError> {
        self.line.recv_timeout(timeout)
    }
}

/// The last bytes of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    /// Never receives a value; disconnected when the stream has ended.
    ended: Receiver<()>,
}

impl Tail {
    /// Starts a thread that reads `stream` to its end.
    pub(super) fn read_from(mut stream: impl Read + Send + 'static) -> io::Result<Self> {
        let bytes = Arc::new(Mutex::new(VecDeque::new()));
        let (end, ended) = mpsc::channel();
        let shared = Arc::clone(&bytes);
        spawn_reader(move || {
            let _dropped_at_the_end = end;
            let mut chunk = [0; READ_SIZE];
            loop {
                match stream.read(&mut chunk) {
                    Ok(0) => return Ok(0),
                    Ok(length) => append(&shared, chunk.get(..length).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        })?;
        Ok(Self { bytes, ended })
    }

    /// The bytes kept so far; complete if the stream ends within `timeout`.
    pub(super) fn text(&self, timeout: Duration) -> String {
        let _ended_or_not = self.ended.recv_timeout(timeout);
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(bytes.make_contiguous()).into_owned()
    }
}

/// Appends a chunk and drops the oldest bytes beyond [`MAX_TAIL`].
fn append(tail: &Mutex<VecDeque<u8>>, chunk: &[u8]) {
    let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    tail.extend(chunk);
    let excess = tail.len().saturating_sub(MAX_TAIL);
    tail.drain(..excess);
}

/// Starts a thread that ends with the stream it reads. It is never joined, and its result is dropped.
fn spawn_reader(read: impl FnOnce() -> io::Result<u64> + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(read)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn a_tail_keeps_the_end() {
        let mut written = vec![b'-'; 3 * MAX_TAIL];
        written.extend(b"the end");
        let tail = Tail::read_from(Cursor::new(written)).unwrap();
        let text = tail.text(TIMEOUT);
        assert_eq!(text.len(), MAX_TAIL);
        assert!(text.ends_with("-the end"));
    }

    #[test]
    fn a_first_line_is_returned_once_and_without_its_line_ending() {
        let line = FirstLine::read_from(Cursor::new("ready \r\nand more\n")).unwrap();
        assert_eq!(line.wait(TIMEOUT).unwrap(), "ready");
        assert_eq!(line.wait(TIMEOUT), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let line = FirstLine::read_from(io::repeat(b'x').take(10 * MAX_LINE)).unwrap();
        assert_eq!(line.wait(TIMEOUT).unwrap().len() as u64, MAX_LINE);
    }

    #[test]
    fn an_empty_stream_is_reported_at_once() {
        let line = FirstLine::read_from(io::empty()).unwrap();
        assert_eq!(line.wait(TIMEOUT), Err(RecvTimeoutError::Disconnected));
    }
}
