//! One HTTP exchange, bounded in time and memory: a request is read, a response is written, and the connection is closed.
//!
//! The parser is `httparse`. A server of another crate would bring threads or an executor of its own, and no limit for a
//! peer that sends a byte now and then.

use httparse::{EMPTY_HEADER, Request, Status};
use socket2::Socket;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// The most bytes that a request may have.
const LONGEST_REQUEST: usize = 8 * 1024;

/// The most header fields that a request may have.
const MOST_HEADERS: usize = 64;

/// What is sent back.
#[derive(Debug)]
pub(super) struct Response {
    /// The status code and its name.
    pub(super) status: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Response {
    /// A response that says in one line why there is no other.
    pub(super) fn error(status: &'static str, reason: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{reason}\n"),
        }
    }
}

/// Whether a response is sent with its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Sent,
    /// The request was HEAD: no response to it has a body, whatever its status (RFC 9110, section 9.3.2).
    Omitted,
}

/// Serves one request for `path`, whose response is what `respond` returns.
///
/// # Errors
///
/// The peer is gone, or has not sent its request within `limit`, or not taken the response within as long again.
pub(super) fn serve(
    socket: &Socket,
    limit: Duration,
    path: &str,
    respond: impl FnOnce() -> Response,
) -> io::Result<()> {
    let mut stream = TimedStream {
        socket,
        deadline: Instant::now() + limit,
    };
    let (body, refusal) = read_request(&mut stream, path)?;
    let response = refusal.unwrap_or_else(respond);
    stream.deadline = Instant::now() + limit;
    write_response(&mut stream, body, &response)?;
    socket.shutdown(Shutdown::Write)?;
    // To close over unread input would send RST, which can destroy the response on its way.
    let mut rest = (&mut stream).take(LONGEST_REQUEST as u64);
    io::copy(&mut rest, &mut io::sink()).map(|_| ())
}

/// Reads a request. Returns the response that refuses it as well, unless it is a request for `path`.
fn read_request(stream: &mut TimedStream<'_>, path: &str) -> io::Result<(Body, Option<Response>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = Request::new(&mut headers);
        let refusal = match request.parse(&bytes) {
            Ok(Status::Complete(_)) => refusal(&request, path),
            Ok(Status::Partial) if bytes.len() < LONGEST_REQUEST => continue,
            Ok(Status::Partial) => {
                let status = "431 Request Header Fields Too Large";
                Some(Response::error(status, "the request is too long"))
            }
            Err(error) => Some(Response::error("400 Bad Request", &error.to_string())),
        };
        let body = match request.method {
            Some("HEAD") => Body::Omitted,
            _ => Body::Sent,
        };
        return Ok((body, refusal));
    }
}

fn refusal(request: &Request<'_, '_>, path: &str) -> Option<Response> {
    let target = request.path.unwrap_or_default();
    let asked = target.split_once('?').map_or(target, |(path, _)| path);
    if asked != path {
        let reason = format!("there is only {path}");
        return Some(Response::error("404 Not Found", &reason));
    }
    match request.method {
        Some("GET" | "HEAD") => None,
        _ => Some(Response::error(
            "405 Method Not Allowed",
            "only GET and HEAD are allowed",
        )),
    }
}

/// Every response may carry `Allow`; one with status 405 must (RFC 9110, section 15.5.6).
fn write_response(stream: &mut TimedStream<'_>, body: Body, response: &Response) -> io::Result<()> {
    let Response {
        status,
        content_type,
        body: content,
    } = response;
    let length = content.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nAllow: GET, HEAD\r\n\
         Connection: close\r\n\r\n"
    );
    let content = match body {
        Body::Sent => content,
        Body::Omitted => "",
    };
    stream.write_all(format!("{head}{content}").as_bytes())
}

/// A connection all of whose calls together end by the deadline.
struct TimedStream<'a> {
    socket: &'a Socket,
    deadline: Instant,
}

impl TimedStream<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // Socket timeouts are in microseconds, and none of them means no limit.
        if left < Duration::from_millis(1) {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for TimedStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer)
    }
}

impl Write for TimedStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::thread;

    const LATE: Duration = Duration::from_mins(1);

    /// What the peer gets that sends `request` and does not finish.
    fn response_to(request: &[u8]) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Socket::from(listener.accept().unwrap().0);
        let respond = || Response {
            status: "200 OK",
            content_type: "text/plain",
            body: "the body".to_owned(),
        };
        let served = thread::spawn(move || serve(&socket, LATE, "/metrics", respond));
        peer.write_all(request).unwrap();
        let mut response = String::new();
        peer.set_read_timeout(Some(LATE)).unwrap();
        peer.read_to_string(&mut response).unwrap();
        drop(peer);
        served.join().unwrap().unwrap();
        response
    }

    #[test]
    fn a_request_gets_its_response_and_then_the_end() {
        let response = response_to(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.contains("\r\nContent-Length: 8\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\nthe body"), "{response}");
        let response = response_to(b"GET /metrics?a=b HTTP/1.0\r\n\r\n");
        assert!(response.ends_with("\r\n\r\nthe body"), "{response}");
    }

    #[test]
    fn any_other_request_gets_the_reason_why_not() {
        let long = [&b"GET /metrics HTTP/1.1\r\nA: "[..], &[b'a'; 8 * 1024]].concat();
        let requests: [(&[u8], &str); 4] = [
            (b"GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            (b"hello, metrics\r\n\r\n", "400 Bad Request"),
            (&long, "431 Request Header Fields Too Large"),
        ];
        for (request, status) in requests {
            let response = response_to(request);
            let expected = format!("HTTP/1.1 {status}\r\n");
            assert!(response.starts_with(&expected), "{response}");
        }
    }

    #[test]
    fn no_response_to_head_has_a_body() {
        let long = [&b"HEAD /metrics HTTP/1.1\r\nA: "[..], &[b'a'; 8 * 1024]].concat();
        let requests: [(&[u8], &str); 4] = [
            (b"HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK"),
            (b"HEAD / HTTP/1.1\r\n\r\n", "404 Not Found"),
            (b"HEAD /metrics HTTP/1.1\r\n a\r\n\r\n", "400 Bad Request"),
            (&long, "431 Request Header Fields Too Large"),
        ];
        for (request, status) in requests {
            let response = response_to(request);
            let expected = format!("HTTP/1.1 {status}\r\n");
            assert!(response.starts_with(&expected), "{response}");
            assert!(response.ends_with("\r\n\r\n"), "{response}");
        }
    }

    #[test]
    fn a_peer_that_sends_no_whole_request_is_cut_off() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Socket::from(listener.accept().unwrap().0);
        peer.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
        let limit = Duration::from_millis(50);
        let unasked = || -> Response { panic!("there is no request") };
        let error = serve(&socket, limit, "/metrics", unasked).unwrap_err();
        let timed_out = [ErrorKind::TimedOut, ErrorKind::WouldBlock];
        assert!(timed_out.contains(&error.kind()), "{error}");
    }
}
