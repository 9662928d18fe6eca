//! Bytes from the network that are parsed: the PROXY header of a connection, and the HTTP request for the metrics. The
//! first byte decides which of them, and in which pieces it arrives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use metrics::response_to;
use mio_echo::server::{HeaderError, ProxyHeader};
use server::preamble::header::{HeaderRead, HeaderReader};
use server::unread::unread_bytes;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

// The files of the program, with as much around them as they need.
#[path = "../../src/server"]
mod server {
    pub(crate) mod unread;

    pub(crate) mod preamble {
        #[allow(dead_code, reason = "the server uses the rest")]
        pub(crate) mod header;
    }

    pub(crate) mod proxy_header {
        pub(crate) use mio_echo::server::{HeaderError, ProxyHeader};
    }

    pub(crate) mod kernel {
        use std::io::Read;
        use std::os::fd::{AsFd, BorrowedFd};
        use std::os::unix::net::UnixStream;

        pub(crate) trait Socket: Read {
            fn descriptor(&self) -> Option<BorrowedFd<'_>>;
            fn unread_bytes(&self) -> Option<u32>;
        }

        impl Socket for UnixStream {
            fn descriptor(&self) -> Option<BorrowedFd<'_>> {
                Some(self.as_fd())
            }

            fn unread_bytes(&self) -> Option<u32> {
                super::unread::unread_bytes(self)
            }
        }
    }
}

#[path = "../../src/cli/serve/telemetry/metrics"]
mod metrics {
    mod exchange;

    use exchange::{Response, serve};
    use socket2::Socket;
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    /// Serves the request that has arrived. The response fits into the buffers of the kernel.
    pub(super) fn response_to(socket: UnixStream) -> io::Result<()> {
        let respond = || Response {
            status: "200 OK",
            content_type: "text/plain",
            body: "the metrics".to_owned(),
        };
        let limit = Duration::from_secs(10);
        serve(&Socket::from(socket), limit, "/metrics", respond)
    }
}

/// More than the longest request, and no more than is read of one: input that is left unread resets the connection.
const LONGEST: usize = 12 << 10;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    let piece = usize::from(first / 2) + 1;
    if first % 2 == 0 {
        check_header(bytes, piece);
    } else {
        check_request(bytes);
    }
});

/// A header reads the same in pieces as at once, and nothing behind it is taken.
fn check_header(bytes: &[u8], piece: usize) {
    let at_once = read_header(bytes, bytes.len().max(1));
    let in_pieces = read_header(bytes, piece);
    assert_eq!(at_once.0, in_pieces.0, "in pieces of {piece}");
    if let HeaderRead::Header(ProxyHeader::Peer(_) | ProxyHeader::Unknown) = at_once.0 {
        assert!(bytes.ends_with(&at_once.1));
        assert_eq!(at_once.1, in_pieces.1, "in pieces of {piece}");
    }
}

/// What is read of a connection that begins with `bytes`, and what is left of them.
fn read_header(bytes: &[u8], piece: usize) -> (HeaderRead, Vec<u8>) {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut reader = HeaderReader::default();
    let mut unsent = bytes;
    loop {
        let (next, later) = unsent.split_at(piece.min(unsent.len()));
        if next.is_empty() {
            far.shutdown(Shutdown::Write).unwrap();
        }
        far.write_all(next).unwrap();
        unsent = later;
        let behind = reader.unread_behind(&near).unwrap();
        match reader.read(&mut near) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            Ok(read) => {
                match read {
                    HeaderRead::Header(ProxyHeader::Missing(error)) => {
                        assert_ne!(error, HeaderError::Late, "it knows no time");
                    }
                    _ => assert_eq!(unread_bytes(&near), Some(behind)),
                }
                let mut rest = vec![0; bytes.len()];
                let left = near.read(&mut rest).unwrap_or(0);
                return (read, [&rest[..left], unsent].concat());
            }
        }
    }
}

/// A whole request gets one response, of the same form whatever was asked; a part of one gets none.
fn check_request(bytes: &[u8]) {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(bytes).unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    let served = response_to(near);
    let mut response = String::new();
    far.read_to_string(&mut response).unwrap();
    if let Err(error) = served {
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
        return assert_eq!(response, "");
    }
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let lines: Vec<&str> = head.split("\r\n").collect();
    assert_eq!(lines.len(), 5, "{head}");
    assert!(lines[0].starts_with("HTTP/1.1 "), "{head}");
    let length = lines[2].strip_prefix("Content-Length: ");
    let length: usize = length.expect("a length").parse().unwrap();
    assert!(body.is_empty() || body.len() == length, "{response}");
}
