//! Datagrams: one reply for each, from the address that it was sent to, and none where a reply could do harm.

use crate::harness::{
    BoundServer, Child, DEADLINE, Signal, TestServer, assert_same, both_modes, connect,
    echo_roundtrip, eventually, ipv6_or_skip, name_of, pattern, program, run, skip,
};
use mio_echo::server::limits::DATAGRAM_BURST;
use mio_echo::server::{Config, DatagramPolicy, Mode, Refusal};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use std::io::{ErrorKind, IoSliceMut};
use std::iter;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The largest payload that UDP has over IPv4: 65,535 bytes less the headers of IP and UDP.
const LARGEST: usize = 65_507;

/// Long enough for a reply that must not come.
const SOON: Duration = Duration::from_millis(50);

fn start(mode: Mode, policy: DatagramPolicy) -> TestServer {
    start_on(mode, policy, "127.0.0.1:0")
}

fn start_on(mode: Mode, policy: DatagramPolicy, address: &str) -> TestServer {
    bound(mode, policy, address).run()
}

fn bound(mode: Mode, policy: DatagramPolicy, address: &str) -> BoundServer {
    BoundServer::new(mode, |config: &mut Config| {
        config.datagrams = policy;
        config.listen = vec![address.parse().unwrap()];
    })
}

/// A socket that sends to `server` and receives from it alone.
fn connected(server: SocketAddr) -> UdpSocket {
    let local = if server.is_ipv4() {
        "127.0.0.1:0"
    } else {
        "[::1]:0"
    };
    let socket = UdpSocket::bind(local).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 1 << 16];
    let length = socket.recv(&mut buffer).expect("a reply");
    buffer.truncate(length);
    buffer
}

fn assert_no_reply(socket: &UdpSocket) {
    socket.set_read_timeout(Some(SOON)).unwrap();
    let error = socket.recv(&mut [0; 64]).expect_err("no reply");
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
}

#[test]
fn every_datagram_gets_one_reply_of_the_same_bytes() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::Guarded);
        let peer = connected(server.address);
        let sizes = [0, 1, 1472, 1473, 9000, LARGEST, 0, 2];
        for size in sizes {
            let message = pattern(size);
            peer.send(&message).unwrap();
            assert_same(&receive(&peer), &message);
        }
        assert_no_reply(&peer);
        let counted = server.stop().datagrams;
        let bytes = sizes.iter().sum::<usize>() as u64;
        let count = sizes.len() as u64;
        assert_eq!((counted.received, counted.replied), (count, count));
        assert_eq!((counted.bytes_in, counted.bytes_out), (bytes, bytes));
    });
}

#[test]
fn the_largest_datagram_is_echoed_over_ipv6_in_fragments() {
    if !ipv6_or_skip() {
        return;
    }
    both_modes(|mode| {
        let server = start_on(mode, DatagramPolicy::Guarded, "[::1]:0");
        let peer = connected(server.address);
        let message = pattern(LARGEST);
        peer.send(&message).unwrap();
        assert_same(&receive(&peer), &message);
    });
}

#[test]
fn a_server_answers_no_datagrams_unless_it_is_asked_to() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::Off);
        let peer = connected(server.address);
        peer.send(b"hello").unwrap();
        let error = peer.recv(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// A connected socket receives only from the address that it sent to.
#[test]
fn the_reply_comes_from_the_address_that_the_datagram_was_sent_to() {
    both_modes(|mode| {
        let server = start_on(mode, DatagramPolicy::Guarded, "0.0.0.0:0");
        for host in [1, 2, 77] {
            let address = (Ipv4Addr::new(127, 0, 0, host), server.address.port());
            let peer = connected(address.into());
            peer.send(b"from the same address").unwrap();
            assert_same(&receive(&peer), b"from the same address");
        }
    });
}

#[test]
fn a_dual_stack_socket_replies_to_both_families_from_the_right_address() {
    if !ipv6_or_skip() {
        return;
    }
    both_modes(|mode| {
        let server = start_on(mode, DatagramPolicy::Guarded, "[::]:0");
        for host in ["127.0.0.1", "127.0.0.2", "[::1]"] {
            let address = format!("{host}:{}", server.address.port());
            let peer = connected(address.parse().unwrap());
            peer.send(b"from the same address").unwrap();
            assert_same(&receive(&peer), b"from the same address");
        }
    });
}

#[test]
fn many_peers_share_one_socket_and_each_gets_its_own_replies() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::Guarded);
        let peers: Vec<UdpSocket> = (0..100).map(|_| connected(server.address)).collect();
        for (number, peer) in peers.iter().enumerate() {
            peer.send(&number.to_be_bytes()).unwrap();
        }
        for (number, peer) in peers.iter().enumerate() {
            assert_same(&receive(peer), &number.to_be_bytes());
        }
    });
}

