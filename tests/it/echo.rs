//! Every byte comes back, in order and exactly, whatever the size of the messages, their pace, and the number of peers.

use crate::harness::peer::pattern_of;
use crate::harness::{
    TestServer, assert_same, both_modes, connect, echo_roundtrip, ipv6_or_skip, pattern,
    read_to_eof,
};
use mio_echo::server::{Mode, limits};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread;

/// A whole connection: sends `bytes`, then our FIN; everything comes back, then the server's FIN.
fn exchange(address: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(address);
    let reader = stream.try_clone().unwrap();
    let echoed = thread::scope(|scope| {
        let echoed = scope.spawn(|| read_to_eof(&reader));
        stream
            .write_all(bytes)
            .expect("the server should take everything");
        stream.shutdown(Shutdown::Write).unwrap();
        echoed.join().unwrap()
    });
    assert_same(&echoed, bytes);
}

#[test]
fn every_size_around_the_read_buffer_comes_back_exactly() {
    both_modes(|mode| {
        for read_buffer in [4096, limits::READ_BUFFER] {
            let server = TestServer::start(mode, |config| config.read_buffer = read_buffer);
            for size in [0, 1, read_buffer - 1, read_buffer, read_buffer + 1] {
                exchange(server.address, &pattern(size));
            }
        }
    });
}

#[test]
fn a_stream_larger_than_every_buffer_comes_back_exactly() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let bytes = pattern(16 << 20);
        exchange(server.address, &bytes);
        let stats = server.stop();
        let length = bytes.len() as u64;
        assert_eq!((stats.bytes_in, stats.bytes_out), (length, length));
    });
}

#[test]
fn a_read_buffer_of_one_byte_still_echoes_exactly() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.read_buffer = 1);
        exchange(server.address, &pattern(5000));
    });
}

#[test]
fn a_byte_comes_back_before_the_next_one_is_sent() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let mut stream = connect(server.address);
        for byte in pattern(300) {
            stream.write_all(&[byte]).unwrap();
            let mut echoed = [0];
            stream.read_exact(&mut echoed).unwrap();
            assert_eq!(echoed, [byte]);
        }
    });
}

#[test]
fn a_character_split_across_two_writes_comes_back_whole() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let mut stream = connect(server.address);
        for part in "汉".as_bytes().chunks(2) {
            stream.write_all(part).unwrap();
            let mut echoed = vec![0; part.len()];
            stream.read_exact(&mut echoed).unwrap();
            assert_eq!(echoed, part, "bytes, not text, are echoed");
        }
    });
}

#[test]
fn messages_sent_without_waiting_come_back_in_order() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let mut stream = connect(server.address);
        let messages: Vec<String> = (0..1000).map(|n| format!("message {n}\n")).collect();
        for message in &messages {
            stream.write_all(message.as_bytes()).unwrap();
        }
        stream.shutdown(Shutdown::Write).unwrap();
        assert_same(&read_to_eof(&stream), messages.concat().as_bytes());
    });
}

#[test]
fn each_of_two_hundred_peers_gets_its_own_bytes() {
    const PEERS: u64 = 200;
    const ROUNDS: usize = 5;
    const SIZE: usize = 300;
    both_modes(|mode| {
        // Smaller than what all of them send at once: one read pass does not reach every connection.
        let server = TestServer::start(mode, |config| config.read_buffer = 4096);
        let mut peers: Vec<(TcpStream, Vec<u8>)> = (0..PEERS)
            .map(|peer| (connect(server.address), pattern_of(peer, SIZE * ROUNDS)))
            .collect();
        for round in 0..ROUNDS {
            let part = round * SIZE..(round + 1) * SIZE;
            for (stream, bytes) in &mut peers {
                stream.write_all(&bytes[part.clone()]).unwrap();
            }
            for (stream, bytes) in peers.iter_mut().rev() {
                let mut echoed = [0; SIZE];
                stream.read_exact(&mut echoed).unwrap();
                assert_same(&echoed, &bytes[part.clone()]);
            }
        }
        drop(peers);
        let stats = server.stop();
        assert_eq!((stats.accepted, stats.closed), (PEERS, PEERS));
        assert!(stats.errors.is_empty(), "{stats}");
    });
}

/// A server on an IPv6 address.
fn start_on(mode: Mode, address: &str, v6_only: bool) -> TestServer {
    TestServer::start(mode, |config| {
        config.listen = vec![address.parse().unwrap()];
        config.v6_only = v6_only;
    })
}

fn by_ipv4(server: &TestServer) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, server.address.port()).into()
}

fn by_ipv6(server: &TestServer) -> SocketAddr {
    (std::net::Ipv6Addr::LOCALHOST, server.address.port()).into()
}

#[test]
fn an_ipv6_peer_is_served() {
    if !ipv6_or_skip() {
        return;
    }
    both_modes(|mode| {
        let server = start_on(mode, "[::1]:0", false);
        echo_roundtrip(&connect(by_ipv6(&server)), b"over IPv6");
    });
}

#[test]
fn a_dual_stack_listener_serves_ipv4_peers_too() {
    if !ipv6_or_skip() {
        return;
    }
    both_modes(|mode| {
        let server = start_on(mode, "[::]:0", false);
        echo_roundtrip(&connect(by_ipv6(&server)), b"over IPv6");
        echo_roundtrip(&connect(by_ipv4(&server)), b"over IPv4");
    });
}

#[test]
fn a_v6_only_listener_leaves_ipv4_alone() {
    if !ipv6_or_skip() {
        return;
    }
    both_modes(|mode| {
        let server = start_on(mode, "[::]:0", true);
        echo_roundtrip(&connect(by_ipv6(&server)), b"over IPv6");
        // The port must be free for others, not just silent.
        let other = std::net::TcpListener::bind(by_ipv4(&server));
        assert!(other.is_ok(), "expected a free port in IPv4, got {other:?}");
    });
}
