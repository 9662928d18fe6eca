//! Reading a header of the PROXY protocol, which may come in pieces, and nothing behind it.
//!
//! Each piece is first peeked at (`MSG_PEEK`, recv(2)); then only the part that belongs to the header is read. The bytes
//! behind the header stay in the kernel, where the connection reads them, and need no buffer here.

use crate::server::kernel::Socket;
use crate::server::proxy_header::{HeaderError, ProxyHeader};
use ppp::{v1, v2};
use rustix::net::{RecvFlags, recv};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Bytes of the longest header of version 2 that is accepted: up to 216 of addresses, and the rest for extensions (TLV).
/// Senders keep it below that, so that it fits into one segment of any size.
const LONGEST: usize = 536;

/// Bytes of the longest header of version 1, by its definition.
const LONGEST_OF_VERSION_1: usize = 107;

/// A header as far as it has been read.
#[derive(Debug, Default)]
pub(crate) struct HeaderReader(Vec<u8>);

/// What reading a header led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    /// All of it was read, or there is none.
    Header(ProxyHeader),
    /// The peer has finished before it sent anything: a health check.
    Finished,
}

impl HeaderReader {
    /// Reads what there is of the header.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: there is more to come. Otherwise as recv(2).
    pub(crate) fn read(&mut self, socket: &mut impl Socket) -> io::Result<HeaderRead> {
        loop {
            let mut piece = [0; LONGEST];
            let before = self.0.len();
            let seen = peek(socket, &mut piece)?;
            self.0
                .extend_from_slice(piece.get(..seen).unwrap_or_default());
            if seen == 0 {
                return Ok(match before {
                    0 => HeaderRead::Finished,
                    _ => HeaderRead::Header(ProxyHeader::Missing(HeaderError::Truncated)),
                });
            }
            match parse(&self.0) {
                Parsed::Incomplete => take(socket, seen)?,
                Parsed::Failed(error) => {
                    return Ok(HeaderRead::Header(ProxyHeader::Missing(error)));
                }
                Parsed::Complete(header, length) => {
                    take(socket, length.saturating_sub(before))?;
                    return Ok(HeaderRead::Header(header));
                }
            }
        }
    }

    /// How many bytes wait behind the header, if the rest of it has been received; else none.
    pub(crate) fn unread_behind(&self, socket: &impl Socket) -> Option<u32> {
        let mut piece = [0; LONGEST];
        let seen = peek(socket, &mut piece).unwrap_or(0);
        let received = [&self.0, piece.get(..seen).unwrap_or_default()].concat();
        match parse(&received) {
            Parsed::Complete(_, length) => {
                let rest = u32::try_from(length.saturating_sub(self.0.len())).unwrap_or(u32::MAX);
                Some(socket.unread_bytes()?.saturating_sub(rest))
            }
            Parsed::Incomplete | Parsed::Failed(_) => Some(0),
        }
    }
}

/// Does not wait, not even on a blocking socket: the deadline of the header is checked between two pieces of it.
fn peek(socket: &impl Socket, piece: &mut [u8]) -> io::Result<usize> {
    let descriptor = socket.descriptor().ok_or(ErrorKind::Unsupported)?;
    let flags = RecvFlags::PEEK.union(RecvFlags::DONTWAIT);
    let (seen, _) = recv(descriptor, piece, flags)?;
    Ok(seen)
}

/// Reads bytes that have been peeked at.
fn take(socket: &mut impl Socket, mut bytes: usize) -> io::Result<()> {
    let mut piece = [0; LONGEST];
    while bytes > 0 {
        let taken = socket.read(piece.get_mut(..bytes).unwrap_or_default())?;
        if taken == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        bytes -= taken;
    }
    Ok(())
}

/// What the bytes at the start of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parsed {
    /// The start of a header.
    Incomplete,
    /// A header of this many bytes, and perhaps more behind it.
    Complete(ProxyHeader, usize),
    Failed(HeaderError),
}

