//! The caller's thread: it receives, verifies, prints.

use super::window::Window;
use super::{CHUNK, ClientError};
use std::io::{ErrorKind, Read, Write};
use std::iter::Peekable;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

/// The shortest wait for the peer: a timeout of zero is no timeout (socket(7), `SO_RCVTIMEO`).
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Holds what comes back against the window, until the peer's FIN.
#[derive(Debug)]
pub(super) struct Receiver<'a, W> {
    pub(super) stream: Arc<TcpStream>,
    pub(super) window: Arc<Window>,
    pub(super) reply_timeout: Duration,
    pub(super) printer: Printer<'a, W>,
}

impl<W: Write> Receiver<'_, W> {
    /// Returns how many bytes came back.
    pub(super) fn receive(mut self) -> Result<u64, ClientError> {
        // Ends the lines of empty messages, for which nothing will come.
        self.printer.print(&[])?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = self.wait(&mut buffer)?;
            if count == 0 {
                return self.window.close();
            }
            self.accept(buffer.get(..count).unwrap_or_default())?;
        }
    }

    /// Waits for bytes, or for the peer's FIN: zero.
    fn wait(&self, buffer: &mut [u8]) -> Result<usize, ClientError> {
        loop {
            let patience = self.window.patience(self.reply_timeout);
            let wait = patience.max(SHORTEST_WAIT);
            let set = self.stream.set_read_timeout(Some(wait));
            set.map_err(ClientError::Receive)?;
            match (&*self.stream).read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // Patience ends only here, after a read that found nothing: this process may have
                    // been suspended while the answer lay in its socket. Which of the two kinds a
                    // timeout is depends on the platform.
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => self.check_patience()?,
                    _ => return Err(ClientError::Receive(error)),
                },
            }
        }
    }

    /// Silence is a fault only if it has lasted, and the server owes something: at an idle terminal it
    /// does not.
    fn check_patience(&self) -> Result<(), ClientError> {
        if self.window.patience(self.reply_timeout).is_zero() {
            return Err(ClientError::NoReply {
                after: self.reply_timeout,
                missing: self.window.missing(),
            });
        }
        Ok(())
    }

    /// Prints as much of `echo` as is right. It is settled only once it is printed: then the next message
    /// may go out, and the peer's silence counts anew, however long the output took.
    fn accept(&mut self, echo: &[u8]) -> Result<(), ClientError> {
        let (agreed, verdict) = self.window.compare(echo);
        self.printer.print(echo.get(..agreed).unwrap_or_default())?;
        self.window.settle(agreed);
        verdict
    }
}

/// Writes the echo as it is; that of a message ends with a newline.
#[derive(Debug)]
pub(super) struct Printer<'a, W> {
    output: &'a mut W,
    /// Bytes of the echo written so far.
    printed: u64,
    /// How much is printed when a line is over: for each message that is not over yet, in order.
    line_ends: Peekable<vec::IntoIter<u64>>,
}

impl<'a, W: Write> Printer<'a, W> {
    /// A printer of lines if there are `messages`, of a stream if there are none.
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

    /// `echo` lies within one line: no message is sent before the one before it is printed.
    fn print(&mut self, echo: &[u8]) -> Result<(), ClientError> {
        self.output.write_all(echo).map_err(ClientError::Output)?;
        self.printed += echo.len() as u64;
        while self.line_ends.next_if_eq(&self.printed).is_some() {
            self.output.write_all(b"\n").map_err(ClientError::Output)?;
        }
        // Somebody may be looking.
        self.output.flush().map_err(ClientError::Output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_a_line_also_an_empty_one() {
        let mut output = Vec::new();
        let messages = ["", "a", "", "bc", ""].map(Vec::from);
        let mut printer = Printer::new(&mut output, &messages);
        for echo in ["", "a", "b", "c"] {
            printer.print(echo.as_bytes()).unwrap();
        }
        assert_eq!(output, b"\na\n\nbc\n\n");
    }

    #[test]
    fn without_messages_no_byte_is_added() {
        let mut output = Vec::new();
        let mut printer = Printer::new(&mut output, &[]);
        for echo in ["", "a\n", "b"] {
            printer.print(echo.as_bytes()).unwrap();
        }
        assert_eq!(output, b"a\nb");
    }
}
