//! Life under a service manager: sockets that are passed, notices, the watchdog.

#[cfg(feature = "measure")]
pub(crate) mod attempts;

use crate::harness::{
    Child, DEADLINE, Exit, PROGRAM, Signal, both_modes, command, connect, echo_roundtrip,
    eventually, name_of, program,
};
use mio_echo::server::{Config, ConnectionId, Mode, Observer, Server};
use mio_echo::text::address::Address;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// `mio-echo serve` that is passed one socket, as a service manager does it.
pub(crate) fn serve_on(socket: impl Into<OwnedFd>, arguments: &[&str]) -> Command {
    let pass = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" serve \"$@\"";
    let mut command = command("sh");
    command
        .args(["-c", pass, PROGRAM])
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::from(socket.into()));
    command
}

/// A listener of this process, and its address.
pub(crate) fn kept_socket() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn a_connection_that_arrives_between_two_servers_is_served_by_the_second() {
    both_modes(|mode| {
        let (kept, address) = kept_socket();
        let start = || {
            let mut command = serve_on(kept.try_clone().unwrap(), &["--mode", name_of(mode)]);
            let server = Child::spawn(&mut command);
            assert_eq!(server.address(), address);
            server
        };
        let first = start();
        echo_roundtrip(&connect(address), b"first");
        first.signal(Signal::TERM);
        let exit = first.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let between = connect(address);
        let _second = start();
        echo_roundtrip(&between, b"second");
    });
}

/// A connection that the first server has not accepted must not get its FIN.
#[test]
fn a_server_that_stops_leaves_the_backlog_of_a_passed_socket_to_the_next() {
    both_modes(|mode| {
        let (kept, address) = kept_socket();
        let arguments = ["--mode", name_of(mode), "--max-connections", "1"];
        let first = Child::spawn(&mut serve_on(kept.try_clone().unwrap(), &arguments));
        first.next_line();
        let served = connect(address);
        echo_roundtrip(&served, b"the only one");
        let waiting = connect(address);
        first.signal(Signal::TERM);
        first.wait_for_log("stopping: 1 connections");
        drop(served);
        assert_eq!(first.wait().code, Some(0));
        let _second = Child::spawn(&mut serve_on(kept, &arguments));
        echo_roundtrip(&waiting, b"at last");
    });
}

#[test]
fn addresses_that_are_asked_for_are_bound_beside_the_sockets_that_are_passed() {
    let (kept, address) = kept_socket();
    let server = Child::spawn(&mut serve_on(kept, &["--listen", "127.0.0.1:0"]));
    assert_eq!(server.address(), address);
    let own = server.address();
    for address in [address, own] {
        echo_roundtrip(&connect(address), b"served");
    }
}

#[test]
fn a_unix_socket_that_is_passed_is_served_and_its_file_outlives_the_server() {
    both_modes(|mode| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let kept = UnixListener::bind(&path).unwrap();
        let mut command = serve_on(kept, &["--mode", name_of(mode)]);
        let server = Child::spawn(&mut command);
        let ready = format!("listening on unix:{}", path.display());
        assert_eq!(server.next_line(), ready);
        let mut peer = UnixStream::connect(&path).unwrap();
        peer.set_read_timeout(Some(DEADLINE)).unwrap();
        peer.write_all(b"served").unwrap();
        let mut echo = [0; 6];
        peer.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"served");
        drop(peer);
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
        assert!(path.exists());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_passed_socket_does_not_block_and_is_closed_on_exec() {
    let (kept, _address) = kept_socket();
    let server = Child::spawn(&mut serve_on(kept, &[]));
    server.next_line();
    let info = fs::read_to_string(format!("/proc/{}/fdinfo/3", server.id())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = u32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
    // proc(5): O_CLOEXEC and O_NONBLOCK, in octal.
    assert_eq!(flags & 0o2_004_000, 0o2_004_000, "{info}");
}

#[test]
fn a_descriptor_of_another_kind_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, address) = kept_socket();
    let connected = connect(address);
    drop(listener);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix = UnixDatagram::bind(dir.path().join("socket")).unwrap();
    let file = File::open("/dev/null").unwrap();
    let wrong: [(OwnedFd, &str); 4] = [
        (udp.into(), "fd 3 is not a valid tcp socket"),
        (unix.into(), "fd 3 is not a valid tcp socket"),
        (file.into(), "fd 3 is not a socket"),
        (connected.into(), "it does not listen"),
    ];
    for (descriptor, reason) in wrong {
        let exit: Exit = Child::spawn(&mut serve_on(descriptor, &[])).wait();
        assert_eq!(exit.code, Some(2), "{reason}: {}", exit.stderr);
        assert!(exit.stderr.contains(reason), "{reason}: {}", exit.stderr);
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    }
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let mut command = program(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let server = Child::spawn(&mut command);
    echo_roundtrip(&connect(server.address()), b"its own");
}

/// A service manager, as far as notices go.
struct Manager {
    socket: UnixDatagram,
    dir: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, dir }
    }

    fn start(&self, mode: Mode, adjust: impl FnOnce(&mut Command)) -> Child {
        let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--mode", name_of(mode)]);
        command.env("NOTIFY_SOCKET", self.dir.path().join("notify"));
        adjust(&mut command);
        Child::spawn(&mut command)
    }

    fn next(&self) -> String {
        let mut notice = [0; 1024];
        let length = self.socket.recv(&mut notice).expect("a notice");
        String::from_utf8(notice[..length].to_vec()).unwrap()
    }
}

