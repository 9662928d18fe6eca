//! `mio-echo serve --udp`: which datagrams are answered.

use clap::Args;
use mio_echo::server::DatagramPolicy;

#[derive(Debug, Args)]
pub(super) struct DatagramArguments {
    /// Answer UDP datagrams too, on the same addresses and ports. Datagrams that are likely to be forged get no
    /// reply: from port 0, a port below 1024, port 2049 or a UDP port of this server, from or to a multicast or
    /// broadcast address, or more than 1000 a second from one source. An echo server on another port from 1024 on
    /// looks like any client; only that rate bounds an exchange with it
    #[arg(long, help_heading = "Datagrams")]
    udp: bool,

    /// Answer every datagram, at any rate. One forged datagram can then start an endless exchange with
    /// another server: only for networks that are closed to others
    #[arg(long, requires = "udp", help_heading = "Datagrams")]
    udp_allow_any_source: bool,
}

impl DatagramArguments {
    pub(super) fn policy(&self) -> DatagramPolicy {
        match self {
            Self { udp: false, .. } => DatagramPolicy::Off,
            Self {
                udp_allow_any_source: false,
                ..
            } => DatagramPolicy::Guarded,
            Self { .. } => DatagramPolicy::AnySource,
        }
    }
}