fn parse(bytes: &[u8]) -> Parsed {
    let signature = v2::PROTOCOL_PREFIX;
    if bytes.starts_with(signature) || signature.starts_with(bytes) {
        return parse_version_2(bytes);
    }
    parse_version_1(bytes)
}

fn parse_version_2(bytes: &[u8]) -> Parsed {
    /// Bytes before those that the header counts itself.
    const FIXED: usize = 16;
    match v2::Header::try_from(bytes) {
        Ok(header) if header.len() <= LONGEST => Parsed::Complete(version_2(&header), header.len()),
        Err(v2::ParseError::Incomplete(_)) => Parsed::Incomplete,
        Err(v2::ParseError::Partial(_, length)) if FIXED + length <= LONGEST => Parsed::Incomplete,
        Ok(_) | Err(v2::ParseError::Partial(..)) => Parsed::Failed(HeaderError::TooLong),
        Err(_) => Parsed::Failed(HeaderError::Malformed),
    }
}

fn version_2(header: &v2::Header<'_>) -> ProxyHeader {
    match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => {
            peer((addresses.source_address, addresses.source_port))
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => {
            peer((addresses.source_address, addresses.source_port))
        }
        (v2::Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_))
        | (v2::Command::Local, _) => ProxyHeader::Unknown,
    }
}

/// Only a complete line is parsed: the parser rejects some incomplete ones as malformed.
fn parse_version_1(bytes: &[u8]) -> Parsed {
    const START: &[u8] = b"PROXY ";
    let line = bytes.get(..bytes.len().min(LONGEST_OF_VERSION_1));
    let line = line.unwrap_or_default();
    if !line.starts_with(START) && !START.starts_with(line) {
        return Parsed::Failed(HeaderError::Malformed);
    }
    let Some(end) = line.iter().position(|&byte| byte == b'\n') else {
        return match line.len() {
            LONGEST_OF_VERSION_1 => Parsed::Failed(HeaderError::TooLong),
            _ => Parsed::Incomplete,
        };
    };
    let line = line.get(..=end).unwrap_or_default();
    match v1::Header::try_from(line) {
        Ok(header) if line.ends_with(b"\r\n") => Parsed::Complete(version_1(&header), end + 1),
        Ok(_) | Err(_) => Parsed::Failed(HeaderError::Malformed),
    }
}

fn version_1(header: &v1::Header<'_>) -> ProxyHeader {
    match header.addresses {
        v1::Addresses::Tcp4(addresses) => peer((addresses.source_address, addresses.source_port)),
        v1::Addresses::Tcp6(addresses) => peer((addresses.source_address, addresses.source_port)),
        v1::Addresses::Unknown => ProxyHeader::Unknown,
    }
}

