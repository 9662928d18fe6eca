//! The client: it sends, receives and verifies.
//!
//! The client uses one blocking socket and two threads, because a thread that blocks in a write cannot read. A client
//! that sends everything before it reads deadlocks with any correct server as soon as the input exceeds the kernel's
//! buffers. This module assumes nothing about the server but RFC 862.
//!
//! ```text
//!   input ──► Sender ──── socket ────► peer
//!               │ push                  │
//!            Window                     │
//!               │ compare, pop          │
//!  output ◄─ Receiver ◄── socket ◄──────┘
//! ```
//!
//! Read `send` first, then `receive`, then `window` between them, then `connect` and `error`. `ping` sends one message
//! again and again and measures its round trip; it needs no second thread, and neither do datagrams (`datagram`).
//!
//! ```
//! use mio_echo::client::{self, AddressFamily, ConnectPlan, Request};
//! use std::net::TcpListener;
//! use std::time::Duration;
//! use std::{io, thread};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let request = Request {
//!     connect: ConnectPlan {
//!         endpoint: listener.local_addr()?.to_string().parse()?,
//!         family: AddressFamily::Any,
//!         source: None,
//!         timeout: Duration::from_secs(5),
//!     },
//!     messages: vec![b"Hello, world".to_vec()],
//!     reply_timeout: Duration::from_secs(10),
//!     on_connect: |peer| println!("connected to {peer}"),
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
mod datagram;
mod error;
mod ping;
mod ping_summary;
mod receive;
mod request;
mod send;
mod timeout;
mod window;

pub use connect::{AddressFamily, ConnectPlan};
pub use datagram::run_datagrams;
pub use error::ClientError;
pub use ping::{PingPlan, PingProbe, ping, ping_datagrams};
pub use ping_summary::PingSummary;
pub use request::Request;

use receive::{Printer, Receiver};
use send::Sender;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use window::Window;

/// Sends the messages of `request`, or `input` to its end if there are none, and writes the echo to `output` as it
/// arrives. After the echo of each message it writes a newline; to the echo of an input it adds nothing.
///
/// Returns the number of bytes sent, all of which have come back. `output` never receives a wrong byte: it ends before
/// the first byte that differs.
///
/// After an error, the sending thread may live on until its read of `input` returns, because no portable call
/// interrupts a read.
///
/// # Errors
///
/// The server is unreachable. Its echo differs from what was sent, ends early, goes on after the end, or is not there in
/// time. The connection fails. `input` or `output` fails.
pub fn run<I, O>(request: Request, input: I, output: &mut O) -> Result<u64, ClientError>
where
    I: Read + Send + 'static,
    O: Write,
{
    let (stream, peer) = request.connect.connect()?;
    (request.on_connect)(&peer);
    let stream = Arc::new(stream);
    let window = Arc::new(Window::new(total_length(&request.messages)));
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
    // Release a sender that waits for the peer or for room. The socket is shut down first, so that a sender released
    // from the window finds it closed.
    let _already_closed = stream.shutdown(Shutdown::Both);
    window.abandon();
    result
}

/// The number of bytes to send. `None` if an input of unknown length is sent instead of messages.
fn total_length(messages: &[Vec<u8>]) -> Option<u64> {
    let lengths = messages.iter().map(|message| message.len() as u64);
    (!messages.is_empty()).then(|| lengths.sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Cursor};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(10);

    /// A request to a server for one connection.
    fn request(messages: Vec<Vec<u8>>, serve: fn(TcpStream) -> io::Result<()>) -> Request {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        thread::spawn(move || serve(listener.accept()?.0));
        Request {
            connect: ConnectPlan {
                endpoint: endpoint.parse().unwrap(),
                family: AddressFamily::Any,
                source: None,
                timeout: SOON,
            },
            messages,
            reply_timeout: SOON,
            on_connect: |_| {},
        }
    }

    struct Fails;

    impl Read for Fails {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("torn"))
        }
    }

    #[test]
    fn what_was_sent_before_the_input_failed_still_comes_back() {
        let request = request(Vec::new(), |mut peer| {
            let mut all = Vec::new();
            peer.read_to_end(&mut all)?;
            peer.write_all(&all)
        });
        let mut output = Vec::new();
        let result = run(request, Cursor::new(b"abc").chain(Fails), &mut output);
        assert!(matches!(result, Err(ClientError::Input(_))), "{result:?}");
        assert_eq!(output, b"abc");
    }

    /// An input that is empty, and reports when it is dropped.
    struct ReportsDrop(mpsc::Sender<()>);

    impl Read for ReportsDrop {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Drop for ReportsDrop {
        fn drop(&mut self) {
            let _test_is_over = self.0.send(());
        }
    }

    #[test]
    fn after_a_failure_the_sending_thread_does_not_wait_for_the_server() {
        let request = request(vec![b"a".to_vec(), b"b".to_vec()], |mut peer| {
            peer.read_exact(&mut [0])
        });
        let (dropped, is_dropped) = mpsc::channel();
        let result = run(request, ReportsDrop(dropped), &mut Vec::new());
        assert!(
            matches!(result, Err(ClientError::ClosedEarly { .. })),
            "{result:?}"
        );
        is_dropped.recv_timeout(SOON).unwrap();
    }
}
