//! What has been sent and has not come back, between the thread that sends and the one that receives.
//!
//! No socket here: only bytes, a clock, and who waits for whom. The sender waits for room; the receiver
//! never waits here, but for the peer.

use super::ClientError;
use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that may be owed before the sender waits.
///
/// It bounds our memory against a server that takes and never gives. Between two machines with Linux's
/// defaults (tcp(7): `tcp_wmem` up to 4 MiB, `tcp_rmem` up to 6 MiB, in both directions) about 20 MiB can
/// be under way, so an honest server is never slowed by it.
const CAPACITY: usize = 32 * 1024 * 1024;

/// The books of the conversation.
#[derive(Debug)]
pub(super) struct Window {
    books: Mutex<Books>,
    /// Something came back, or nobody waits for it any more.
    freed: Condvar,
}

#[derive(Debug)]
struct Books {
    /// Sent and not come back, oldest first.
    owed: VecDeque<u8>,
    /// Bytes that came back.
    returned: u64,
    /// Bytes still to be sent; none if only the end of the input will tell.
    ahead: Option<u64>,
    /// Since when silence is a fault of the peer, if it owes something: its last byte, or the first that
    /// was sent after it had owed none.
    silent_since: Instant,
    stage: Stage,
}

/// How far the sender is.
#[derive(Debug)]
enum Stage {
    /// More may be sent.
    Sending,
    /// No more will be sent; the peer owes us its FIN.
    Finished,
    /// As `Finished`, but not as intended.
    Failed(ClientError),
    /// The receiver is gone.
    Abandoned,
}

/// For the sender.
impl Window {
    /// Nothing is sent yet, and `ahead` bytes are to come, if that is known.
    pub(super) fn new(ahead: Option<u64>) -> Self {
        Self {
            books: Mutex::new(Books {
                owed: VecDeque::new(),
                returned: 0,
                ahead,
                silent_since: Instant::now(),
                stage: Stage::Sending,
            }),
            freed: Condvar::new(),
        }
    }

    /// Enters what is about to be sent, once there is room for it. `chunk` is shorter than the capacity.
    pub(super) fn lend(&self, chunk: &[u8]) {
        let room = CAPACITY.saturating_sub(chunk.len());
        let mut books = self.wait_while(|books| books.owed.len() > room);
        if books.owed.is_empty() {
            books.silent_since = Instant::now();
        }
        books.owed.extend(chunk);
        if let Some(ahead) = &mut books.ahead {
            *ahead = ahead.saturating_sub(chunk.len() as u64);
        }
    }

    /// Returns once all that was lent has been settled.
    pub(super) fn wait_until_settled(&self) {
        drop(self.wait_while(|books| !books.owed.is_empty()));
    }

    /// No more will be sent, for this reason.
    pub(super) fn finish(&self, result: Result<(), ClientError>) {
        let mut books = self.books();
        books.silent_since = Instant::now();
        books.ahead = Some(0);
        books.stage = match result {
            Ok(()) => Stage::Finished,
            Err(error) => Stage::Failed(error),
        };
    }

    /// An abandoned window holds nobody back: the sender goes on to the socket, which is closed.
    fn wait_while(&self, condition: impl Fn(&Books) -> bool) -> MutexGuard<'_, Books> {
        let books = self.books();
        let waited = self.freed.wait_while(books, |books| {
            !matches!(books.stage, Stage::Abandoned) && condition(books)
        });
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the receiver.
impl Window {
    /// How many bytes of `echo` are right, and what is wrong with the one behind them, if there is one.
    pub(super) fn compare(&self, echo: &[u8]) -> (usize, Result<(), ClientError>) {
        let books = self.books();
        let pairs = books.owed.iter().zip(echo);
        let agreed = pairs.take_while(|(owed, came)| owed == came).count();
        let offset = books.returned + agreed as u64;
        let verdict = match (echo.get(agreed), books.owed.get(agreed)) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(ClientError::Superfluous { offset }),
            (Some(&got), Some(&expected)) => Err(ClientError::Differs {
                offset,
                expected,
                got,
            }),
        };
        (agreed, verdict)
    }

    /// The next `count` bytes have come back and are done with.
    pub(super) fn settle(&self, count: usize) {
        let mut books = self.books();
        let count = count.min(books.owed.len());
        books.owed.drain(..count);
        books.returned += count as u64;
        books.silent_since = Instant::now();
        self.freed.notify_one();
    }

    /// For how long the peer may still keep silent; zero if it has been silent for too long.
    pub(super) fn patience(&self, timeout: Duration) -> Duration {
        let books = self.books();
        let owes_nothing = books.owed.is_empty() && matches!(books.stage, Stage::Sending);
        if owes_nothing {
            return timeout;
        }
        timeout.saturating_sub(books.silent_since.elapsed())
    }

