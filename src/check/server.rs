//! The server under check: one that runs already, or one that is started for the check and ended after it.

use super::content::Content;
use super::probe::Probe;
use super::process::ServerProcess;
use super::symptom::{EndOfEcho, Symptom};
use super::time_limit::{SLICE, TimeLimit, Wait};
use crate::measure::load::Transport;
use crate::measure::process::{
    Child, ChildFailure, CommandLine, ExitReason, ListenPlace, expect_reply,
};
use crate::text::address::Address;
use crate::text::connect::connect;
use crate::text::endpoint::Endpoint;
use crate::text::os_error;
use std::io;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to accept connections. An interpreter or a virtual machine takes a second or two.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The timeout of one attempt to reach the server. One with a full backlog may complete the handshake late (listen(2)).
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);

/// How often a start is tried.
const START_ATTEMPTS: u32 = 3;

/// A server to be checked.
#[derive(Debug, Clone)]
pub enum CheckTarget {
    /// It is running already.
    Running(Endpoint),
    /// It is started with this command line, in which `{port}` stands for the port to listen on, or `{socket}` for the path
    /// of the Unix socket.
    Command(CommandLine),
}

/// The conditions under which a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaunchSetup {
    /// Nothing special.
    Ordinary,
    /// At most this many open descriptors (getrlimit(2), `RLIMIT_NOFILE`).
    DescriptorLimit(u32),
    /// Its standard output and standard error are a pipe from which nothing is read.
    UnreadOutput,
}

/// A server that accepts connections or replies to datagrams.
#[derive(Debug)]
pub(super) struct CheckedServer {
    address: Address,
    transport: Transport,
    /// Present if it was started here. It ends with this value.
    started: Option<(Child, ServerProcess, ListenPlace)>,
}

impl CheckedServer {
    /// The first address of `endpoint` that accepts a connection, or replies to a datagram.
    pub(super) fn running(
        endpoint: &Endpoint,
        transport: Transport,
        timeout: Duration,
    ) -> Result<Self, String> {
        let addresses = endpoint.addresses().map_err(|error| {
            format!("cannot resolve {endpoint}: {}", os_error::describe(&error))
        })?;
        let mut reasons = Vec::new();
        for address in addresses {
            match reach(&address, transport, timeout) {
                Ok(()) => {
                    return Ok(Self {
                        address,
                        transport,
                        started: None,
                    });
                }
                Err(error) => reasons.push(format!("{address} ({})", os_error::describe(&error))),
            }
        }
        let reasons = reasons.join(", ");
        Err(match transport {
            Transport::Stream => format!("cannot connect to {reasons}"),
            Transport::Datagrams => format!("no reply to a datagram from {reasons}"),
        })
    }

    /// Starts a server and waits within `limit` until it accepts connections or replies. One that ends at once is started
    /// again: the free port that was found may have been taken by the time the server bound it.
    pub(super) fn start(
        command: &CommandLine,
        transport: Transport,
        setup: LaunchSetup,
        limit: &TimeLimit<'_>,
    ) -> Result<Self, String> {
        let wait = limit.wait_at_most(START_TIMEOUT);
        let mut attempt = 1;
        loop {
            let started = Self::start_once(command, transport, setup, &wait);
            if started.is_ok() || wait.is_over() || attempt == START_ATTEMPTS {
                return started.map_err(|reason| format!("cannot start `{command}`: {reason}"));
            }
            attempt += 1;
        }
    }

    fn start_once(
        command: &CommandLine,
        transport: Transport,
        setup: LaunchSetup,
        wait: &Wait<'_>,
    ) -> Result<Self, String> {
        let described = |error: io::Error| os_error::describe(&error);
        let place = ListenPlace::for_command(command).map_err(described)?;
        let address = place.address();
        if transport == Transport::Datagrams {
            address.to_inet().map_err(described)?;
        }
        let line = setup.wrap(&place.fill_in(command));
        let child = Child::spawn(&line, None).map_err(described)?;
        let tree = child.processes().clone();
        let process = ServerProcess::new(tree, command.clone(), address.clone());
        let mut server = Self {
            address: address.clone(),
            transport,
            started: Some((child, process, place)),
        };
        server.wait_until_ready(wait)?;
        Ok(server)
    }

