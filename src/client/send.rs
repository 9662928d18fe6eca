//! The thread that sends.

use super::window::Window;
use super::{CHUNK, ClientError};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;

/// Lends to the window what it sends, before it sends it: the echo must never come back to a window
/// that has not heard of it.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) stream: Arc<TcpStream>,
    pub(super) window: Arc<Window>,
}

impl Sender {
    /// Sends on a thread of its own, which leaves its result in the window.
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
                self.converse(&messages)
            };
            self.finish(result);
        });
        started.map(drop).map_err(ClientError::Send)
    }

    /// One message after the other, each once the one before it has come back and is printed.
    fn converse(&self, messages: &[Vec<u8>]) -> Result<(), ClientError> {
        for message in messages {
            self.send(message.as_slice())?;
            self.window.wait_until_settled();
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
            self.window.lend(chunk);
            let sent = (&*self.stream).write_all(chunk);
            sent.map_err(ClientError::Send)?;
        }
    }

    /// Our FIN, which an honest server answers with its own: that is what wakes the receiver. Also when
    /// the input broke, so that what had been sent before still comes back.
    fn finish(&self, result: Result<(), ClientError>) {
        let side = match result {
            Ok(()) | Err(ClientError::Input(_)) => Shutdown::Write,
            // Nothing may ever come from the peer; the receiver must not wait for it.
            Err(_) => Shutdown::Both,
        };
        self.window.finish(result);
        // It fails if the peer has reset the connection, which the receiver sees for itself.
        let _seen_by_the_receiver = self.stream.shutdown(side);
    }
}
