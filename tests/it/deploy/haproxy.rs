//! HAProxy in front of two servers, each of which is restarted while peers hold connections and open new ones.

use super::changed;
use crate::harness::{
    Child, DEADLINE, Signal, assert_same, command, connect, eventually, pattern, program,
    tool_or_skip,
};
use crate::service::attempts::Attempts;
use mio_echo::measure::process::free_address;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// HAProxy with the configuration of `deploy/`, less its addresses and paths.
struct Proxy {
    _process: Child,
    address: SocketAddr,
    admin: PathBuf,
    _dir: tempfile::TempDir,
}

impl Proxy {
    fn start(servers: [SocketAddr; 2]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let admin = dir.path().join("admin.sock");
        let address = free_address().unwrap();
        let [one, two] = servers.map(|server| server.to_string());
        let config = changed(
            "haproxy/haproxy.cfg",
            &[
                ("bind :7\n", &format!("bind {address}\n")),
                ("192.0.2.1:50007", &one),
                ("192.0.2.2:50007", &two),
                (
                    "socket /run/haproxy/admin.sock",
                    &format!("socket {}", admin.display()),
                ),
            ],
        );
        let file = dir.path().join("haproxy.cfg");
        fs::write(&file, config).unwrap();
        let process = Child::spawn(command("haproxy").arg("-db").arg("-f").arg(&file));
        eventually("the proxy listens", || TcpStream::connect(address).is_ok());
        Self {
            _process: process,
            address,
            admin,
            _dir: dir,
        }
    }

    /// A command on the socket that the comment at the top of the configuration names, and the reply to it.
    fn command(&self, command: &str) -> String {
        let mut admin = UnixStream::connect(&self.admin).unwrap();
        admin.set_read_timeout(Some(DEADLINE)).unwrap();
        writeln!(admin, "{command}").unwrap();
        let mut reply = String::new();
        admin.read_to_string(&mut reply).unwrap();
        reply
    }

    /// Waits until new connections are given to `server`.
    fn wait_until_up(&self, server: &str) {
        eventually("the server is up", || {
            let servers = self.command("show stat");
            let mut lines = servers.lines();
            lines.any(|line| line.starts_with(&format!("echo,{server},")) && line.contains(",UP,"))
        });
    }
}

fn serve(address: SocketAddr) -> Child {
    let mut command = program(&["serve", "--listen", &address.to_string()]);
    let server = Child::spawn(&mut command);
    assert_eq!(server.address(), address);
    server
}

/// A message at a time until the FIN. The one that is under way by then may be lost as a whole; nothing else may.
fn ping_pong_to_fin(mut stream: TcpStream, started: &AtomicUsize) {
    let message = pattern(1000);
    let start = Instant::now();
    for round in 0.. {
        assert!(start.elapsed() < DEADLINE, "expected a FIN at last");
        stream.write_all(&message).expect("no reset before the FIN");
        let mut echoed = Vec::new();
        (&stream)
            .take(1000)
            .read_to_end(&mut echoed)
            .expect("a FIN, and no reset");
        if echoed.is_empty() {
            return;
        }
        assert_same(&echoed, &message);
        if round == 0 {
            started.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[test]
fn a_rolling_restart_behind_haproxy_refuses_no_connection_and_ends_every_stream_in_order() {
    const STREAMS: usize = 8;
    const CLIENTS: usize = 4;
    if !tool_or_skip("haproxy") {
        return;
    }
    let addresses = [free_address().unwrap(), free_address().unwrap()];
    let mut servers = Vec::from(addresses.map(serve));
    let proxy = Proxy::start(addresses);
    let started = AtomicUsize::new(0);
    let attempts = thread::scope(|scope| {
        for _ in 0..STREAMS {
            scope.spawn(|| ping_pong_to_fin(connect(proxy.address), &started));
        }
        eventually("every stream is established", || {
            started.load(Ordering::Acquire) == STREAMS
        });
        Attempts::during(proxy.address, CLIENTS, |attempts| {
            for (name, address) in ["one", "two"].into_iter().zip(addresses) {
                attempts.wait_for_more(20);
                proxy.command(&format!("set server echo/{name} state drain"));
                let server = servers.remove(0);
                server.signal(Signal::TERM);
                let exit = server.wait();
                assert_eq!(exit.code, Some(0), "{}", exit.stderr);
                servers.push(serve(address));
                proxy.command(&format!("set server echo/{name} state ready"));
                proxy.wait_until_up(name);
            }
        })
    });
    assert!(attempts.ended_in_order() <= 2 * CLIENTS, "{attempts:?}");
}
