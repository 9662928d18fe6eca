//! How much the kernel may hold back between a server and its clients.

/// How much the kernel keeps of what has been written and not been read, in bytes; none: as much as it
/// likes. The kernel doubles what it is told (socket(7)).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Buffers {
    /// `SO_SNDBUF` of the server's sockets.
    pub(crate) server_send: Option<usize>,
    /// `SO_RCVBUF` of the server's sockets.
    pub(crate) server_receive: Option<usize>,
    /// `SO_SNDBUF` of the clients.
    pub(crate) client_send: Option<usize>,
    /// `SO_RCVBUF` of the clients.
    pub(crate) client_receive: Option<usize>,
}

impl Buffers {
    /// So little from the server to a client that writes are soon refused, and room for a message of
    /// 128 KiB in the other direction.
    pub(crate) const SLOW_READER: Self = Self {
        server_send: Some(16 * 1024),
        server_receive: Some(512 * 1024),
        client_send: Some(128 * 1024),
        client_receive: Some(16 * 1024),
    };
}
