//! Notices to the service manager that has started the server (`sd_notify(3)`): ready, stopping, still alive.

use super::super::logger::TARGET;
use super::super::output::has_room;
use mio_echo::server::{Observer, Server};
use mio_echo::text::os_error;
use rustix::net::{SendFlags, send};
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::process;
use std::sync::Arc;
use std::time::Duration;

/// Sends the notices if `NOTIFY_SOCKET` asks for them, else does nothing.
///
/// One connected socket for all of them: in the loop, a notice must not fail because all descriptors are in use.
#[derive(Debug, Clone)]
pub(super) struct Notifier(Option<Arc<UnixDatagram>>);

impl Notifier {
    /// Connects to the manager. If that fails, the server runs without notices, with a warning.
    pub(super) fn from_env() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self(None);
        };
        match connect(&name) {
            Ok(socket) => Self(Some(Arc::new(socket))),
            Err(error) => {
                let error = os_error::describe(&error);
                log::warn!(target: TARGET, "no notices to the service manager: cannot connect to {}: {error}", name.display());
                Self(None)
            }
        }
    }

    /// The server listens: its manager may start what depends on it. Blocks until the manager has room for the notice, which
    /// it must not miss.
    pub(super) fn ready(&self, notice: &str) {
        if let Some(socket) = &self.0 {
            let _manager_is_gone = socket.send(notice.as_bytes());
        }
    }

    /// Whether a notice can be sent without blocking.
    pub(super) fn has_room(&self) -> bool {
        self.0.as_ref().is_none_or(has_room)
    }

    /// Sends a notice without blocking. If there is no room for it, it is dropped: the manager draws its own conclusions.
    fn send(&self, notice: &str) {
        if let Some(socket) = &self.0 {
            let _dropped = send(socket, notice.as_bytes(), SendFlags::DONTWAIT);
        }
    }
}

/// The notice that this server is ready.
pub(super) fn ready_notice(server: &Server) -> String {
    let addresses: Vec<String> = server
        .local_addrs()
        .iter()
        .map(ToString::to_string)
        .collect();
    format!(
        "READY=1\nSTATUS=serving up to {} connections on {}\n",
        server.max_connections(),
        addresses.join(", ")
    )
}

impl Observer for Notifier {
    const OBSERVES_CALLS: bool = false;

    fn heartbeat(&mut self) {
        self.send("WATCHDOG=1\n");
    }

    fn stopping(&mut self, open: usize) {
        self.send(&format!(
            "STOPPING=1\nSTATUS=stopping: {open} connections open\n"
        ));
    }
}

/// A name that begins with `@` is in the abstract namespace, which only Linux has (unix(7)).
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = name.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?;
        return Ok(socket);
    }
    socket.connect(name)?;
    Ok(socket)
}

/// How often the manager is to be notified that the loop is alive: twice per `WATCHDOG_USEC`, as `sd_watchdog_enabled(3)`
/// recommends. `None` if it does not ask for that, or asks another process (`WATCHDOG_PID`).
pub(super) fn watchdog_interval() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let limit = number("WATCHDOG_USEC").filter(|&limit| limit > 0)?;
    let is_for_us = match env::var_os("WATCHDOG_PID") {
        Some(_) => number("WATCHDOG_PID") == Some(process::id().into()),
        None => true,
    };
    is_for_us.then(|| Duration::from_micros(limit) / 2)
}