    /// # Errors
    ///
    /// The server has ended, or it does not accept connections or reply in time.
    fn wait_until_ready(&mut self, wait: &Wait<'_>) -> Result<(), String> {
        loop {
            if !self.goes_to_background()
                && let Some(how) = self.early_exit()
            {
                return Err(how);
            }
            if self.is_reachable() {
                return Ok(());
            }
            if wait.is_over() {
                return Err(self.not_ready());
            }
            thread::sleep(SLICE / 10);
        }
    }

    /// Whether the command has exited as daemons do, and what it has left may listen yet.
    fn goes_to_background(&mut self) -> bool {
        let started = self.started.as_mut();
        started.is_some_and(|(child, process, _)| {
            child.early_exit().is_some_and(|it| is_success(&it)) && !process.is_gone()
        })
    }

    /// Why it counts as not ready, with where it listens instead, and the last line of its standard error.
    fn not_ready(&self) -> String {
        let place = match &self.address {
            Address::Inet(address) => format!("port {} of {}", address.port(), address.ip()),
            Address::Unix(name) => name.to_string(),
        };
        let mut text = match self.transport {
            Transport::Stream => format!("it does not listen on {place}"),
            Transport::Datagrams => format!("it does not reply to a datagram on {place}"),
        };
        let Some((child, process, _)) = &self.started else {
            return text;
        };
        let elsewhere: Vec<String> = process.listening().iter().map(Address::to_string).collect();
        if !elsewhere.is_empty() && !process.serves() {
            text = format!("{text}, but on {}", elsewhere.join(", "));
        }
        match child.last_stderr_line() {
            Some(line) => format!("{text}: {line}"),
            None => text,
        }
    }

