//! `mio-echo serve`: bind, print the addresses, serve until a stop is requested.

mod activation;
#[cfg(feature = "udp")]
mod datagrams;
mod misbehave;
mod notices;
#[cfg(feature = "preamble")]
mod preamble;
#[cfg(target_os = "linux")]
mod privileges;
#[cfg_attr(not(feature = "telemetry"), path = "no_telemetry.rs")]
mod telemetry;
#[cfg(feature = "trace")]
mod trace;

use super::log_observer::LogObserver;
use super::logger::{TARGET, print_statistics};
use super::output::{FAILED, NOT_STARTED, fail, has_room, print_line};
use super::values::{
    Bytes, ModeName, Timeout, at_least_one, duration, number_in, size_up_to, time_limit,
};
use activation::passed_sockets;
use clap::{ArgAction, Args};
use mio_echo::server::{
    Config, DatagramPolicy, InheritedSocket, Misbehaviour, MisbehaviourCounts, Mode, Observer,
    Server, Stats, limits,
};
use mio_echo::text::address::UnixName;
use mio_echo::text::endpoint::Endpoint;
use mio_echo::text::os_error;
use notices::{Notifier, ready_notice, watchdog_interval};
#[cfg(target_os = "linux")]
use privileges::Unprivileged;
use std::io;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use telemetry::{MetricsListener, Telemetry};

pub(super) const EXAMPLES: &str = "\
Signals:
  SIGINT, SIGTERM, SIGHUP    stop accepting, echo all that was received,
                             close every connection, exit with 0
  another, a second later    exit at once, with code 130, 143 or 129
  SIGHUP, with --access-log  reopen the file of the access log
  SIGUSR1                    print the statistics so far on standard error

Service managers (systemd and others that speak its protocols):
  LISTEN_FDS     the sockets that are passed are served, in addition to
                 the addresses that are given
  NOTIFY_SOCKET  is notified when the server is ready and when it stops
  WATCHDOG_USEC  is notified at half of that time, by the event loop, or
                 in threads mode by the thread that accepts

Examples:
  mio-echo serve
  mio-echo serve '*:7' --idle-timeout 5m -v
  mio-echo serve unix:/run/echo.sock --socket-mode 0660
  mio-echo serve 127.0.0.1:7007 '[::1]:7007' --mode threads
  mio-echo serve --delay 20ms±5ms --reset-after 4KiB,p=0.1
  mio-echo serve '*:7' --user nobody --idle-timeout 5m
  mio-echo serve --trace=explain
  mio-echo serve --trace=echo.html,buffers";

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// Serve all connections on one thread, or each on its own
    #[arg(short, long, value_enum, default_value_t = ModeName::EventLoop)]
    mode: ModeName,

    /// Listen on this address: HOST:PORT, [IPV6]:PORT, a HOST (port 50007), a PORT (of localhost), *:PORT for
    /// every address of this machine, IPv4 and IPv6, or a Unix socket: unix:PATH, on Linux also unix:@NAME
    /// (abstract). Each address of a name is bound; port 0 lets the system choose. The file of a Unix socket is
    /// removed at the end; one that another server has left behind is replaced [default: localhost:50007, unless
    /// sockets are passed]
    #[arg(value_name = "ADDR")]
    addresses: Vec<Endpoint>,

    /// The same as ADDR
    #[arg(short, long, value_name = "ADDR", help_heading = "Listening")]
    listen: Vec<Endpoint>,

    /// Refuse IPv4 peers on an IPv6 address such as [::]
    #[arg(long, help_heading = "Listening")]
    v6only: bool,

    /// Let this many peers wait to be accepted; the kernel may allow fewer
    #[arg(long, value_name = "N", value_parser = backlog, default_value_t = limits::BACKLOG, help_heading = "Listening")]
    backlog: u16,

    /// Give the file of a Unix socket these permissions; to connect, a peer needs write permission [default:
    /// as the umask leaves them, which is usually 0755: the same user only]
    #[arg(long, value_name = "MODE", value_parser = socket_mode, help_heading = "Listening")]
    socket_mode: Option<u32>,

    /// Let several processes listen on the same port (SO_REUSEPORT)
    #[arg(long, help_heading = "Listening")]
    reuse_port: bool,

    /// Open at most this many connections; further peers wait in the backlog [default: as many as the
    /// system allows]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Limits")]
    max_connections: Option<usize>,

    /// Read at most this much at once. A connection never has more than this pending
    #[arg(long, value_name = "SIZE", value_parser = read_buffer, default_value_t = Bytes(limits::READ_BUFFER), help_heading = "Limits")]
    read_buffer: Bytes,

    /// Close a connection on which no byte has moved for this long, or never. Of a peer that reads slowly, the
    /// kernel shows only acknowledgements and window updates [default: never]
    #[arg(long, value_name = "TIME", value_parser = idle_timeout, help_heading = "Limits")]
    idle_timeout: Option<Timeout>,

    /// On a stop, give the peers this long to finish
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", help_heading = "Limits")]
    drain_timeout: Duration,

    /// Let the kernel probe a peer after this long without traffic (SO_KEEPALIVE), or never
    #[arg(long, value_name = "TIME", value_parser = keepalive, default_value = "never", help_heading = "Socket options")]
    keepalive: Timeout,

    /// Send small writes at once (TCP_NODELAY); --nodelay=false lets the kernel coalesce them
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set,
        help_heading = "Socket options"
    )]
    nodelay: bool,

    #[cfg(feature = "udp")]
    #[command(flatten)]
    datagrams: datagrams::DatagramArguments,

    #[cfg(feature = "preamble")]
    #[command(flatten)]
    preamble: preamble::PreambleArguments,

    #[command(flatten)]
    misbehave: misbehave::MisbehaveArguments,

    #[command(flatten)]
    telemetry: telemetry::TelemetryArguments,

    #[cfg(target_os = "linux")]
    #[command(flatten)]
    privileges: privileges::PrivilegeArguments,

    #[cfg(feature = "trace")]
    #[command(flatten)]
    trace: trace::TraceArguments,
}

