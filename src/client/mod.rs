//! The other side of the conversation: send, receive, verify.
//!
//! One blocking socket and two threads, because one thread that blocks in a write cannot read: a client
//! that sends all before it reads deadlocks with any honest server as soon as the input outgrows the
//! kernel's buffers. This module knows nothing of the server behind the socket but RFC 862.
//!
//! ```text
//!   input ──► Sender ──── socket ────► peer
//!               │ lend                  │
//!            Window                     │
//!               │ compare, settle       │
//!  output ◄─ Receiver ◄── socket ◄──────┘
//! ```
//!
//! Read in this order: `send`, `receive`, and `window` between them; then `connect` and `error`.
//!
//! ```
//! use mio_echo::client::{self, Request};
//! use std::net::TcpListener;
//! use std::time::Duration;
//! use std::{io, thread};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let request = Request {
//!     endpoint: listener.local_addr()?.to_string().parse()?,
//!     messages: vec![b"Hello, world".to_vec()],
//!     connect_timeout: Duration::from_secs(5),
//!     reply_timeout: Duration::from_secs(10),
//! };
//! thread::spawn(move || {
//!     let (peer, _) = listener.accept()?;
//!     io::copy(&mut &peer, &mut &peer)
//! });
//!
//! let mut output = Vec::new();
//! assert_eq!(client::run(request, io::empty(), &mut output)?, 12);
//! assert_eq!(output, b"Hello, world\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connect;
mod error;
mod receive;
mod send;
mod window;

pub use error::ClientError;

use crate::text::endpoint::Endpoint;
use receive::{Printer, Receiver};
use send::Sender;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use window::Window;

/// Bytes moved by one system call, in each direction. What the threads share is locked once per chunk.
const CHUNK: usize = 64 * 1024;

/// What to ask of an echo server.
#[derive(Debug, Clone)]
pub struct Request {
    /// The server; each address of a name is tried.
    pub endpoint: Endpoint,
    /// What to send, one after the other, each once the one before it has come back; raw bytes. If there
    /// are none, the input is sent.
    pub messages: Vec<Vec<u8>>,
    /// How long one address may take to accept the connection; longer than zero.
    pub connect_timeout: Duration,
    /// How long the server may keep silent while it owes something: bytes, or its FIN after ours.
    pub reply_timeout: Duration,
}

/// Sends the messages of `request`, or else `input` to its end, and writes to `output` what comes back
/// as it comes: the echo of a message and a newline, or the echo of the input and nothing else.
///
/// Returns the number of bytes that came back, which are exactly those that were sent. Nothing wrong is
/// ever written: `output` ends before the first byte that differs.
///
/// On an error a thread may stay behind until its read of `input` returns, for nothing portable
/// interrupts one.
///
/// # Errors
///
/// The server cannot be reached; its echo differs from what was sent, ends early or late, or does not
/// come in time; the connection broke; `input` or `output` failed.
pub fn run<I, O>(request: Request, input: I, output: &mut O) -> Result<u64, ClientError>
where
    I: Read + Send + 'static,
    O: Write,
{
    let stream = connect::to_any_address_of(&request.endpoint, request.connect_timeout)?;
    let stream = Arc::new(stream);
    let window = Arc::new(Window::new(bytes_ahead(&request.messages)));
    let receiver = Receiver {
        stream: Arc::clone(&stream),
        window: Arc::clone(&window),
        reply_timeout: request.reply_timeout,
        printer: Printer::new(output, &request.messages),
    };
    let sender = Sender {
        stream: Arc::clone(&stream),
        window: Arc::clone(&window),
    };
    sender.start(request.messages, input)?;
    let result = receiver.receive();
    // A sender that waits for the peer or for room has nothing to wait for any more. The socket comes
    // first: whoever passes the window then finds it closed.
    let _already_closed = stream.shutdown(Shutdown::Both);
    window.abandon();
    result
}

/// How much there is to send, as far as can be known.
fn bytes_ahead(messages: &[Vec<u8>]) -> Option<u64> {
    let lengths = messages.iter().map(|message| message.len() as u64);
    (!messages.is_empty()).then(|| lengths.sum())
}
