//! Unix sockets to listen on, and their files.
//!
//! bind(2) creates the file of a Unix socket, and only unlink(2) removes it: a process that is killed leaves its file
//! behind, and the next bind(2) fails. Such a stale file is replaced. A file of another kind, or one on which a server
//! answers, is not. Names in the abstract namespace have no file, and end with their socket (unix(7)).
//!
//! Finding a file stale and removing it are two steps, and a socket that is bound but does not listen yet looks stale.
//! Servers that start in the same directory therefore take turns: each locks the directory until its socket listens.

use crate::text::address::UnixName;
use crate::text::os_error;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, File, Metadata, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for other servers that start in the same directory. Each needs less than a millisecond.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// The file of a listening socket. Removed when this is dropped, unless the path then leads to another file.
///
/// It must be dropped before the socket: as long as the socket is open, no other file can have its inode number.
#[derive(Debug)]
pub struct SocketFile {
    path: Arc<Path>,
    device: u64,
    inode: u64,
}

/// Binds and listens. A stale file is replaced; the new one gets the permissions `mode`, or what the umask leaves. The
/// listener is non-blocking.
///
/// # Errors
///
/// The name is in use, the file is not one that may be replaced, or the directory does not permit a file.
pub fn listen_on_unix_socket(
    name: &UnixName,
    mode: Option<u32>,
    backlog: u16,
) -> io::Result<(UnixListener, Option<SocketFile>)> {
    let socket = stream_socket()?;
    let address = name.to_sockaddr()?;
    // Until the socket listens.
    let mut turn = None;
    let file = match name {
        UnixName::Path(path) => {
            turn = take_turn(path);
            bind(&socket, &address, path)?;
            let file = SocketFile::at(path)?;
            // Nothing can connect before listen(2), so it does no harm that the file has other permissions until here.
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
    drop(turn);
    Ok((socket.into(), file))
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
/// The file is not a socket, a server answers on it, or connect(2) does not show whether one does. The file is unchanged.
fn remove_if_stale(address: &SockAddr, path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        let reason = "the file exists and is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
    }
    // On other systems, a server whose backlog is full refuses connections too.
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

/// Locks the directory of a socket (flock(2)), for as long as the returned file is open.
///
/// `None` where that is not possible, or where the lock is held for longer than any server needs it: the lock only orders
/// servers that start at once, so nothing is allowed to keep one from starting.
fn take_turn(path: &Path) -> Option<File> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(parent.unwrap_or(Path::new("."))).ok()?;
    let deadline = Instant::now() + LONGEST_TURN;
    loop {
        match directory.try_lock() {
            Ok(()) => return Some(directory),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(_) => return None,
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

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use std::sync::Barrier;

    /// Binds and does not listen, as a server that has just been killed would leave it.
    #[cfg(target_os = "linux")]
    fn leave_stale_file(name: &UnixName) {
        let socket = stream_socket().unwrap();
        socket.bind(&name.to_sockaddr().unwrap()).unwrap();
    }

    /// Elsewhere, no file is replaced.
    #[cfg(target_os = "linux")]
    #[test]
    fn of_servers_that_start_at_once_on_a_stale_file_one_listens_and_stays_reachable() {
        const SERVERS: usize = 4;
        let directory = tempfile::tempdir().unwrap();
        let path: Arc<Path> = directory.path().join("echo").into();
        let name = UnixName::Path(path);
        for round in 0..50 {
            leave_stale_file(&name);
            let start = Barrier::new(SERVERS);
            let started: Vec<_> = thread::scope(|scope| {
                let start_one = || {
                    start.wait();
                    listen_on_unix_socket(&name, None, 16)
                };
                let servers = [(); SERVERS].map(|()| scope.spawn(start_one));
                servers.map(|server| server.join().unwrap()).into()
            });
            let (listening, refused): (Vec<_>, Vec<_>) =
                started.into_iter().partition(Result::is_ok);
            assert_eq!(listening.len(), 1, "round {round}: {refused:?}");
            for refused in refused {
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::AddrInUse);
            }
            let connected = stream_socket()
                .unwrap()
                .connect(&name.to_sockaddr().unwrap());
            assert!(connected.is_ok(), "round {round}: {connected:?}");
            for server in listening {
                let (_listener, file) = server.unwrap();
                drop(file);
            }
            let left = fs::read_dir(directory.path()).unwrap().count();
            assert_eq!(left, 0, "the socket is removed");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_a_file_on_which_no_server_answers_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path: Arc<Path> = directory.path().join("echo").into();
        let name = UnixName::Path(Arc::clone(&path));
        let refusal = || {
            let error = listen_on_unix_socket(&name, None, 0).unwrap_err();
            assert!(path.exists(), "it is left alone");
            (error.kind(), error.to_string())
        };
        let answers = (ErrorKind::AddrInUse, "a server answers on it".to_owned());

        // A server, at first with room in its backlog, then without.
        let (server, _file) = listen_on_unix_socket(&name, None, 0).unwrap();
        assert_eq!(refusal(), answers);
        let address = name.to_sockaddr().unwrap();
        while stream_socket().unwrap().connect(&address).is_ok() {}
        assert_eq!(refusal(), answers);
        drop(server);

        // A socket of another type, so that connect(2) fails for a reason of its own.
        fs::remove_file(&path).unwrap();
        let datagrams = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
        datagrams.bind(&address).unwrap();
        let (_, reason) = refusal();
        assert!(
            reason.contains("unknown: protocol wrong type for socket"),
            "{reason}"
        );

        // A regular file, and a path below it.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        assert_eq!(refusal().0, ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        let nowhere: Arc<Path> = path.join("echo").into();
        let error = listen_on_unix_socket(&UnixName::Path(nowhere), None, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADirectory);
    }

    #[test]
    fn servers_that_start_in_one_directory_take_turns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("echo");
        let turn = take_turn(&path).unwrap();
        thread::scope(|scope| {
            let next = scope.spawn(|| take_turn(&path).map(|_turn| Instant::now()));
            // Time in which it could come too soon.
            thread::sleep(LONGEST_TURN / 20);
            let over = Instant::now();
            drop(turn);
            assert!(next.join().unwrap().unwrap() >= over);
        });
    }

    #[test]
    fn a_directory_that_another_program_keeps_locked_does_not_prevent_a_start() {
        let directory = tempfile::tempdir().unwrap();
        let locked = File::open(directory.path()).unwrap();
        locked.lock().unwrap();
        let path: Arc<Path> = directory.path().join("echo").into();
        assert!(take_turn(&path).is_none());
        let (_listener, _file) = listen_on_unix_socket(&UnixName::Path(path), None, 16).unwrap();
    }
}