/// The sender hands them to the kernel as one, which hands them to the server as one (udp(7), `UDP_SEGMENT`, `UDP_GRO`).
#[cfg(target_os = "linux")]
#[test]
fn datagrams_that_the_kernel_joins_come_back_one_by_one() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::Guarded);
        let peer = connected(server.address);
        let message = pattern(1050);
        let state = UdpSocketState::new((&peer).into()).unwrap();
        peer.set_nonblocking(false).unwrap();
        let joined = Transmit {
            destination: server.address,
            ecn: None,
            contents: &message,
            segment_size: Some(100),
            src_ip: None,
        };
        state.try_send((&peer).into(), &joined).unwrap();
        let mut replies = Vec::new();
        while replies.len() < message.len() {
            let mut buffer = vec![0; 1 << 16];
            let mut meta = [RecvMeta::default()];
            let mut room = [IoSliceMut::new(&mut buffer)];
            state.recv((&peer).into(), &mut room, &mut meta).unwrap();
            assert_eq!(meta[0].stride, 100.min(message.len() - replies.len()));
            replies.extend_from_slice(&buffer[..meta[0].len]);
        }
        assert_same(&replies, &message);
        let counted = server.stop().datagrams;
        assert_eq!((counted.received, counted.replied), (11, 11));
    });
}

#[test]
fn a_server_does_not_answer_its_own_port() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::Guarded);
        // Another server like this one, on another address of the machine.
        let other = (Ipv4Addr::new(127, 0, 0, 2), server.address.port());
        let peer = UdpSocket::bind(other).unwrap();
        peer.connect(server.address).unwrap();
        peer.send(b"hello").unwrap();
        assert_no_reply(&peer);
        let counted = server.stop().datagrams;
        assert_eq!(counted.refused.get(&Refusal::OwnPort), Some(&1));
        assert_eq!(counted.replied, 0);
    });
}

#[test]
fn a_privileged_port_is_not_answered_unless_every_source_is() {
    both_modes(|mode| {
        let Some(peer) = on_privileged_port() else {
            skip("no port below 1024 can be bound");
            return;
        };
        for policy in [DatagramPolicy::Guarded, DatagramPolicy::AnySource] {
            let server = start(mode, policy);
            peer.connect(server.address).unwrap();
            peer.set_read_timeout(Some(DEADLINE)).unwrap();
            peer.send(b"hello").unwrap();
            if policy == DatagramPolicy::AnySource {
                assert_same(&receive(&peer), b"hello");
                continue;
            }
            assert_no_reply(&peer);
            let refused = server.stop().datagrams.refused;
            assert_eq!(refused.get(&Refusal::WellKnownPort), Some(&1));
        }
    });
}

fn on_privileged_port() -> Option<UdpSocket> {
    (600..1023).find_map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok())
}

/// The peer plays a server that answers everything.
#[test]
fn an_echo_loop_comes_to_an_end_at_the_rate_limit() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::Guarded);
        let peer = connected(server.address);
        peer.send(b"loop").unwrap();
        let mut rounds = 0;
        peer.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let started = Instant::now();
        while let Ok(length) = peer.recv(&mut [0; 8]) {
            assert!(started.elapsed() < DEADLINE, "no end after {rounds} rounds");
            assert_eq!(length, 4);
            rounds += 1;
            peer.send(b"loop").unwrap();
        }
        assert!(rounds >= DATAGRAM_BURST, "{rounds}");
        let counted = server.stop().datagrams;
        assert_eq!(counted.refused.get(&Refusal::RateLimit), Some(&1));
        assert_eq!(counted.replied, u64::from(rounds));
    });
}

/// The datagrams wait in the receive buffer of a server that does not serve yet.
#[test]
fn a_stop_answers_what_was_received_before_it_and_then_closes() {
    both_modes(|mode| {
        let server = bound(mode, DatagramPolicy::Guarded, "127.0.0.1:0");
        let peer = connected(server.address());
        for number in 0..100_u8 {
            peer.send(&[number]).unwrap();
        }
        server.stopper().stop().unwrap();
        let server = server.run();
        for number in 0..100_u8 {
            assert_same(&receive(&peer), &[number]);
        }
        assert_eq!(server.wait().datagrams.replied, 100);
        // While another test forks, its child has the socket open, and nothing refuses what is sent to it.
        peer.set_read_timeout(Some(SOON)).unwrap();
        eventually("the socket is closed", || {
            let sent = peer.send(b"late").and_then(|_| peer.recv(&mut [0; 8]));
            sent.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        });
    });
}

#[test]
fn datagrams_do_not_keep_connections_from_being_served() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::AnySource);
        let stopped = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let flood = connected(server.address);
                while !stopped.load(Ordering::Relaxed) {
                    let _full = flood.send(&[0; 32]);
                }
            });
            let peer = connect(server.address);
            for _ in 0..20 {
                echo_roundtrip(&peer, &pattern(1000));
            }
            stopped.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn the_command_line_announces_the_sockets_and_reports_refusals() {
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--udp", "--mode", name_of(mode)]);
        let announced = server.next_line();
        assert_eq!(
            announced.trim_end(),
            format!("answering datagrams on {address}")
        );
        let peer = connected(address);
        peer.send(b"hello").unwrap();
        assert_same(&receive(&peer), b"hello");
        let own_port = UdpSocket::bind(("127.0.0.2", address.port())).unwrap();
        own_port.send_to(b"hello", address).unwrap();
        server.wait_for_log("not answered: source port is our own");
        server.signal(Signal::USR1);
        let counted = "datagrams 2, replies 1, bytes in 10, bytes out 5, dropped 0, refused 1 × source port is our own";
        server.wait_for_log(counted);
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
    });
}