impl ServeArguments {
    /// The default address is for a server that would have nothing to listen on: neither an address of its own nor a
    /// socket among those that were `passed`.
    fn config(&self, passed: &[InheritedSocket], misbehaviour: Option<Misbehaviour>) -> Config {
        let addresses = self.addresses();
        let has_default_address = addresses.is_empty() && passed.is_empty();
        let idle_timeout = self.idle_timeout.and_then(Timeout::duration);
        Config {
            mode: self.mode.into(),
            listen: if has_default_address {
                Config::default().listen
            } else {
                addresses
            },
            datagrams: self.datagram_policy(),
            v6_only: self.v6only,
            backlog: self.backlog,
            socket_mode: self.socket_mode,
            reuse_port: self.reuse_port,
            read_buffer: self.read_buffer.0,
            max_connections: self.max_connections,
            idle_timeout,
            keepalive: self.keepalive.duration(),
            nodelay: self.nodelay,
            drain_timeout: self.drain_timeout,
            #[cfg(feature = "preamble")]
            preamble: self.preamble.preamble(idle_timeout),
            misbehaviour,
            heartbeat: watchdog_interval(),
            on_hangup: self.telemetry.on_hangup(),
        }
    }

    fn addresses(&self) -> Vec<Endpoint> {
        [self.addresses.as_slice(), &self.listen].concat()
    }

    fn refuse_mode_without_file(&self) -> Result<(), String> {
        let has_file =
            |endpoint: &Endpoint| matches!(endpoint.unix_name(), Some(UnixName::Path(_)));
        let has_file = self.addresses().iter().any(has_file) || self.telemetry.has_socket_file();
        if self.socket_mode.is_some() && !has_file {
            return Err("--socket-mode is for the file of a Unix socket, unix:PATH".to_owned());
        }
        Ok(())
    }

    #[cfg(feature = "udp")]
    fn datagram_policy(&self) -> DatagramPolicy {
        self.datagrams.policy()
    }

    #[cfg(not(feature = "udp"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn datagram_policy(&self) -> DatagramPolicy {
        DatagramPolicy::Off
    }
}

