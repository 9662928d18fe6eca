//! `mio-echo client`: its arguments.

use crate::cli::values::positive_duration;
use clap::Args;
use mio_echo::client;
use mio_echo::server::DEFAULT_ENDPOINT;
use mio_echo::text::endpoint::Endpoint;
use std::ffi::OsString;
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Exit codes:
  0 every byte came back; 1 the echo differed, ended early or took too long;
  2 wrong usage, or no connection.

Examples:
  mio-echo client
  mio-echo client localhost:50007 'Hello, world' '汉语/漢語 Hànyǔ'
  mio-echo client '[::1]:7' < /bin/ls | cmp - /bin/ls";

#[derive(Debug, Args)]
pub(crate) struct Client {
    /// The server, HOST:PORT or [IPV6]:PORT; each address of a name is tried
    #[arg(default_value = DEFAULT_ENDPOINT)]
    addr: Endpoint,

    /// What to send, one after the other; without any, standard input is sent
    messages: Vec<OsString>,

    /// How long one address may take to accept the connection
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "5s")]
    connect_timeout: Duration,

    /// How long the server may keep silent while it owes something
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "10s")]
    timeout: Duration,
}

impl From<Client> for client::Request {
    fn from(client: Client) -> Self {
        Self {
            endpoint: client.addr,
            messages: client.messages.into_iter().map(bytes_of).collect(),
            connect_timeout: client.connect_timeout,
            reply_timeout: client.timeout,
        }
    }
}

/// An argument is bytes, not text.
fn bytes_of(argument: OsString) -> Vec<u8> {
    std::os::unix::ffi::OsStringExt::into_vec(argument)
}
