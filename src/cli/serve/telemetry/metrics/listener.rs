//! Where the metrics are served.

use mio_echo::server::{SocketFile, listen_on_unix_socket};
use mio_echo::text::endpoint::Endpoint;
use mio_echo::text::os_error;
use socket2::Socket;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

/// Where the metrics are, as Prometheus expects it by default.
pub(super) const PATH: &str = "/metrics";

/// How many peers may wait. Requests are served one after the other.
const BACKLOG: u16 = 128;

/// A listening socket for the metrics.
#[derive(Debug)]
pub(crate) struct MetricsListener {
    /// The file, if it is a Unix socket. Before the socket, so that it is dropped first.
    #[expect(dead_code, reason = "it exists to be dropped")]
    file: Option<SocketFile>,
    /// Blocking. Shared with the thread that accepts, which never ends.
    pub(super) socket: Arc<Socket>,
    /// The URL, or the name of the Unix socket.
    pub(crate) location: String,
}

impl MetricsListener {
    /// Listens on the first address of `endpoint`. The file of a Unix socket gets the permissions `mode`, or what the umask
    /// leaves.
    ///
    /// # Errors
    ///
    /// One line: the address cannot be bound.
    pub(crate) fn bind(endpoint: &Endpoint, mode: Option<u32>) -> Result<Self, String> {
        Self::try_bind(endpoint, mode).map_err(|error| {
            let error = os_error::describe(&error);
            format!("cannot serve metrics on {endpoint}: {error}")
        })
    }

    fn try_bind(endpoint: &Endpoint, mode: Option<u32>) -> io::Result<Self> {
        if let Some(name) = endpoint.unix_name() {
            let (listener, file) = listen_on_unix_socket(name, mode, BACKLOG)?;
            listener.set_nonblocking(false)?;
            return Ok(Self {
                file,
                socket: Arc::new(listener.into()),
                location: endpoint.to_string(),
            });
        }
        let addresses = endpoint.resolve_to_listen()?;
        let listener = TcpListener::bind(addresses.as_slice())?;
        let address = listener.local_addr()?;
        Ok(Self {
            file: None,
            socket: Arc::new(listener.into()),
            location: format!("http://{address}{PATH}"),
        })
    }
}