fn peer(source: impl Into<SocketAddr>) -> ProxyHeader {
    ProxyHeader::Peer(source.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    const BEHIND: &[u8] = b"\xffhello\r\n";

    /// A header of version 2: command, family, what its length counts.
    fn version_2_of(command: u8, family: u8, counted: &[u8]) -> Vec<u8> {
        let length = u16::try_from(counted.len()).unwrap().to_be_bytes();
        [
            v2::PROTOCOL_PREFIX,
            &[0x20 | command, family],
            &length,
            counted,
        ]
        .concat()
    }

    fn headers() -> Vec<(Vec<u8>, ProxyHeader)> {
        let known = |text: &str| ProxyHeader::Peer(text.parse().unwrap());
        let ipv4 = [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 7];
        let ipv6 = {
            let mut bytes = [0; 36];
            (bytes[15], bytes[31], bytes[33]) = (1, 1, 7);
            bytes
        };
        let with_extension = [&ipv4[..], &[4, 0, 2, 0, 0]].concat();
        vec![
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\r\n".to_vec(),
                known("192.0.2.7:4711"),
            ),
            (b"PROXY TCP6 ::1 ::2 9 65535\r\n".to_vec(), known("[::1]:9")),
            (b"PROXY UNKNOWN\r\n".to_vec(), ProxyHeader::Unknown),
            (
                b"PROXY UNKNOWN ::1 ::2 9 7\r\n".to_vec(),
                ProxyHeader::Unknown,
            ),
            (version_2_of(1, 0x11, &ipv4), known("192.0.2.7:4711")),
            (
                version_2_of(1, 0x11, &with_extension),
                known("192.0.2.7:4711"),
            ),
            (version_2_of(1, 0x21, &ipv6), known("[::1]:7")),
            (version_2_of(0, 0x11, &ipv4), ProxyHeader::Unknown),
            (version_2_of(1, 0x00, b""), ProxyHeader::Unknown),
            (version_2_of(1, 0x31, &[0; 216]), ProxyHeader::Unknown),
            (version_2_of(1, 0x00, &[0; 520]), ProxyHeader::Unknown),
        ]
    }

    #[test]
    fn a_header_is_complete_with_its_last_byte_and_not_before() {
        for (header, expected) in headers() {
            for length in 1..header.len() {
                assert_eq!(parse(&header[..length]), Parsed::Incomplete, "{header:?}");
            }
            let all = [&header, BEHIND].concat();
            for length in header.len()..=all.len() {
                let complete = Parsed::Complete(expected, header.len());
                assert_eq!(parse(&all[..length]), complete, "{header:?}");
            }
        }
    }

    #[test]
    fn nothing_behind_the_header_is_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut stream = &stream;
        for (header, expected) in headers() {
            let (first, second) = header.split_at(header.len() / 2);
            let mut reader = HeaderReader::default();
            peer.write_all(first).unwrap();
            while reader.0.len() < first.len() {
                let _would_block = reader.read(&mut stream);
            }
            assert_eq!(reader.unread_behind(&stream), Some(0), "it is incomplete");
            peer.write_all(&[second, BEHIND].concat()).unwrap();
            let behind = u32::try_from(BEHIND.len()).unwrap();
            while reader.unread_behind(&stream) != Some(behind) {}
            let read = reader.read(&mut stream).unwrap();
            assert_eq!(read, HeaderRead::Header(expected));
            let mut rest = [0; 2 * BEHIND.len()];
            assert_eq!(stream.read(&mut rest).unwrap(), BEHIND.len());
            assert_eq!(&rest[..BEHIND.len()], BEHIND);
        }
    }

    #[test]
    fn anything_else_fails_as_early_as_it_can_be_told() {
        let mut other_version = version_2_of(1, 0x11, &[0; 12]);
        other_version[12] = 0x31;
        let long_line = [&b"PROXY UNKNOWN "[..], &[b'a'; 93]].concat();
        let too_long = version_2_of(1, 0x00, &[0; 521]);
        let wrong: [(&[u8], HeaderError); 10] = [
            (b"h", HeaderError::Malformed),
            (b"PROXIES", HeaderError::Malformed),
            (b"PROXY TCP5 a b 1 2\r\n", HeaderError::Malformed),
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 70000\r\n",
                HeaderError::Malformed,
            ),
            (b"PROXY UNKNOWN \n", HeaderError::Malformed),
            (&other_version, HeaderError::Malformed),
            (&version_2_of(1, 0x11, &[0; 11]), HeaderError::Malformed),
            (&long_line, HeaderError::TooLong),
            (&too_long[..16], HeaderError::TooLong),
            (&too_long, HeaderError::TooLong),
        ];
        for (bytes, error) in wrong {
            assert_eq!(parse(bytes), Parsed::Failed(error), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_and_more_of_them_change_no_result(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 1..40),
                "PROXY [A-Z46 .:0-9]{0,110}\r?\n?".prop_map(String::into_bytes),
                (0u8..4, any::<u8>(), prop::collection::vec(any::<u8>(), 0..600))
                    .prop_map(|(command, family, counted)| version_2_of(command, family, &counted)),
            ],
        ) {
            let results: Vec<Parsed> = (1..=bytes.len()).map(|length| parse(&bytes[..length])).collect();
            for pair in results.windows(2) {
                prop_assert!(pair[0] == Parsed::Incomplete || pair[0] == pair[1], "{:?}", pair);
            }
            prop_assert!(bytes.len() < LONGEST || results.last() != Some(&Parsed::Incomplete));
        }
    }
}
