//! What comes before the echo is part of the trace.

use super::{events_of, finish, trace_with};
use crate::harness::{both_modes, connect, echo_roundtrip, read};
use mio_echo::server::{Config, Preamble};
use mio_echo::trace::Event;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const BANNER: &str = "hello\n";

/// The beginnings of connections, and what is recorded of each.
fn beginnings() -> [(&'static [u8], Vec<Event>); 3] {
    let peer = "192.0.2.7:4711".parse().unwrap();
    let bytes = BANNER.len();
    let header = |peer| Event::ProxyHeader { peer };
    let reason = "no valid PROXY header".to_owned();
    [
        (
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\r\n",
            vec![header(Some(peer)), Event::BannerSent { bytes }],
        ),
        (
            b"PROXY UNKNOWN\r\n",
            vec![header(None), Event::BannerSent { bytes }],
        ),
        (
            b"hello, is anybody there?\r\n",
            vec![Event::ProxyHeaderMissing { reason }],
        ),
    ]
}

/// Returns when the connection is over.
fn begin(mut stream: TcpStream, header: &[u8]) {
    stream.write_all(header).unwrap();
    if header.starts_with(b"PROXY") {
        assert_eq!(read(&stream, BANNER.len()), BANNER.as_bytes());
        echo_roundtrip(&stream, b"behind the banner");
        finish(&stream);
    } else {
        let end = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_proxy_header_its_lack_and_a_banner_are_recorded() {
    both_modes(|mode| {
        let preamble = Preamble {
            proxy_header_within: Some(Duration::from_hours(1)),
            banner: Some(BANNER.parse().unwrap()),
        };
        let config = Config {
            mode,
            preamble: Some(preamble),
            ..Config::default()
        };
        let trace = trace_with(config, |address| {
            for (header, _) in beginnings() {
                begin(connect(address), header);
            }
        });
        for (number, (_, expected)) in (1..).zip(beginnings()) {
            let events = events_of(&trace, number);
            // A read of the same turn may come first.
            let is_preamble = |event: &&&Event| {
                let name = event.name();
                name.starts_with("proxy_header") || name == "banner_sent"
            };
            let recorded: Vec<Event> = events
                .iter()
                .filter(is_preamble)
                .copied()
                .cloned()
                .collect();
            assert_eq!(recorded, expected, "{events:?}");
        }
    });
}