pub(super) fn run(arguments: &ServeArguments) -> ExitCode {
    let (mode, policy) = (Mode::from(arguments.mode), arguments.datagram_policy());
    let misbehaviour = arguments.misbehave.misbehaviour();
    let (mut server, metrics) = match start(arguments, misbehaviour.clone()) {
        Ok(started) => started,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    let telemetry = match arguments.telemetry.open(&server, mode, metrics) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    #[cfg(feature = "trace")]
    let tracer = match arguments.trace.start(mode) {
        Ok(tracer) => tracer,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    // Only now: until the files are open, which may block, a signal ends the process.
    if let Err(error) = server.handle_signals() {
        return fail(NOT_STARTED, &error.to_string());
    }
    let notifier = Notifier::from_env();
    announce(&server, &telemetry, &notifier);
    let limit = server.max_connections();
    log::info!(target: TARGET, "serving up to {limit} connections, mode {mode}");
    if let Some(misbehaviour) = &misbehaviour {
        arguments.misbehave.warn(misbehaviour);
    }
    let counts = misbehaviour.map(|misbehaviour| misbehaviour.counts);
    let beyond_loopback = server
        .local_addrs()
        .iter()
        .any(|address| !address.is_local());
    if beyond_loopback && arguments.idle_timeout.is_none() {
        log::warn!(target: TARGET, "without --idle-timeout a peer from elsewhere can hold a connection without limit");
    }
    if beyond_loopback && policy == DatagramPolicy::AnySource {
        log::warn!(target: TARGET, "with --udp-allow-any-source, one forged datagram can start an endless exchange with another server");
    }
    #[cfg(feature = "trace")]
    if let Some(tracer) = tracer {
        let code = serve(server, counts, notifier, telemetry, tracer.clone());
        return match tracer.finish() {
            Ok(_) => code,
            Err(error) => fail(FAILED, &format!("the trace is incomplete: {error}")),
        };
    }
    serve(server, counts, notifier, telemetry, ())
}

/// Everything that may need the privileges with which the server was started; from then on it has none that it was told to
/// give up.
fn start(
    arguments: &ServeArguments,
    misbehaviour: Option<Misbehaviour>,
) -> Result<(Server, Option<MetricsListener>), String> {
    #[cfg(target_os = "linux")]
    let unprivileged = arguments.privileges.unprivileged()?;
    arguments.refuse_mode_without_file()?;
    let passed = passed_sockets()?;
    let config = arguments.config(&passed, misbehaviour);
    let server = Server::bind_beside(config, passed).map_err(|error| error.to_string())?;
    let metrics = arguments.telemetry.listen(arguments.socket_mode)?;
    #[cfg(target_os = "linux")]
    unprivileged.map_or(Ok(()), Unprivileged::assume)?;
    Ok((server, metrics))
}

/// Prints the ready lines and notifies the service manager. If there is no room for either, both may block for as long as
/// they are not read, so another thread does it: the server serves all the same, and a signal stops it.
fn announce(server: &Server, telemetry: &Telemetry, notifier: &Notifier) {
    let streams = server.local_addrs().iter();
    let streams = streams.map(|address| format!("listening on {address}"));
    let datagrams = server.datagram_addrs().iter();
    let datagrams = datagrams.map(|address| format!("answering datagrams on {address}"));
    let metrics = telemetry.metrics_location().into_iter();
    let metrics = metrics.map(|location| format!("metrics on {location}"));
    let lines: Vec<String> = streams.chain(datagrams).chain(metrics).collect();
    let is_written_at_once = has_room(io::stdout()) && notifier.has_room();
    let (notifier, notice) = (notifier.clone(), ready_notice(server));
    let announce = move || {
        for line in &lines {
            print_line(line);
        }
        notifier.ready(&notice);
    };
    if is_written_at_once {
        return announce();
    }
    let (is_running, has_ended) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name("announcement".to_owned());
    let announcement = announce.clone();
    let started = thread.spawn(move || {
        announcement();
        drop(is_running);
    });
    match started {
        // The ready lines come before what else is printed there, such as the access log.
        Ok(_) => drop(has_ended.recv_timeout(ANNOUNCEMENT_TIMEOUT)),
        Err(_) => announce(),
    }
}

/// How long the server waits until it is announced, before it serves all the same.
const ANNOUNCEMENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves until the stop. `counts` are those of the injected faults, if there are any.
fn serve(
    server: Server,
    counts: Option<MisbehaviourCounts>,
    notifier: Notifier,
    telemetry: Telemetry,
    trace: impl Observer,
) -> ExitCode {
    let mut statistics = telemetry.connect(Stats::reporting_to(print_statistics));
    statistics.misbehaved = counts;
    let log = LogObserver::new();
    let logs = (log.clone(), telemetry.observer());
    let result = server.run(((statistics, (logs, notifier)), trace));
    log.finish();
    let (stats, code) = match result {
        Ok(((stats, _), _)) => {
            log::info!(target: TARGET, "stopped: {stats}");
            (Some(stats), ExitCode::SUCCESS)
        }
        Err(error) => {
            let error = os_error::describe(&error);
            (None, fail(FAILED, &format!("the server failed: {error}")))
        }
    };
    match telemetry.finish(stats) {
        Ok(()) => code,
        Err(error) => fail(FAILED, &error),
    }
}

fn backlog(text: &str) -> Result<u16, String> {
    number_in(0..=u16::MAX, text)
}

fn idle_timeout(text: &str) -> Result<Timeout, String> {
    time_limit(text, |text| {
        let shortest = limits::SHORTEST_IDLE_TIMEOUT;
        let timeout = duration(text)?;
        if timeout < shortest {
            let shortest = humantime::format_duration(shortest);
            return Err(format!("must be at least {shortest}"));
        }
        Ok(timeout)
    })
}

/// The kernel takes whole seconds, up to 32,767 of them (tcp(7), `TCP_KEEPIDLE`).
fn keepalive(text: &str) -> Result<Timeout, String> {
    time_limit(text, |text| {
        let idle = duration(text)?;
        if !(1..=32_767).contains(&idle.as_secs()) || idle.subsec_nanos() != 0 {
            return Err("must be whole seconds, from 1s to 32767s".to_owned());
        }
        Ok(idle)
    })
}

/// Octal, as chmod(1) takes it. Set-user-ID and its like mean nothing on a socket.
fn socket_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok();
    let mode = mode.filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
    mode.ok_or_else(|| "expected an octal number up to 0777, as in 0660".to_owned())
}

fn read_buffer(text: &str) -> Result<Bytes, String> {
    size_up_to(limits::LARGEST_READ_BUFFER, text)
}
