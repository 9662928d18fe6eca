//! The bytes of one connection that are to be sent later, in order, bounded.

use std::collections::VecDeque;
use std::time::Instant;

/// Bytes, each with the time at which it is due. A byte never overtakes another.
#[derive(Debug)]
pub(super) struct DelayLine {
    bytes: VecDeque<u8>,
    /// Their times, as runs of bytes that are due together; never empty runs, in the order of `bytes`.
    runs: VecDeque<DueBytes>,
    /// Bytes.
    capacity: usize,
}

#[derive(Debug)]
struct DueBytes {
    due: Instant,
    bytes: usize,
}

/// With as many runs the line is full, however few bytes they are: many small messages must not take more memory than
/// the bytes themselves may.
const MOST_RUNS: usize = 1024;

impl DelayLine {
    /// An empty line with room for `capacity` bytes. It owns no heap while it is empty.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            runs: VecDeque::new(),
            capacity,
        }
    }

    /// How many bytes may be added.
    pub(super) fn room(&self) -> usize {
        if self.runs.len() < MOST_RUNS {
            self.capacity.saturating_sub(self.bytes.len())
        } else {
            0
        }
    }

    /// Adds bytes that are due at `due`, or when those before them are if that is later. There must be room.
    pub(super) fn push(&mut self, due: Instant, bytes: impl ExactSizeIterator<Item = u8>) {
        debug_assert!(bytes.len() > 0 && bytes.len() <= self.room());
        let due = self.runs.back().map_or(due, |last| last.due.max(due));
        self.runs.push_back(DueBytes {
            due,
            bytes: bytes.len(),
        });
        self.bytes.extend(bytes);
    }

    /// Bytes that are due at `now`, from the first one on; not necessarily all of them.
    pub(super) fn due(&self, now: Instant) -> &[u8] {
        let runs = self.runs.iter().take_while(|run| run.due <= now);
        let due = runs.map(|run| run.bytes).sum();
        let (first, _) = self.bytes.as_slices();
        first.get(..due).unwrap_or(first)
    }

    /// The first `count` bytes were sent. The last one frees the heap.
    pub(super) fn advance(&mut self, mut count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
        while let Some(run) = self.runs.front_mut() {
            if run.bytes > count {
                run.bytes -= count;
                return;
            }
            count -= run.bytes;
            self.runs.pop_front();
        }
        *self = Self::new(self.capacity);
    }

    /// When the first byte is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.runs.front().map(|run| run.due)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn push(line: &mut DelayLine, due: Instant, bytes: &[u8]) {
        line.push(due, bytes.iter().copied());
    }

    #[test]
    fn bytes_are_due_at_their_times_and_leave_in_order() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut line = DelayLine::new(8);
        push(&mut line, start + second, b"abc");
        push(&mut line, start + 2 * second, b"de");
        assert_eq!(line.next_due(), Some(start + second));
        assert_eq!(line.due(start), b"");
        assert_eq!(line.due(start + second), b"abc");
        line.advance(1);
        assert_eq!(line.due(start + second), b"bc");
        assert_eq!(line.due(start + 2 * second), b"bcde");
        line.advance(3);
        assert_eq!(line.next_due(), Some(start + 2 * second));
        line.advance(1);
        assert!(line.is_empty());
        assert_eq!((line.next_due(), line.bytes.capacity()), (None, 0));
    }

    #[test]
    fn a_byte_with_a_shorter_delay_does_not_overtake() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut line = DelayLine::new(8);
        push(&mut line, later, b"a");
        push(&mut line, start, b"b");
        assert_eq!(line.due(start), b"");
        assert_eq!(line.due(later), b"ab");
    }

    #[test]
    fn neither_bytes_nor_runs_exceed_their_bounds() {
        let start = Instant::now();
        let mut line = DelayLine::new(4);
        push(&mut line, start, b"abc");
        assert_eq!(line.room(), 1);
        push(&mut line, start, b"d");
        assert_eq!(line.room(), 0);

        let mut line = DelayLine::new(1 << 20);
        for _ in 0..MOST_RUNS {
            assert!(line.room() > 0);
            push(&mut line, start, b"a");
        }
        assert_eq!(line.room(), 0);
        line.advance(1);
        assert!(line.room() > 0);
    }
}
