//! `mio-echo client`: send, receive, verify.

use super::logger::TARGET;
use super::output::{FAILED, NOT_STARTED, fail};
use super::values::positive_duration;
use clap::Args;
use mio_echo::client::{self, ClientError, Request};
use mio_echo::server::DEFAULT_ENDPOINT;
use mio_echo::text::endpoint::Endpoint;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Exit codes:
  0 every byte came back; 1 the echo differed, ended early or took too long;
  2 wrong usage, or no connection.

Examples:
  mio-echo client
  mio-echo client localhost:50007 'Hello, world' '汉语/漢語 Hànyǔ'
  mio-echo client '[::1]:7' < /bin/ls | cmp - /bin/ls";

#[derive(Debug, Args)]
pub(super) struct ClientArguments {
    /// The server: HOST:PORT, [IPV6]:PORT, a HOST (port 50007) or a PORT (of localhost). Each address of a
    /// name is tried
    #[arg(value_parser = server, default_value = DEFAULT_ENDPOINT)]
    addr: Endpoint,

    /// The messages to send, one after another, after the address. Without any, standard input is sent
    messages: Vec<OsString>,

    /// Give up on an address that has not accepted the connection after this long
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "5s")]
    connect_timeout: Duration,

    /// Fail if the server takes longer than this to return what it was sent, 64 KiB at a time
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "10s")]
    timeout: Duration,
}

/// For a message where the address is expected.
const MESSAGE_HINT: &str =
    "a message comes after the address, as in: mio-echo client localhost 'Hello, world'";

fn server(text: &str) -> Result<Endpoint, String> {
    text.parse()
        .map_err(|error| format!("{error} ({MESSAGE_HINT})"))
}

impl From<ClientArguments> for Request {
    fn from(arguments: ClientArguments) -> Self {
        let messages = arguments.messages.into_iter().map(OsString::into_vec);
        Self {
            endpoint: arguments.addr,
            messages: messages.collect(),
            connect_timeout: arguments.connect_timeout,
            reply_timeout: arguments.timeout,
        }
    }
}

pub(super) fn run(arguments: ClientArguments) -> ExitCode {
    let endpoint = arguments.addr.clone();
    match client::run(arguments.into(), io::stdin(), &mut io::stdout().lock()) {
        Ok(bytes) => {
            log::debug!(target: TARGET, "verified bytes: {bytes}");
            ExitCode::SUCCESS
        }
        // The reader of the output has closed it and needs no message. Yet the echo was not verified to its end, so that
        // this is not a success.
        Err(error) if error.is_closed_pipe() => ExitCode::from(FAILED),
        Err(error @ ClientError::Resolve { .. }) if endpoint.could_be_a_word() => {
            fail(NOT_STARTED, &format!("{error} ({MESSAGE_HINT})"))
        }
        Err(error) if error.is_about_connecting() => fail(NOT_STARTED, &error.to_string()),
        Err(error) => fail(FAILED, &error.to_string()),
    }
}
