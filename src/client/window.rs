//! The bytes in flight between the thread that sends and the thread that receives.
//!
//! This file knows bytes and a clock, and no socket. The sender waits here for room. The receiver never waits here;
//! it waits in its read of the socket.

use super::error::ClientError;
use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes in flight at which the sender waits.
///
/// The limit bounds our memory if a server reads and never writes. It slows no correct server down: between two
/// machines with Linux's defaults (tcp(7): `tcp_wmem` up to 4 MiB and `tcp_rmem` up to 6 MiB, in both directions), the
/// kernels hold about 20 MiB at most.
const CAPACITY: usize = 32 * 1024 * 1024;

/// The most bytes that one system call moves, in each direction. The window is locked once per chunk.
pub(super) const CHUNK: usize = 64 * 1024;

/// What both threads share: a bounded queue of the bytes in flight.
#[derive(Debug)]
pub(super) struct Window {
    in_flight: Mutex<InFlight>,
    /// Signalled when bytes have come back, and when the receiver is done.
    freed: Condvar,
}

#[derive(Debug)]
struct InFlight {
    /// Bytes that were sent and have not come back, oldest first.
    bytes: VecDeque<u8>,
    /// The number of bytes that have come back.
    returned: u64,
    /// The number of bytes still to be sent. `None` until the end of an input of unknown length.
    unsent: Option<u64>,
    /// The start of the reply timeout, which runs while the peer has to send something: when the bytes that were due had
    /// come back, or when we sent the first bytes after a pause.
    waiting_since: Instant,
    /// How many bytes have to come back before the reply timeout starts again: those that were in flight when it started,
    /// but one [`CHUNK`] at most. Without it a server could send a byte now and then, and the transfer would never end.
    due: usize,
    sender: SenderState,
}

#[derive(Debug)]
enum SenderState {
    /// More may be sent.
    Sending,
    /// Everything was sent, and our FIN; the peer's FIN has to follow.
    Finished,
    /// No more will be sent, because of this error; the peer's FIN has to follow.
    Failed(ClientError),
    /// The receiver is done, so that nothing waits for the sender any more.
    Abandoned,
}

/// For the sender.
impl Window {
    /// A window with nothing in flight. `unsent` is the number of bytes to send, if it is known.
    pub(super) fn new(unsent: Option<u64>) -> Self {
        Self {
            in_flight: Mutex::new(InFlight {
                bytes: VecDeque::new(),
                returned: 0,
                unsent,
                waiting_since: Instant::now(),
                due: 0,
                sender: SenderState::Sending,
            }),
            freed: Condvar::new(),
        }
    }

    /// Waits until there is room for `chunk`, then records it as in flight. `chunk` is at most [`CHUNK`] long.
    pub(super) fn push(&self, chunk: &[u8]) {
        let room = CAPACITY.saturating_sub(chunk.len());
        let mut in_flight = self.wait_while(|in_flight| in_flight.bytes.len() > room);
        let was_empty = in_flight.bytes.is_empty();
        in_flight.bytes.extend(chunk);
        if was_empty {
            in_flight.restart_timeout();
        }
        if let Some(unsent) = &mut in_flight.unsent {
            *unsent = unsent.saturating_sub(chunk.len() as u64);
        }
    }

    /// Waits until everything in flight has come back.
    pub(super) fn wait_until_empty(&self) {
        drop(self.wait_while(|in_flight| !in_flight.bytes.is_empty()));
    }

    /// Records that no more will be sent, and why.
    pub(super) fn finish(&self, result: Result<(), ClientError>) {
        let mut in_flight = self.lock();
        in_flight.waiting_since = Instant::now();
        in_flight.unsent = Some(0);
        in_flight.sender = match result {
            Ok(()) => SenderState::Finished,
            Err(error) => SenderState::Failed(error),
        };
    }

