//! Output that never blocks the thread that produces it.
//!
//! write(2) on a pipe or a terminal sleeps until the reader reads, and on a file it may wait for the disk. An event loop
//! must not sleep there. What it logs or traces goes into a bounded queue, and a separate thread writes it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

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
}

struct State {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes in `chunks`.
    len: usize,
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
        let state = State {
            chunks: VecDeque::new(),
            len: 0,
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
            }),
            capacity,
        }
    }

    /// Queues a chunk, which is written with one write(2) unless the kernel takes only part of it. Never blocks.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: the queue is full. Otherwise an earlier write has failed, or the thread could not be started. The
    /// chunk is not written.
    pub fn push(&self, chunk: Vec<u8>) -> io::Result<()> {
        let mut state = self.queue.lock();
        if let Some(failure) = &state.failure {
            return Err(copy(failure));
        }
        if state.len + chunk.len() > self.capacity {
            return Err(ErrorKind::WouldBlock.into());
        }
        if let Some(output) = state.output.take()
            && let Err(error) = self.start(output)
        {
            state.failure = Some(copy(&error));
            return Err(error);
        }
        state.len += chunk.len();
        state.chunks.push_back(chunk);
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
        thread.spawn(move || queue.write_all(output)).map(|_| ())
    }
}

impl Queue {
    /// The life of the thread.
    fn write_all(&self, mut output: Box<dyn Write + Send>) {
        loop {
            let chunk = self.next_chunk();
            let written = output.write_all(&chunk).and_then(|()| output.flush());
            let mut state = self.lock();
            state.is_writing = false;
            state.done += 1;
            if let Err(error) = written {
                state.failure = Some(error);
                mem::take(&mut state.chunks);
            }
            let failed = state.failure.is_some();
            drop(state);
            self.written.notify_all();
            if failed {
                return;
            }
        }
    }

    fn next_chunk(&self) -> Vec<u8> {
        let mut state = self.lock();
        loop {
            if let Some(chunk) = state.chunks.pop_front() {
                state.len -= chunk.len();
                state.is_writing = true;
                return chunk;
            }
            let pushed = self.pushed.wait(state);
            state = pushed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            .field("done", &self.done)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeReader, Read};

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
}
