//! `mio-echo client`: send, receive, verify; or ping.

use super::interrupt::Interrupt;
use super::logger::TARGET;
use super::output::{FAILED, NOT_STARTED, fail, print_line, print_note};
use super::values::{at_least_one, duration, positive_duration};
use clap::Args;
use mio_echo::client::{
    self, AddressFamily, ClientError, ConnectPlan, PingPlan, PingProbe, PingSummary, Request,
};
use mio_echo::server::DEFAULT_ENDPOINT;
use mio_echo::text::address::Address;
use mio_echo::text::endpoint::Endpoint;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
With --count or --interval, one message is sent again and again: when it
is due, and the echo before it is back. Each round trip is printed, and a
summary at the end, even after Ctrl-C. An echo that differs or does not
come within --timeout is lost; the next message then takes another
connection.

Exit codes:
  0  every byte came back
  1  the echo differed, ended early or took too long
  2  wrong usage, or no connection

Examples:
  mio-echo client
  mio-echo client localhost:50007 'Hello, world' '汉语/漢語 Hànyǔ'
  mio-echo client '[::1]:7' < /bin/ls | cmp - /bin/ls
  mio-echo client --count 10 --interval 200ms localhost:7
  mio-echo client --udp --count 5 localhost:7
  mio-echo client unix:/run/echo.sock 'Hello, world'";

/// The message of a ping that is given none.
const PING: &str = "Hello, world";

/// The time from one message of a ping to the next.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct ClientArguments {
    /// The server: HOST:PORT, [IPV6]:PORT, a HOST (port 50007), a PORT (of localhost), or a Unix socket:
    /// unix:PATH, on Linux also unix:@NAME. Each address of a name is tried
    #[arg(value_parser = server, default_value = DEFAULT_ENDPOINT)]
    addr: Endpoint,

    /// The messages to send, one after another, after the address. Without any, standard input is sent
    messages: Vec<OsString>,

    /// Send each message as a UDP datagram, or without messages each line of standard input. A datagram whose
    /// echo is not back within --timeout is lost
    #[arg(long)]
    udp: bool,

    /// Give up on an address that has not accepted the connection after this long
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "5s", help_heading = "Connecting")]
    connect_timeout: Duration,

    /// Connect from this address of this machine
    #[arg(long, value_name = "IP", value_parser = source, help_heading = "Connecting")]
    bind: Option<IpAddr>,

    /// Try only the IPv4 addresses of a name
    #[arg(
        short = '4',
        long,
        conflicts_with = "ipv6",
        help_heading = "Connecting"
    )]
    ipv4: bool,

    /// Try only the IPv6 addresses of a name
    #[arg(short = '6', long, help_heading = "Connecting")]
    ipv6: bool,

    /// Fail if the server takes longer than this to return what it was sent, 64 KiB at a time
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "10s")]
    timeout: Duration,

    /// Send the message this many times and print each round trip [default: without limit, if --interval
    /// is given]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Ping")]
    count: Option<usize>,

    /// Send the message again after this long; 0s as soon as its echo is back [default: 1s, if --count is
    /// given]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Ping")]
    interval: Option<Duration>,
}

/// For a message where the address is expected.
const MESSAGE_HINT: &str =
    "a message comes after the address, as in: mio-echo client localhost 'Hello, world'";

fn server(text: &str) -> Result<Endpoint, String> {
    text.parse()
        .map_err(|error| format!("{error} ({MESSAGE_HINT})"))
}

fn source(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address of this machine, as in 192.0.2.1".to_owned())
}

impl ClientArguments {
    fn connect_plan(&self) -> ConnectPlan {
        ConnectPlan {
            endpoint: self.addr.clone(),
            family: match self {
                Self { ipv4: true, .. } => AddressFamily::Ipv4,
                Self { ipv6: true, .. } => AddressFamily::Ipv6,
                Self { .. } => AddressFamily::Any,
            },
            source: self.bind,
            timeout: self.connect_timeout,
        }
    }

    fn into_request(self) -> Request {
        let connect = self.connect_plan();
        let messages = self.messages.into_iter().map(OsString::into_vec);
        let messages: Vec<_> = messages.collect();
        let is_interactive =
            messages.is_empty() && io::stdin().is_terminal() && io::stderr().is_terminal();
        Request {
            connect,
            messages,
            reply_timeout: self.timeout,
            on_connect: if is_interactive { announce } else { |_| {} },
        }
    }

    /// `None` if no ping is asked for.
    fn ping_plan(&self) -> Option<Result<PingPlan, String>> {
        if self.count.is_none() && self.interval.is_none() {
            return None;
        }
        let message = match self.messages.as_slice() {
            [] => PING.into(),
            [message] if message.is_empty() && !self.udp => {
                return Some(Err("a ping needs a message that is not empty".to_owned()));
            }
            [message] => message.clone().into_vec(),
            _ => return Some(Err("a ping sends one message".to_owned())),
        };
        Some(Ok(PingPlan {
            connect: self.connect_plan(),
            message,
            count: self.count.map(|count| count as u64),
            interval: self.interval.unwrap_or(INTERVAL),
            reply_timeout: self.timeout,
        }))
    }
}

/// A person at a terminal cannot tell a connection from a connect that still waits.
fn announce(peer: &Address) {
    print_note(&format!("connected to {peer}"));
}

pub(super) fn run(arguments: ClientArguments) -> ExitCode {
    let udp = arguments.udp;
    match arguments.ping_plan() {
        Some(Ok(plan)) if udp => return run_ping(&plan, client::ping_datagrams),
        Some(Ok(plan)) => return run_ping(&plan, client::ping),
        Some(Err(mistake)) => return fail(NOT_STARTED, &mistake),
        None => {}
    }
    let request = arguments.into_request();
    let endpoint = request.connect.endpoint.clone();
    let mut stdout = io::stdout().lock();
    let result = if udp {
        client::run_datagrams(&request, io::stdin().lock(), &mut stdout)
    } else {
        client::run(request, io::stdin(), &mut stdout)
    };
    match result {
        Ok(bytes) => {
            log::debug!(target: TARGET, "verified bytes: {bytes}");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error, &endpoint),
    }
}

/// [`client::ping`], or the same with datagrams.
type Ping = fn(
    &PingPlan,
    &AtomicBool,
    fn(&PingProbe) -> io::Result<()>,
) -> Result<PingSummary, ClientError>;

fn run_ping(plan: &PingPlan, ping: Ping) -> ExitCode {
    let interrupt = match Interrupt::catch() {
        Ok(interrupt) => interrupt,
        Err(error) => return fail(NOT_STARTED, &error.to_string()),
    };
    let result = ping(plan, interrupt.flag(), print_probe);
    match result {
        Ok(summary) => {
            print_line(&summary.to_string());
            let code = if summary.lost() == 0 { 0 } else { FAILED };
            ExitCode::from(code)
        }
        Err(error) => failed(&error, &plan.connect.endpoint),
    }
}

fn print_probe(probe: &PingProbe) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{probe}").and_then(|()| stdout.flush())
}

fn failed(error: &ClientError, endpoint: &Endpoint) -> ExitCode {
    match error {
        // The reader of the output has closed it and needs no message. Yet the echo was not verified to its end, so that
        // this is not a success.
        error if error.is_closed_pipe() => ExitCode::from(FAILED),
        ClientError::Resolve { .. } if endpoint.could_be_a_word() => {
            fail(NOT_STARTED, &format!("{error} ({MESSAGE_HINT})"))
        }
        error if error.is_about_connecting() => fail(NOT_STARTED, &error.to_string()),
        error => fail(FAILED, &error.to_string()),
    }
}
