//! The output of a process, collected by a thread as it comes, and waited for with a deadline.

use std::borrow::Cow;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a process has written to one of its streams so far.
#[derive(Debug, Default)]
pub(crate) struct Output {
    collected: Mutex<Collected>,
    changed: Condvar,
}

/// The bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) bytes: Vec<u8>,
    /// How many of them were taken, part by part.
    taken: usize,
    pub(crate) has_ended: bool,
}

impl Output {
    /// Collects what comes out of `pipe`. A stream that is not piped to the test ends at once.
    pub(crate) fn collect(pipe: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let output = Arc::new(Self::default());
        let Some(mut pipe) = pipe else {
            output.update(|collected| collected.has_ended = true);
            return output;
        };
        let collector = Arc::clone(&output);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                collector.update(|collected| collected.bytes.extend(&buffer[..count]));
            }
            collector.update(|collected| collected.has_ended = true);
        });
        output
    }

    fn update(&self, change: impl FnOnce(&mut Collected)) {
        change(&mut self.collected.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits until `find` finds something. `None` when the time is up, or when the stream has ended without it.
    pub(crate) fn wait<T>(
        &self,
        time: Duration,
        mut find: impl FnMut(&mut Collected) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + time;
        let mut collected = self.collected.lock().unwrap();
        loop {
            let found = find(&mut collected);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || collected.has_ended || left.is_zero() {
                return found;
            }
            (collected, _) = self.changed.wait_timeout(collected, left).unwrap();
        }
    }

    /// Waits for the end of the stream. Returns what has not been taken.
    pub(crate) fn wait_for_end(&self, time: Duration) -> Option<Vec<u8>> {
        self.wait(time, |output| {
            output.has_ended.then(|| output.rest().to_vec())
        })
    }

    pub(crate) fn lines(&self) -> String {
        self.collected.lock().unwrap().lines().into_owned()
    }
}

impl Collected {
    /// The bytes that were not taken.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Takes what comes before the next byte `end`, and that byte.
    pub(crate) fn take_until(&mut self, end: u8) -> Option<String> {
        let length = self.rest().iter().position(|&byte| byte == end)?;
        let part = String::from_utf8_lossy(&self.rest()[..length]).into_owned();
        self.taken += length + 1;
        Some(part)
    }

    /// All lines that are complete; once the stream has ended, everything.
    pub(crate) fn lines(&self) -> Cow<'_, str> {
        let complete = match self.bytes.iter().rposition(|&byte| byte == b'\n') {
            _ if self.has_ended => self.bytes.len(),
            Some(last) => last + 1,
            None => 0,
        };
        String::from_utf8_lossy(&self.bytes[..complete])
    }
}