    /// Bytes that should still come back, as far as is known.
    pub(super) fn missing(&self) -> u64 {
        self.books().missing()
    }

    /// The peer's FIN has come. Returns how many bytes came back, if that was all, or what went wrong.
    pub(super) fn close(&self) -> Result<u64, ClientError> {
        let mut books = self.books();
        let early = ClientError::ClosedEarly {
            missing: books.missing(),
        };
        match mem::replace(&mut books.stage, Stage::Abandoned) {
            Stage::Failed(error) if error.is_a_consequence_of_a_close() => Err(early),
            Stage::Failed(error) => Err(error),
            _ if books.is_complete() => Ok(books.returned),
            _ => Err(early),
        }
    }

    /// Lets the sender go.
    pub(super) fn abandon(&self) {
        self.books().stage = Stage::Abandoned;
        self.freed.notify_one();
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn missing(&self) -> u64 {
        self.owed.len() as u64 + self.ahead.unwrap_or(0)
    }

    /// Whether all has come back. Whether our FIN is sent already does not matter: a peer that closes
    /// after the last byte is no less right for being quick.
    fn is_complete(&self) -> bool {
        self.owed.is_empty() && self.ahead == Some(0)
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
    fn a_window_tells_the_first_byte_that_differs() {
        let window = Window::new(None);
        window.lend(b"abcdef");
        window.settle(2);
        let (agreed, verdict) = window.compare(b"cdXf");
        assert_eq!(agreed, 2);
        assert!(
            matches!(
                verdict,
                Err(ClientError::Differs {
                    offset: 4,
                    expected: b'e',
                    got: b'X'
                })
            ),
            "{verdict:?}"
        );
    }

    #[test]
    fn what_nobody_has_sent_is_superfluous() {
        let window = Window::new(None);
        window.lend(b"ab");
        let (agreed, verdict) = window.compare(b"abb");
        assert_eq!(agreed, 2);
        assert!(
            matches!(verdict, Err(ClientError::Superfluous { offset: 2 })),
            "{verdict:?}"
        );
    }

    #[test]
    fn only_a_server_that_owes_something_can_run_out_of_time() {
        let nothing = Duration::ZERO;
        let window = Window::new(None);
        assert_eq!(window.patience(SOON), SOON, "nothing is owed");
        window.lend(b"a");
        assert_eq!(window.patience(nothing), nothing);
        assert!(window.patience(SOON) < SOON, "a byte is owed");
        window.settle(1);
        assert_eq!(window.patience(SOON), SOON, "nothing is owed again");
        window.finish(Ok(()));
        assert!(window.patience(SOON) < SOON, "a FIN is owed");
    }

    #[test]
    fn a_close_is_early_while_something_is_owed_or_to_be_sent() {
        let missing = |window: &Window| match window.close() {
            Err(ClientError::ClosedEarly { missing }) => missing,
            other => panic!("{other:?}"),
        };
        let window = Window::new(Some(5));
        window.lend(b"abc");
        window.settle(1);
        assert_eq!(missing(&window), 4);
        assert_eq!(missing(&Window::new(None)), 0, "the input has not ended");
    }

    #[test]
    fn a_close_is_not_early_once_all_of_a_known_length_has_come_back() {
        let window = Window::new(Some(1));
        window.lend(b"a");
        window.settle(1);
        assert_eq!(window.close().unwrap(), 1);
    }

    #[test]
    fn a_broken_input_outweighs_a_complete_echo() {
        let window = Window::new(None);
        window.finish(Err(ClientError::Input(io::Error::other("torn"))));
        let result = window.close();
        assert!(matches!(result, Err(ClientError::Input(_))), "{result:?}");
    }

    #[test]
    fn a_full_window_holds_the_sender_until_something_comes_back() {
        let window = Arc::new(Window::new(None));
        window.lend(&vec![0; CAPACITY]);
        let lent = lend_one_byte_elsewhere(&window);
        let early = lent.recv_timeout(Duration::from_millis(50));
        assert!(early.is_err(), "there was no room: {early:?}");
        window.settle(1);
        lent.recv_timeout(SOON).unwrap();
        assert_eq!(window.missing(), CAPACITY as u64);
    }

    #[test]
    fn an_abandoned_window_holds_nobody() {
        let window = Arc::new(Window::new(None));
        window.lend(&vec![0; CAPACITY]);
        let lent = lend_one_byte_elsewhere(&window);
        window.abandon();
        lent.recv_timeout(SOON).unwrap();
    }

    fn lend_one_byte_elsewhere(window: &Arc<Window>) -> mpsc::Receiver<()> {
        let window = Arc::clone(window);
        let (done, lent) = mpsc::channel();
        thread::spawn(move || {
            window.lend(b"a");
            done.send(())
        });
        lent
    }
}