    /// Waits, but not in an abandoned window: there the sender goes on to the socket, which is shut down.
    fn wait_while(&self, condition: impl Fn(&InFlight) -> bool) -> MutexGuard<'_, InFlight> {
        let waited = self.freed.wait_while(self.lock(), |in_flight| {
            !matches!(in_flight.sender, SenderState::Abandoned) && condition(in_flight)
        });
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the receiver.
impl Window {
    /// Compares `echo` with the oldest bytes in flight. Returns how many bytes of it are correct, and what is wrong with
    /// the byte after them, if there is one.
    pub(super) fn compare(&self, echo: &[u8]) -> (usize, Result<(), ClientError>) {
        let in_flight = self.lock();
        let pairs = in_flight.bytes.iter().zip(echo);
        let correct = pairs.take_while(|(sent, came)| sent == came).count();
        let offset = in_flight.returned + correct as u64;
        let result = match (echo.get(correct), in_flight.bytes.get(correct)) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(ClientError::Superfluous { offset }),
            (Some(&got), Some(&expected)) => Err(ClientError::Differs {
                offset,
                expected,
                got,
            }),
        };
        (correct, result)
    }

    /// Removes the oldest `count` bytes: they have come back and are printed.
    pub(super) fn pop(&self, count: usize) {
        let mut in_flight = self.lock();
        let count = count.min(in_flight.bytes.len());
        in_flight.bytes.drain(..count);
        in_flight.returned += count as u64;
        in_flight.due = in_flight.due.saturating_sub(count);
        if in_flight.due == 0 {
            in_flight.restart_timeout();
        }
        self.freed.notify_one();
    }

    /// How much of the reply `timeout` is left; zero if it has passed. All of it is left while the peer has nothing to
    /// send.
    pub(super) fn time_left(&self, timeout: Duration) -> Duration {
        let in_flight = self.lock();
        if in_flight.bytes.is_empty() && matches!(in_flight.sender, SenderState::Sending) {
            return timeout;
        }
        timeout.saturating_sub(in_flight.waiting_since.elapsed())
    }

    /// The number of bytes that have yet to come back, as far as it is known.
    pub(super) fn missing(&self) -> u64 {
        self.lock().missing()
    }

    /// The result of the transfer, now that the peer's FIN has come: the number of bytes that came back, or what went
    /// wrong.
    pub(super) fn result_at_fin(&self) -> Result<u64, ClientError> {
        let mut in_flight = self.lock();
        let early = ClientError::ClosedEarly {
            missing: in_flight.missing(),
        };
        match mem::replace(&mut in_flight.sender, SenderState::Abandoned) {
            SenderState::Failed(error) if error.follows_from_a_close() => Err(early),
            SenderState::Failed(error) => Err(error),
            _ if in_flight.is_complete() => Ok(in_flight.returned),
            _ => Err(early),
        }
    }

