//! The receiving thread, which is the caller's: it receives, compares and prints.

use super::error::ClientError;
use super::window::{CHUNK, Window};
use socket2::Socket;
use std::io::{ErrorKind, Read, Write};
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

/// The shortest read timeout that we set, because zero means no timeout (socket(7), `SO_RCVTIMEO`).
const SHORTEST_READ_TIMEOUT: Duration = Duration::from_millis(1);

/// Compares what comes back with the window, until the peer's FIN.
#[derive(Debug)]
pub(super) struct Receiver<'a, W> {
    pub(super) stream: Arc<Socket>,
    pub(super) window: Arc<Window>,
    pub(super) reply_timeout: Duration,
    pub(super) printer: Printer<'a, W>,
}

impl<W: Write> Receiver<'_, W> {
    /// Returns the number of bytes that came back.
    pub(super) fn receive(mut self) -> Result<u64, ClientError> {
        // Empty messages at the start end their lines here; no echo will.
        self.printer.print(&[])?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = self.read(&mut buffer)?;
            if count == 0 {
                return self.window.result_at_fin();
            }
            self.accept(buffer.get(..count).unwrap_or_default())?;
        }
    }

    /// Waits for bytes, or for the peer's FIN: zero.
    fn read(&self, buffer: &mut [u8]) -> Result<usize, ClientError> {
        loop {
            let time_left = self.window.time_left(self.reply_timeout);
            let timeout = time_left.max(SHORTEST_READ_TIMEOUT);
            let set = self.stream.set_read_timeout(Some(timeout));
            set.map_err(ClientError::Receive)?;
            match (&*self.stream).read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // The timeout is checked only after a read that found nothing: if this process was suspended, the
                    // reply may be waiting in the socket. Which of the two kinds is reported depends on the platform.
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => self.check_timeout()?,
                    _ => return Err(ClientError::Receive(error)),
                },
            }
        }
    }

    /// Fails if the reply timeout has passed. A read can also time out while the peer has nothing to send, such as
    /// during a pause at a terminal; that is no failure.
    fn check_timeout(&self) -> Result<(), ClientError> {
        if self.window.time_left(self.reply_timeout).is_zero() {
            return Err(ClientError::NoReply {
                after: self.reply_timeout,
                missing: self.window.missing(),
            });
        }
        Ok(())
    }

    /// Prints the correct part of `echo`, then removes it from the window. The order matters: the next message goes out,
    /// and the reply timeout restarts, only after the output has taken the bytes, however long that took.
    fn accept(&mut self, echo: &[u8]) -> Result<(), ClientError> {
        let (correct, result) = self.window.compare(echo);
        self.printer
            .print(echo.get(..correct).unwrap_or_default())?;
        self.window.pop(correct);
        result
    }
}

/// Writes the echo as it is, and a newline after each message.
#[derive(Debug)]
pub(super) struct Printer<'a, W> {
    output: &'a mut W,
    /// Bytes of the echo written so far.
    printed: u64,
    /// The value of `printed` at the end of each message that has not ended yet, in order.
    line_ends: Peekable<vec::IntoIter<u64>>,
}

impl<'a, W: Write> Printer<'a, W> {
    /// A printer that writes a line for each of `messages`, or a stream of bytes if there are none.
    pub(super) fn new(output: &'a mut W, messages: &[Vec<u8>]) -> Self {
        let mut end = 0;
        let line_ends = messages.iter().map(|message| {
            end += message.len() as u64;
            end
        });
        let line_ends: Vec<u64> = line_ends.collect();
        Self {
            output,
            printed: 0,
            line_ends: line_ends.into_iter().peekable(),
        }
    }

    /// Writes `echo`, which lies within one line: a message is sent only once the one before it is printed.
    fn print(&mut self, echo: &[u8]) -> Result<(), ClientError> {
        self.output.write_all(echo).map_err(ClientError::Output)?;
        self.printed += echo.len() as u64;
        while self.line_ends.next_if_eq(&self.printed).is_some() {
            self.output.write_all(b"\n").map_err(ClientError::Output)?;
        }
        // At a terminal, each echo should show at once.
        self.output.flush().map_err(ClientError::Output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_a_line_even_if_it_is_empty() {
        let mut output = Vec::new();
        let messages = ["", "a", "", "bc", ""].map(Vec::from);
        let mut printer = Printer::new(&mut output, &messages);
        for echo in ["", "a", "b", "c"] {
            printer.print(echo.as_bytes()).unwrap();
        }
        assert_eq!(output, b"\na\n\nbc\n\n");
    }

    #[test]
    fn without_messages_only_the_echo_is_printed() {
        let mut output = Vec::new();
        let mut printer = Printer::new(&mut output, &[]);
        for echo in ["", "a\n", "b"] {
            printer.print(echo.as_bytes()).unwrap();
        }
        assert_eq!(output, b"a\nb");
    }
}
