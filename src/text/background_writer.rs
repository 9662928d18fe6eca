//! Output that never blocks the thread that produces it.
//!
//! write(2) on a pipe or a terminal sleeps until the reader reads, and on a file it may wait for the disk. An event loop
//! must not sleep there. What it logs or traces goes into a bounded queue, and a separate thread writes it.
//!
//! A trace with a gap is worthless, so it ends with the first chunk that cannot be written ([`BackgroundWriter::new`]). A log
//! goes on, and says how many lines it lacks ([`BackgroundWriter::lossy`]).

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes of the stack of the thread. It formats nothing.
const STACK: usize = 256 * 1024;

/// A queue of bytes, and the thread that writes them. All clones share both.
///
/// The thread is started by the first [`push`](Self::push), and lives as long as the process.
#[derive(Debug, Clone)]
pub struct BackgroundWriter {
    queue: Arc<Queue>,
    /// Bytes that may wait to be written.
    capacity: usize,
}

#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    pushed: Condvar,
    written: Condvar,
    /// For an output that goes on after a loss: the text that says how many chunks were lost.
    report: Option<Report>,
}

/// Turns the number of chunks that were lost into a chunk.
type Report = fn(u64) -> Vec<u8>;

struct Chunk {
    bytes: Vec<u8>,
    /// Chunks that are lost if this one is: itself, or for a report those that it reports.
    stands_for: u64,
}

struct State {
    chunks: VecDeque<Chunk>,
    /// Bytes in `chunks`.
    len: usize,
    /// Chunks that were lost since this was last reported.
    lost: u64,
    is_writing: bool,
    /// Chunks that have left the queue, written or not.
    done: u64,
    /// Where the thread will write, until it is started.
    output: Option<Box<dyn Write + Send>>,
    /// The first write that failed; what comes after it is not written.
    failure: Option<io::Error>,
}

impl BackgroundWriter {
    /// A writer to `output`, with room for `capacity` bytes that wait.
    pub fn new(output: impl Write + Send + 'static, capacity: usize) -> Self {
        Self::with_report(None, output, capacity)
    }

    /// As [`new`](Self::new), for an output that goes on after a chunk for which there was no room, or that could not be
    /// written. As soon as something can be written again, the text that `report` makes of the number of lost chunks is.
    pub fn lossy(
        output: impl Write + Send + 'static,
        capacity: usize,
        report: fn(u64) -> Vec<u8>,
    ) -> Self {
        Self::with_report(Some(report), output, capacity)
    }

    fn with_report(
        report: Option<Report>,
        output: impl Write + Send + 'static,
        capacity: usize,
    ) -> Self {
        let state = State {
            chunks: VecDeque::new(),
            len: 0,
            lost: 0,
            is_writing: false,
            done: 0,
            output: Some(Box::new(output)),
            failure: None,
        };
        Self {
            queue: Arc::new(Queue {
                state: Mutex::new(state),
                pushed: Condvar::new(),
                written: Condvar::new(),
                report,
            }),
            capacity,
        }
    }

