//! The sending thread.

use super::error::ClientError;
use super::window::{CHUNK, Window};
use socket2::Socket;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::thread;

/// Sends messages or an input. It records each chunk in the window before it sends it: an echo may come back before the
/// write returns, and must find its bytes there.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) stream: Arc<Socket>,
    pub(super) window: Arc<Window>,
}

impl Sender {
    /// Starts the thread. It leaves its result in the window.
    pub(super) fn start(
        self,
        messages: Vec<Vec<u8>>,
        input: impl Read + Send + 'static,
    ) -> Result<(), ClientError> {
        let thread = thread::Builder::new().name("sender".to_owned());
        let started = thread.spawn(move || {
            let result = if messages.is_empty() {
                self.send(input)
            } else {
                self.send_one_by_one(&messages)
            };
            self.finish(result);
        });
        started.map(drop).map_err(ClientError::Send)
    }

    /// Sends each message once the one before it has come back and is printed.
    fn send_one_by_one(&self, messages: &[Vec<u8>]) -> Result<(), ClientError> {
        for message in messages {
            self.send(message.as_slice())?;
            self.window.wait_until_empty();
        }
        Ok(())
    }

    fn send(&self, mut input: impl Read) -> Result<(), ClientError> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = match input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(ClientError::Input(error)),
            };
            let chunk = buffer.get(..count).unwrap_or_default();
            self.window.push(chunk);
            let sent = (&*self.stream).write_all(chunk);
            sent.map_err(ClientError::Send)?;
        }
    }

    /// Sends our FIN. A correct server replies with its own, which ends the receiver's loop. A failed input ends with a
    /// FIN too, so that what was sent before the failure still comes back.
    fn finish(&self, result: Result<(), ClientError>) {
        let side = match result {
            Ok(()) | Err(ClientError::Input(_)) => Shutdown::Write,
            // The connection is broken and nothing may ever come: end the receiver's read.
            Err(_) => Shutdown::Both,
        };
        self.window.finish(result);
        // Fails if the peer has reset the connection, which the receiver's read reports.
        let _reported_by_the_receiver = self.stream.shutdown(side);
    }
}