#[test]
fn the_override_needs_datagrams() {
    let exit = run(&mut program(&["serve", "--udp-allow-any-source"]));
    assert_eq!(exit.code, Some(2));
    assert!(exit.stderr.contains("--udp"), "{}", exit.stderr);
}

#[test]
fn a_port_that_is_in_use_for_udp_is_named() {
    // A port that the system chooses for UDP may be in use for TCP, be it by a connection in TIME-WAIT.
    let (_taken, address) = iter::repeat_with(|| UdpSocket::bind("127.0.0.1:0").unwrap())
        .map(|taken| (taken.local_addr().unwrap(), taken))
        .find_map(|(address, taken)| TcpListener::bind(address).ok().map(|_| (taken, address)))
        .unwrap();
    let exit = run(&mut program(&[
        "serve",
        "--udp",
        "--listen",
        &address.to_string(),
    ]));
    assert_eq!(exit.code, Some(2));
    let reason = format!("cannot bind {address} for UDP: address already in use");
    assert!(exit.stderr.contains(&reason), "{}", exit.stderr);
}

#[test]
fn the_client_sends_each_message_as_a_datagram_and_verifies_its_echo() {
    both_modes(|mode| {
        let server = start(mode, DatagramPolicy::Guarded);
        let address = server.address.to_string();
        let exit = run(&mut program(&[
            "client", "--udp", &address, "Hello", "", "wörld",
        ]));
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        assert_eq!(exit.text(), "Hello\n\nwörld");
        let lines = Child::spawn_with_input(&mut program(&["client", "--udp", &address]));
        let exit = lines.finish(b"one\ntwo\nno newline".to_vec());
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        assert_eq!(exit.text(), "one\ntwo\nno newline");
        assert_eq!(server.stop().datagrams.replied, 6);
    });
}

#[test]
fn the_client_is_a_ping_of_datagrams() {
    let server = start(Mode::EventLoop, DatagramPolicy::Guarded);
    let address = server.address.to_string();
    let ping = [
        "client",
        "--udp",
        "--count",
        "3",
        "--interval",
        "0s",
        &address,
    ];
    let exit = run(&mut program(&ping));
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let first = format!("echo 1 from {address}: ");
    assert!(exit.text().starts_with(&first), "{}", exit.text());
    let summary = "3 sent, 3 received and verified, 0 lost (0 %)";
    assert!(exit.text().contains(summary), "{}", exit.text());
}

#[test]
fn a_datagram_without_a_reply_is_lost_for_the_client() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let send = ["client", "--udp", "--timeout", "100ms"];
    let exit = run(program(&send).args([&address, "hi"]));
    assert_eq!(exit.code, Some(1));
    let reason = "no reply within 100ms: 2 bytes did not come back";
    assert!(exit.stderr.contains(reason), "{}", exit.stderr);
    let ping = ["--count", "2", "--interval", "0s", &address];
    let exit = run(program(&send).args(ping));
    assert_eq!(exit.code, Some(1));
    let summary = "2 sent, 0 received and verified, 2 lost (100 %)";
    assert!(exit.text().contains(summary), "{}", exit.text());
}

#[test]
fn an_echo_that_differs_fails_the_client() {
    for (reply, reason) in [
        (&b"hexlo"[..], "differs at offset 2"),
        (b"hell", "is 1 byte too short"),
        (b"hello!", "superfluous bytes, from offset 5"),
    ] {
        let wrong = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = wrong.local_addr().unwrap().to_string();
        wrong.set_read_timeout(Some(DEADLINE)).unwrap();
        let server = thread::spawn(move || {
            let (_, peer) = wrong.recv_from(&mut [0; 64]).unwrap();
            wrong.send_to(reply, peer).unwrap();
        });
        let exit = run(&mut program(&["client", "--udp", &address, "hello"]));
        server.join().unwrap();
        assert_eq!(exit.code, Some(1));
        assert!(exit.stderr.contains(reason), "{}", exit.stderr);
    }
}

#[cfg(feature = "trace")]
#[test]
fn the_trace_shows_what_became_of_each_datagram() {
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--udp", "--trace", "--mode", name_of(mode)]);
        let peer = connected(address);
        peer.send(b"hello").unwrap();
        assert_same(&receive(&peer), b"hello");
        let from = peer.local_addr().unwrap();
        server.wait_for_log(&format!("received a datagram of 5 bytes from {from}"));
        server.wait_for_log(&format!("sent a datagram of 5 bytes to {from}"));
        let own_port = UdpSocket::bind(("127.0.0.2", address.port())).unwrap();
        own_port.send_to(b"hello", address).unwrap();
        let from = own_port.local_addr().unwrap();
        server.wait_for_log(&format!("no reply to {from}: source port is our own"));
    });
}