#[test]
fn a_manager_is_notified_when_the_server_is_ready_and_when_it_stops() {
    both_modes(|mode| {
        let manager = Manager::new();
        let server = manager.start(mode, |_| {});
        let ready = manager.next();
        assert!(
            ready.starts_with("READY=1\nSTATUS=serving up to "),
            "{ready}"
        );
        let address = server.address();
        assert!(ready.ends_with(&format!(" on {address}\n")), "{ready}");
        let peer = connect(address);
        echo_roundtrip(&peer, b"hold");
        server.signal(Signal::TERM);
        // Without WATCHDOG_USEC there is nothing between the two.
        assert_eq!(
            manager.next(),
            "STOPPING=1\nSTATUS=stopping: 1 connections open\n"
        );
    });
}

#[test]
fn a_manager_that_does_not_read_delays_only_its_notice() {
    both_modes(|mode| {
        let manager = Manager::new();
        let other = UnixDatagram::unbound().unwrap();
        other.connect(manager.dir.path().join("notify")).unwrap();
        other.set_nonblocking(true).unwrap();
        let fill = || while other.send(b"other").is_ok() {};
        fill();
        let server = manager.start(mode, |command| {
            command.env("WATCHDOG_USEC", "1000");
        });
        echo_roundtrip(&connect(server.address()), b"before the notice");
        while !manager.next().starts_with("READY=1\n") {}
        fill();
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

#[test]
fn a_watchdog_is_notified_at_half_its_time_idle_and_under_load() {
    both_modes(|mode| {
        let manager = Manager::new();
        let server = manager.start(mode, |command| {
            command.env("WATCHDOG_USEC", "100000");
        });
        assert!(manager.next().starts_with("READY=1\n"));
        let notices = |count| (0..count).for_each(|_| assert_eq!(manager.next(), "WATCHDOG=1\n"));
        notices(3);
        let peer = connect(server.address());
        let is_enough = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while is_enough.load(Ordering::Acquire) == 0 {
                    echo_roundtrip(&peer, b"load");
                }
            });
            notices(3);
            is_enough.store(1, Ordering::Release);
        });
    });
}

