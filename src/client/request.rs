//! What the client is asked to send.

use super::connect::ConnectPlan;
use crate::text::address::Address;
use std::time::Duration;

/// What to send, and to which server.
#[derive(Debug, Clone)]
pub struct Request {
    /// How to connect.
    pub connect: ConnectPlan,
    /// The messages to send, as raw bytes. Each is sent once the one before it has come back. If there are none, the
    /// input is sent.
    pub messages: Vec<Vec<u8>>,
    /// How long the server may take to return what is in flight, 64 KiB at a time, or to send its FIN after ours.
    pub reply_timeout: Duration,
    /// Is called with the address of the peer once there is a connection.
    pub on_connect: fn(&Address),
}