    fn is_reachable(&self) -> bool {
        reach(&self.address, self.transport, CONNECT_TIMEOUT).is_ok()
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Its process, if it was started here.
    pub(super) fn process(&self) -> Option<&ServerProcess> {
        self.started.as_ref().map(|(_, process, _)| process)
    }

    /// How it ended; `None` while it is running, in the background too.
    pub(super) fn early_exit(&mut self) -> Option<String> {
        let (child, process, _) = self.started.as_mut()?;
        let failure = child.early_exit()?;
        let is_served = is_success(&failure) && (process.serves() || self.is_reachable_soon());
        (!is_served).then(|| failure.to_string())
    }

    /// How it ended, if it does within `time`.
    pub(super) fn early_exit_within(&mut self, time: Duration) -> Option<String> {
        let deadline = Instant::now() + time;
        while self.started.is_some() && Instant::now() < deadline {
            if let Some(how) = self.early_exit() {
                return Some(how);
            }
            thread::sleep(SLICE / 5);
        }
        None
    }

    /// Whether all of its processes have ended.
    pub(super) fn has_ended(&mut self) -> bool {
        let started = self.started.as_mut();
        started.is_some_and(|(child, process, _)| child.early_exit().is_some() && process.is_gone())
    }

    /// Whether it runs in the background, and none of the processes that are known is left: it cannot be ended.
    pub(super) fn is_out_of_reach(&mut self) -> bool {
        let started = self.started.as_mut();
        started.is_some_and(|(child, process, _)| {
            child.early_exit().is_some_and(|it| is_success(&it)) && process.is_gone()
        }) && self.is_reachable()
    }

    /// Whether it can be reached, at once or soon: a daemon may listen a moment after the command has exited.
    fn is_reachable_soon(&self) -> bool {
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        loop {
            let is_reachable = self.is_reachable();
            if is_reachable || Instant::now() >= deadline {
                return is_reachable;
            }
            thread::sleep(SLICE / 5);
        }
    }

    /// Whether anything comes back within `timeout`.
    pub(super) fn echoes_anything(&self, timeout: Duration) -> bool {
        match self.transport {
            Transport::Stream => {
                let never = AtomicBool::new(false);
                let limit = TimeLimit::new(Instant::now() + timeout, timeout / 2, &never);
                self.expect_any_echo(limit).is_ok()
            }
            Transport::Datagrams => reach(&self.address, self.transport, timeout).is_ok(),
        }
    }

    /// Expects anything to come back on a connection: without that, every check would fail, each in other words. A server of
    /// datagrams has replied already, when it was reached.
    pub(super) fn expect_any_echo(&self, limit: TimeLimit<'_>) -> Result<(), Symptom> {
        const LINE: &[u8] = b"?\n";
        if self.transport == Transport::Datagrams {
            return Ok(());
        }
        let connect = || Probe::connect(&self.address, Content::Bytes(LINE), limit);
        let first = connect()?;
        first.send(0..LINE.len() as u64)?;
        let mut echo = first.receive_anything();
        if let Err(EndOfEcho::Nothing(_)) = echo {
            // A server that accepts one connection for each event accepts the first one now.
            let _second = connect();
            first.finish();
            echo = first.receive_anything();
        }
        first.leave();
        echo.map_err(|end| Symptom::no_echo(&end))
    }
}

/// Whether the command has exited with status 0, which a daemon does when it has gone to the background.
fn is_success(failure: &ChildFailure) -> bool {
    let success = ExitReason::Code(0);
    matches!(failure, ChildFailure::Exited { reason, .. } if *reason == success)
}

/// Whether a server at `address` accepts a connection, or replies to a datagram.
fn reach(address: &Address, transport: Transport, timeout: Duration) -> io::Result<()> {
    match transport {
        Transport::Stream => connect(address, timeout).map(drop),
        Transport::Datagrams => expect_reply(address.to_inet()?, timeout),
    }
}

impl LaunchSetup {
    /// The command line that starts `command` under these conditions.
    fn wrap(self, command: &CommandLine) -> CommandLine {
        let script = match self {
            Self::Ordinary => return command.clone(),
            Self::DescriptorLimit(limit) => format!(r#"ulimit -n {limit}; exec "$0" "$@""#),
            // The reader of the pipe is a process that never reads.
            Self::UnreadOutput => r#""$0" "$@" 2>&1 | exec sleep 3600"#.to_owned(),
        };
        let words = [command.program.clone()];
        let words = words.into_iter().chain(command.arguments.iter().cloned());
        CommandLine {
            descriptor_limit: command.descriptor_limit,
            ..CommandLine::new("sh", ["-c".into(), script.into()].into_iter().chain(words))
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::process::Command;

    /// Why a server does not start, which it has to say in one of several attempts, each with more time than the one before.
    fn expect_reason(program: &str, script: &str, expected: &str) {
        let command = CommandLine::new(program, ["-c", script, "{port}"]);
        let mut reason = String::new();
        for time in [1, 4, 16, 30].map(Duration::from_secs) {
            let cancelled = AtomicBool::new(false);
            let wait = TimeLimit::new(Instant::now() + time, time, &cancelled).wait();
            let setup = LaunchSetup::Ordinary;
            let server = CheckedServer::start_once(&command, Transport::Stream, setup, &wait);
            reason = server.err().unwrap_or_default();
            if reason.contains(expected) {
                return;
            }
        }
        panic!("{reason:?} does not contain {expected:?}");
    }

    #[test]
    fn a_server_that_does_not_listen_is_reported_with_its_last_line() {
        let script = "echo reading the configuration >&2; exec sleep 60";
        expect_reason("sh", script, " of 127.0.0.1: reading the configuration");
    }

    #[test]
    fn a_server_that_listens_elsewhere_is_reported_with_the_address() {
        let has_python = Command::new("python3").arg("--version").output().is_ok();
        if !has_python || TcpListener::bind("[::1]:0").is_err() {
            return eprintln!("skipped: no python3 or no IPv6");
        }
        let script = "import socket, sys, time\n\
                      server = socket.create_server(('::1', int(sys.argv[1])), family=socket.AF_INET6)\n\
                      time.sleep(60)";
        expect_reason("python3", script, " of 127.0.0.1, but on [::1]:");
    }
}