#[test]
fn a_watchdog_of_another_process_is_not_notified() {
    let manager = Manager::new();
    let server = manager.start(Mode::EventLoop, |command| {
        command
            .env("WATCHDOG_USEC", "1000")
            .env("WATCHDOG_PID", "1");
    });
    assert!(manager.next().starts_with("READY=1\n"));
    // Dozens of notices would be due by the time that this is echoed.
    let peer = connect(server.address());
    (0..50).for_each(|_| echo_roundtrip(&peer, b"time passes"));
    server.signal(Signal::TERM);
    assert!(manager.next().starts_with("STOPPING=1\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_manager_in_the_abstract_namespace_is_notified_and_one_that_is_gone_is_a_warning() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    let name = format!("mio-echo-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let start = |name: &str| {
        let mut command = program(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", format!("@{name}"));
        Child::spawn(&mut command)
    };
    let _server = start(&name);
    let mut notice = [0; 7];
    socket.recv(&mut notice).expect("a notice");
    assert_eq!(&notice, b"READY=1");
    // A name of its own: a process that another test starts may hold the socket for a moment after it is closed.
    let server = start(&format!("{name}-gone"));
    echo_roundtrip(&connect(server.address()), b"served all the same");
    server.wait_for_log("no notices to the service manager: cannot connect to @");
}

/// Counts heartbeats, and hangs in `accepted` for as long as the gate is locked.
#[derive(Debug, Clone, Default)]
struct Hanging {
    heartbeats: Arc<AtomicUsize>,
    has_hung: Arc<AtomicUsize>,
    gate: Arc<Mutex<()>>,
}

impl Observer for Hanging {
    fn accepted(&mut self, _id: ConnectionId, _peer: &Address) {
        self.has_hung.fetch_add(1, Ordering::AcqRel);
        let _passed = self.gate.lock();
    }

    fn heartbeat(&mut self) {
        self.heartbeats.fetch_add(1, Ordering::AcqRel);
    }
}

#[test]
fn a_loop_that_hangs_gives_no_sign_of_life() {
    const INTERVAL: Duration = Duration::from_millis(5);
    both_modes(|mode| {
        let config = Config {
            mode,
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            heartbeat: Some(INTERVAL),
            ..Config::default()
        };
        let server = Server::bind(config).unwrap();
        let (address, stopper) = (server.local_addrs()[0].inet().unwrap(), server.stopper());
        let observer = Hanging::default();
        let seen = observer.clone();
        let serving = thread::spawn(move || server.run(observer));
        let heartbeats = || seen.heartbeats.load(Ordering::Acquire);
        eventually("heartbeats", || heartbeats() >= 3);
        let gate = seen.gate.lock().unwrap();
        let peer = connect(address);
        eventually("the loop hangs", || {
            seen.has_hung.load(Ordering::Acquire) == 1
        });
        let before = heartbeats();
        thread::sleep(10 * INTERVAL);
        assert_eq!(heartbeats(), before);
        drop(gate);
        eventually("further heartbeats", || heartbeats() > before);
        stopper.stop().unwrap();
        drop(peer);
        serving.join().unwrap().unwrap();
    });
}

/// What systemd does with `Accept=no`: the first connection starts the program, the socket outlives it.
#[cfg(feature = "measure")]
#[test]
fn a_restart_on_an_activated_socket_loses_no_connection_attempt() {
    use crate::harness::tool_or_skip;
    use attempts::Attempts;
    const CLIENTS: usize = 4;
    const RESTARTS: usize = 3;
    if !tool_or_skip("systemd-socket-activate") || !tool_or_skip("setpriv") {
        return;
    }
    both_modes(|mode| {
        let address = mio_echo::measure::process::free_address().unwrap();
        // Each line of input runs one server to its end.
        let serve = "echo $$; export LISTEN_PID=$$; exec \"$0\" serve --mode \"$1\" </dev/null";
        let script = format!(
            "while read -r _; do setpriv --pdeathsig KILL sh -c '{serve}' \"$0\" \"$1\"; done"
        );
        let mut activate = command("systemd-socket-activate");
        activate
            .args(["--listen", &address.to_string(), "sh", "-c", &script])
            .args([PROGRAM, name_of(mode)]);
        let mut manager = Child::spawn_with_input(&mut activate);
        manager.wait_for_log("Listening on");
        let attempts = Attempts::during(address, CLIENTS, |attempts| {
            for restart in 0..=RESTARTS {
                manager.write(b"\n");
                let server = manager.next_line();
                assert_eq!(manager.address(), address);
                attempts.wait_for_more(50);
                if restart < RESTARTS {
                    terminate(&server);
                }
            }
        });
        // A client has one connection at a time, so each restart can end no more than one of each.
        let ended = attempts.ended_in_order();
        assert!(ended <= CLIENTS * RESTARTS, "{attempts:?}");
    });
}

/// Ends a process of which the test knows only the id, in decimal digits and with a line break.
#[cfg(feature = "measure")]
fn terminate(id: &str) {
    let id = rustix::process::Pid::from_raw(id.trim().parse().unwrap());
    rustix::process::kill_process(id.unwrap(), Signal::TERM).unwrap();
}
