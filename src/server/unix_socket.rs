//! Unix sockets to listen on, and their files.
//!
//! bind(2) creates the file of a Unix socket, and only unlink(2) removes it: a process that is killed leaves its file
//! behind, and the next bind(2) fails. Such a stale file is replaced, but no other: not one of another kind, and not one
//! on which a server answers. Names in the abstract namespace have no file, and end with their socket (unix(7)).

use crate::text::address::UnixName;
use crate::text::os_error;
use mio::net::UnixListener;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// The file of a listening socket. Removed when this is dropped, unless the path leads to another file by then.
///
/// To be dropped before the socket: as long as that is open, no other file can have its inode number.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: Arc<Path>,
    device: u64,
    inode: u64,
}

/// Binds and listens. A stale file is replaced; the new one gets the permissions `mode`, or what the umask leaves.
///
/// # Errors
///
/// The name is in use, the file is not one that may be replaced, or the directory does not permit a file.
pub(super) fn listen(
    name: &UnixName,
    mode: Option<u32>,
    backlog: u16,
) -> io::Result<(UnixListener, Option<SocketFile>)> {
    let socket = stream_socket()?;
    let address = name.to_sockaddr()?;
    let file = match name {
        UnixName::Path(path) => {
            bind(&socket, &address, path)?;
            let file = SocketFile::at(path)?;
            // Nothing can connect before listen(2), so a file that is more open than it is to be is no harm.
            if let Some(mode) = mode {
                fs::set_permissions(path, Permissions::from_mode(mode))?;
            }
            Some(file)
        }
        UnixName::Abstract(_) | UnixName::Unnamed => {
            socket.bind(&address)?;
            None
        }
    };
    socket.listen(backlog.into())?;
    Ok((UnixListener::from_std(socket.into()), file))
}

fn stream_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bind(socket: &Socket, address: &SockAddr, path: &Path) -> io::Result<()> {
    match socket.bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_if_stale(address, path)?;
            socket.bind(address)
        }
        bound => bound,
    }
}

/// Removes the file of a socket that nothing listens on: connect(2) reports ECONNREFUSED.
///
/// # Errors
///
/// The file is not a socket, a server answers on it, or connect(2) does not tell; then the file is left as it is.
fn remove_if_stale(address: &SockAddr, path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        let reason = "the file exists and is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
    }
    // Elsewhere, a server whose backlog is full refuses too.
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        let reason = "the file exists; remove it if no server uses it";
        return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
    }
    match stream_socket()?.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        // The backlog of a server is full: it answers, but not now.
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            let error = os_error::describe(&error);
            let reason =
                format!("the file exists, and whether a server answers on it is unknown: {error}");
            Err(io::Error::other(reason))
        }
        Ok(()) | Err(_) => {
            let reason = "a server answers on it";
            Err(io::Error::new(ErrorKind::AddrInUse, reason))
        }
    }
}

impl SocketFile {
    fn at(path: &Arc<Path>) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self {
            path: Arc::clone(path),
            device: file.dev(),
            inode: file.ino(),
        })
    }

    fn is(&self, file: &Metadata) -> bool {
        (file.dev(), file.ino()) == (self.device, self.inode)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| self.is(&file))
            && let Err(error) = fs::remove_file(&self.path)
        {
            let (path, error) = (self.path.display(), os_error::describe(&error));
            log::warn!(target: "mio_echo", "cannot remove the socket file {path}: {error}");
        }
    }
}
