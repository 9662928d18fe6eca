//! What a process says, read for ever: a pipe that nobody empties stops whoever writes to it (pipe(7)).

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes of a first line that are kept. A ready line is far shorter; a stream without line ends must not
/// fill our memory.
const LONGEST_LINE: u64 = 64 * 1024;

/// Bytes that a [`Tail`] keeps: enough for a panic with its backtrace, little enough for each contender of
/// a comparison.
const TAIL: usize = 16 * 1024;

/// Bytes read at once, as many as a pipe gives in one go without waiting (`PIPE_BUF` and more, pipe(7)).
const CHUNK: usize = 8 * 1024;

/// The first line of a stream; the rest is read and dropped.
#[derive(Debug)]
pub(super) struct FirstLine {
    line: Receiver<String>,
}

impl FirstLine {
    pub(super) fn of(stream: impl Read + Send + 'static) -> io::Result<Self> {
        let (found, line) = mpsc::channel();
        reader_thread(move || {
            let mut stream = BufReader::with_capacity(CHUNK, stream);
            let mut bytes = Vec::new();
            let start = stream.by_ref().take(LONGEST_LINE);
            if matches!({ start }.read_until(b'\n', &mut bytes), Ok(1..)) {
                let text = String::from_utf8_lossy(&bytes);
                // Nobody may want it any more.
                let _unwanted = found.send(text.trim_end().to_owned());
            }
            drop(found);
            io::copy(&mut stream, &mut io::sink())
        })?;
        Ok(Self { line })
    }

    /// Waits for it. It is given out once.
    ///
    /// # Errors
    ///
    /// It has not come yet (timeout), or will not come (disconnected).
    pub(super) fn within(&self, patience: Duration) -> Result<String, RecvTimeoutError> {
        self.line.recv_timeout(patience)
    }
}

/// The last words of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    /// Never sends; closed when the stream has ended.
    ended: Receiver<()>,
}

impl Tail {
    pub(super) fn of(mut stream: impl Read + Send + 'static) -> io::Result<Self> {
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let (end, ended) = mpsc::channel();
        let shared = Arc::clone(&kept);
        reader_thread(move || {
            let _dropped_at_the_end = end;
            let mut chunk = [0; CHUNK];
            loop {
                match stream.read(&mut chunk) {
                    Ok(0) => return Ok(0),
                    Ok(length) => keep(&shared, chunk.get(..length).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        })?;
        Ok(Self { kept, ended })
    }

    /// What has been kept; complete if the stream ends within `patience`.
    pub(super) fn text(&self, patience: Duration) -> String {
        let _ended_or_not = self.ended.recv_timeout(patience);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).into_owned()
    }
}

fn keep(kept: &Mutex<VecDeque<u8>>, bytes: &[u8]) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.extend(bytes);
    let superfluous = kept.len().saturating_sub(TAIL);
    kept.drain(..superfluous);
}

/// A thread that ends with the stream it reads; nobody waits for it, nor asks how it ended.
fn reader_thread(read: impl FnOnce() -> io::Result<u64> + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(read)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn a_tail_keeps_the_end() {
        let mut said = vec![b'-'; 3 * TAIL];
        said.extend(b"the end");
        let text = Tail::of(Cursor::new(said)).unwrap().text(SOON);
        assert_eq!(text.len(), TAIL);
        assert!(text.ends_with("-the end"));
    }

    #[test]
    fn a_first_line_is_given_without_its_end() {
        let line = FirstLine::of(Cursor::new("ready \r\nand more\n")).unwrap();
        assert_eq!(line.within(SOON).unwrap(), "ready");
        assert_eq!(line.within(SOON), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_line_that_does_not_end_is_cut() {
        let line = FirstLine::of(io::repeat(b'x').take(10 * LONGEST_LINE)).unwrap();
        assert_eq!(line.within(SOON).unwrap().len() as u64, LONGEST_LINE);
    }

    #[test]
    fn a_stream_without_a_line_says_so_at_once() {
        let line = FirstLine::of(io::empty()).unwrap();
        assert_eq!(line.within(SOON), Err(RecvTimeoutError::Disconnected));
    }
}
