//! How much data the kernel may hold between a server and its clients.

/// Sizes of the socket buffers, in bytes. `None` leaves the kernel's default. The kernel doubles the value that
/// it is given (socket(7)).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SocketBuffers {
    /// `SO_SNDBUF` of the server's sockets.
    pub(crate) server_send: Option<usize>,
    /// `SO_RCVBUF` of the server's sockets.
    pub(crate) server_receive: Option<usize>,
    /// `SO_SNDBUF` of the clients.
    pub(crate) client_send: Option<usize>,
    /// `SO_RCVBUF` of the clients.
    pub(crate) client_receive: Option<usize>,
}

impl SocketBuffers {
    /// For a client that does not read: the server's writes are soon refused, while a message of 128 KiB fits
    /// into the other direction.
    pub(crate) const SLOW_READER: Self = Self {
        server_send: Some(16 * 1024),
        server_receive: Some(512 * 1024),
        client_send: Some(128 * 1024),
        client_receive: Some(16 * 1024),
    };
}