    /// Releases the sender from waiting here.
    pub(super) fn abandon(&self) {
        self.lock().sender = SenderState::Abandoned;
        self.freed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    fn restart_timeout(&mut self) {
        self.waiting_since = Instant::now();
        self.due = self.bytes.len().min(CHUNK);
    }

    fn missing(&self) -> u64 {
        self.bytes.len() as u64 + self.unsent.unwrap_or(0)
    }

    /// Whether everything has come back. Our own FIN may still be unsent: a peer that closes right after the last byte
    /// is correct.
    fn is_complete(&self) -> bool {
        self.bytes.is_empty() && self.unsent == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::{io, thread};

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn the_timeout_starts_again_only_when_the_bytes_that_were_due_have_come_back() {
        let window = Window::new(None);
        window.push(&[0; 10]);
        let started = window.lock().waiting_since;
        window.push(&[0; 5]);
        window.pop(9);
        assert_eq!(
            window.lock().waiting_since,
            started,
            "one byte is still due"
        );
        window.pop(1);
        assert!(window.lock().waiting_since > started);
        assert_eq!(window.lock().due, 5);
    }

    #[test]
    fn the_timeout_for_the_fin_starts_with_our_own_however_long_the_input_paused() {
        let window = Window::new(None);
        let long_ago = Instant::now().checked_sub(SOON).unwrap();
        window.lock().waiting_since = long_ago;
        window.finish(Ok(()));
        assert!(window.time_left(SOON) > SOON / 2);
    }

    #[test]
    fn the_first_byte_that_differs_is_reported() {
        let window = Window::new(None);
        window.push(b"abcdef");
        window.pop(2);
        let (correct, result) = window.compare(b"cdXf");
        assert_eq!(correct, 2);
        assert!(
            matches!(
                result,
                Err(ClientError::Differs {
                    offset: 4,
                    expected: b'e',
                    got: b'X'
                })
            ),
            "{result:?}"
        );
    }

    #[test]
    fn bytes_that_were_never_sent_are_superfluous() {
        let window = Window::new(None);
        window.push(b"ab");
        let (correct, result) = window.compare(b"abb");
        assert_eq!(correct, 2);
        assert!(
            matches!(result, Err(ClientError::Superfluous { offset: 2 })),
            "{result:?}"
        );
    }

    #[test]
    fn the_timeout_runs_only_while_the_peer_has_something_to_send() {
        let nothing = Duration::ZERO;
        let window = Window::new(None);
        assert_eq!(window.time_left(SOON), SOON, "nothing is in flight");
        window.push(b"a");
        assert_eq!(window.time_left(nothing), nothing);
        assert!(window.time_left(SOON) < SOON, "a byte is in flight");
        window.pop(1);
        assert_eq!(window.time_left(SOON), SOON, "nothing is in flight again");
        window.finish(Ok(()));
        assert!(window.time_left(SOON) < SOON, "a FIN has to follow");
    }

    #[test]
    fn a_close_is_early_while_bytes_are_in_flight_or_unsent() {
        let missing = |window: &Window| match window.result_at_fin() {
            Err(ClientError::ClosedEarly { missing }) => missing,
            other => panic!("{other:?}"),
        };
        let window = Window::new(Some(5));
        window.push(b"abc");
        window.pop(1);
        assert_eq!(missing(&window), 4);
        assert_eq!(missing(&Window::new(None)), 0, "the input has not ended");
    }

    #[test]
    fn a_close_is_not_early_once_all_of_a_known_length_has_come_back() {
        let window = Window::new(Some(1));
        window.push(b"a");
        window.pop(1);
        assert_eq!(window.result_at_fin().unwrap(), 1);
    }

    #[test]
    fn a_failed_input_is_reported_even_if_the_echo_is_complete() {
        let window = Window::new(None);
        window.finish(Err(ClientError::Input(io::Error::other("torn"))));
        let result = window.result_at_fin();
        assert!(matches!(result, Err(ClientError::Input(_))), "{result:?}");
    }

    #[test]
    fn a_full_window_blocks_the_sender_until_bytes_come_back() {
        let window = Arc::new(Window::new(None));
        window.push(&vec![0; CAPACITY]);
        let pushed = push_one_byte_on_a_thread(&window);
        let early = pushed.recv_timeout(Duration::from_millis(50));
        assert!(early.is_err(), "there was no room: {early:?}");
        window.pop(1);
        pushed.recv_timeout(SOON).unwrap();
        assert_eq!(window.missing(), CAPACITY as u64);
    }

    #[test]
    fn an_abandoned_window_does_not_block_the_sender() {
        let window = Arc::new(Window::new(None));
        window.push(&vec![0; CAPACITY]);
        let pushed = push_one_byte_on_a_thread(&window);
        window.abandon();
        pushed.recv_timeout(SOON).unwrap();
    }

    fn push_one_byte_on_a_thread(window: &Arc<Window>) -> mpsc::Receiver<()> {
        let window = Arc::clone(window);
        let (done, pushed) = mpsc::channel();
        thread::spawn(move || {
            window.push(b"a");
            done.send(())
        });
        pushed
    }
}