    /// Queues a chunk, which is written with one write(2) unless the kernel takes only part of it. Never blocks.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: the queue is full. `OutOfMemory`: the thread could not be started. Otherwise an earlier write has failed,
    /// unless the output is [`lossy`](Self::lossy). The chunk is not written.
    pub fn push(&self, chunk: Vec<u8>) -> io::Result<()> {
        let mut state = self.queue.lock();
        if let Some(failure) = &state.failure {
            return Err(copy(failure));
        }
        let room = self.capacity.saturating_sub(state.len);
        // The report is made only if there may be room for it.
        let report = (chunk.len() <= room).then(|| self.queue.report(state.lost));
        let report = report.flatten();
        let report_len = report.as_ref().map_or(0, |report| report.bytes.len());
        if chunk.len() + report_len > room {
            state.lost += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        if let Some(output) = state.output.take()
            && let Err(error) = self.start(output)
        {
            state.failure = Some(copy(&error));
            return Err(error);
        }
        if let Some(report) = report {
            state.push_report(report);
        }
        state.push(Chunk {
            bytes: chunk,
            stands_for: 1,
        });
        self.queue.pushed.notify_one();
        Ok(())
    }

    /// Waits until everything that was queued is written.
    ///
    /// # Errors
    ///
    /// `TimedOut`: for `timeout` nothing could be written. Otherwise a write has failed.
    pub fn flush(&self, timeout: Duration) -> io::Result<()> {
        let mut state = self.queue.lock();
        while state.failure.is_none() && (state.is_writing || !state.chunks.is_empty()) {
            let before = state.done;
            let waited = self.queue.written.wait_timeout(state, timeout);
            let (guard, wait) = waited.unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if wait.timed_out() && state.done == before {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        state
            .failure
            .as_ref()
            .map_or(Ok(()), |failure| Err(copy(failure)))
    }

    fn start(&self, output: Box<dyn Write + Send>) -> io::Result<()> {
        let queue = Arc::clone(&self.queue);
        let thread = thread::Builder::new().name("writer".to_owned());
        let thread = thread.stack_size(STACK);
        match thread.spawn(move || queue.write_all(output)) {
            Ok(_detached) => Ok(()),
            // EAGAIN (pthread_create(3)), which must not be taken for a full queue.
            Err(_) => Err(ErrorKind::OutOfMemory.into()),
        }
    }
}

impl Queue {
    /// The life of the thread.
    fn write_all(&self, mut output: Box<dyn Write + Send>) {
        loop {
            let chunk = self.next_chunk();
            let written = output.write_all(&chunk.bytes);
            let written = written.and_then(|()| output.flush());
            let mut state = self.lock();
            state.is_writing = false;
            state.done += 1;
            match written {
                // The last chunk of the queue: without a further one, nothing else would report what was lost.
                Ok(()) if state.chunks.is_empty() => {
                    if let Some(report) = self.report(state.lost) {
                        state.push_report(report);
                    }
                }
                Ok(()) => {}
                Err(_) if self.report.is_some() => state.lost += chunk.stands_for,
                Err(error) => {
                    state.failure = Some(error);
                    mem::take(&mut state.chunks);
                }
            }
            let failed = state.failure.is_some();
            drop(state);
            self.written.notify_all();
            if failed {
                return;
            }
        }
    }

    fn next_chunk(&self) -> Chunk {
        let mut state = self.lock();
        loop {
            if let Some(chunk) = state.chunks.pop_front() {
                state.len -= chunk.bytes.len();
                state.is_writing = true;
                return chunk;
            }
            let pushed = self.pushed.wait(state);
            state = pushed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The report that `lost` chunks are lost, if there are any and it is wanted.
    fn report(&self, lost: u64) -> Option<Chunk> {
        let report = self.report.filter(|_| lost > 0)?;
        Some(Chunk {
            bytes: report(lost),
            stands_for: lost,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, chunk: Chunk) {
        self.len += chunk.bytes.len();
        self.chunks.push_back(chunk);
    }

    fn push_report(&mut self, report: Chunk) {
        self.lost = 0;
        self.push(report);
    }
}

/// The same error, for each caller.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => error.kind().into(),
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("len", &self.len)
            .field("lost", &self.lost)
            .field("done", &self.done)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeReader, Read};
    use std::os::unix::net::UnixStream;

    const LATE: Duration = Duration::from_secs(10);
    const SOON: Duration = Duration::from_millis(20);

    fn pipe(capacity: usize) -> (PipeReader, BackgroundWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, BackgroundWriter::new(writer, capacity))
    }

    #[test]
    fn chunks_are_written_in_order() {
        let (mut reader, writer) = pipe(1 << 20);
        for chunk in [&b"a"[..], b"bc", b"def"] {
            writer.push(chunk.to_vec()).unwrap();
        }
        writer.flush(LATE).unwrap();
        let mut text = [0; 6];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"abcdef");
    }

    #[test]
    fn with_a_reader_that_does_not_read_pushing_fails_and_does_not_block() {
        let (mut reader, writer) = pipe(1 << 20);
        let mut pushed = 0;
        let full = loop {
            match writer.push(vec![b'x'; 4096]) {
                Ok(()) => pushed += 4096,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        assert!(pushed >= 1 << 20, "only {pushed} bytes were queued");
        assert_eq!(writer.flush(SOON).unwrap_err().kind(), ErrorKind::TimedOut);
        // Once it reads, nothing that was queued is missing.
        let mut all = vec![0; pushed];
        reader.read_exact(&mut all).unwrap();
        writer.flush(LATE).unwrap();
        writer.push(b"!".to_vec()).unwrap();
    }

    #[test]
    fn a_failed_write_is_reported_to_those_who_push_and_flush() {
        let (reader, writer) = pipe(1 << 20);
        drop(reader);
        writer.push(b"lost".to_vec()).unwrap();
        assert_eq!(
            writer.flush(LATE).unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        let refused = writer.push(b"refused".to_vec()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::BrokenPipe);
    }

    fn lost(count: u64) -> Vec<u8> {
        format!("[{count} lost]").into_bytes()
    }

    #[test]
    fn what_a_lossy_output_had_no_room_for_is_reported_as_soon_as_it_is_read_again() {
        const CHUNK: usize = 4096;
        let (mut reader, output) = UnixStream::pair().unwrap();
        reader.set_read_timeout(Some(LATE)).unwrap();
        let writer = BackgroundWriter::lossy(output, 256 * CHUNK, lost);
        let chunks = (0..1000).map(|_| writer.push(vec![b'x'; CHUNK]));
        let refused = chunks.filter(Result::is_err).count();
        assert!(refused > 0, "it should not fit");
        let (mut written, mut reports) = (0, String::new());
        let mut buffer = [0; CHUNK];
        // Nothing else is pushed.
        while written / CHUNK + lost_in(&reports) < 1000 {
            let count = reader.read(&mut buffer).expect("the rest, or its number");
            let text = str::from_utf8(&buffer[..count]).unwrap();
            written += text.matches('x').count();
            reports.extend(text.chars().filter(|&it| it != 'x'));
        }
        assert_eq!(lost_in(&reports), refused);
    }

    /// The sum of all reports.
    fn lost_in(text: &str) -> usize {
        let reports = text.split(['[', ']']);
        let counts = reports.filter_map(|report| report.strip_suffix(" lost"));
        counts.map(|count| count.parse::<usize>().unwrap()).sum()
    }

    /// Fails as often as is asked for.
    struct Failing {
        times: u32,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.times > 0 {
                self.times -= 1;
                return Err(ErrorKind::StorageFull.into());
            }
            self.written.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_lossy_output_failed_to_write_is_reported_before_what_comes_next() {
        let written = Arc::default();
        let output = Failing {
            times: 4,
            written: Arc::clone(&written),
        };
        let writer = BackgroundWriter::lossy(output, 1 << 20, lost);
        // The second and the third time, the report fails too, or with it the chunk behind it.
        for chunk in [&b"a"[..], b"b", b"c"] {
            writer.push(chunk.to_vec()).unwrap();
            writer.flush(LATE).unwrap();
        }
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "c[2 lost]");
    }
}
