//! Unix sockets: the same promises as over TCP, and the file.

use crate::harness::child::serve_after;
use crate::harness::{
    Child, Signal, assert_same, both_modes, eventually, name_of, pattern, program, run,
};
use mio_echo::server::Mode;
use socket2::SockAddr;
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// How long a read or a write may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// An empty directory, and the path of a socket in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("echo");
    (directory, path)
}

fn endpoint(path: &Path) -> String {
    format!("unix:{}", path.display())
}

fn serve(mode: Mode, path: &Path, arguments: &[&str]) -> Child {
    let endpoint = endpoint(path);
    let command = ["serve", "--mode", name_of(mode), "--listen", &endpoint];
    let server = Child::spawn(&mut program(&[&command, arguments].concat()));
    assert_eq!(
        server.next_line().trim_end(),
        format!("listening on {endpoint}")
    );
    server
}

fn stop(server: Child) {
    server.signal(Signal::TERM);
    let exit = server.wait_within(DEADLINE);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}

fn with_deadline(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn connect(path: &Path) -> UnixStream {
    with_deadline(UnixStream::connect(path).unwrap())
}

/// Sends a mebibyte and ends the input, while it reads to the end of the echo.
fn assert_echo(stream: &UnixStream) {
    let bytes = pattern(1 << 20);
    let mut echoed = Vec::new();
    thread::scope(|scope| {
        let (mut input, mut output, bytes) = (stream, stream, &bytes);
        scope.spawn(move || {
            input.write_all(bytes).unwrap();
            input.shutdown(Shutdown::Write).unwrap();
        });
        output.read_to_end(&mut echoed).unwrap();
    });
    assert_same(&echoed, &bytes);
}

/// Runs a command that must not start. Returns its error.
fn refused(arguments: &[&str]) -> String {
    let exit = run(&mut program(arguments));
    assert_eq!(exit.code, Some(2), "{}", exit.stderr);
    exit.stderr
}

fn refused_at(path: &Path) -> String {
    let error = refused(&["serve", "--listen", &endpoint(path)]);
    let bind = format!("cannot bind {}: ", endpoint(path));
    assert!(
        error.contains(&bind) && error.lines().count() == 1,
        "{error}"
    );
    error
}

#[test]
fn every_byte_comes_back_after_a_half_close_and_the_file_is_removed_at_the_stop() {
    both_modes(|mode| {
        let (_directory, path) = place();
        let server = serve(mode, &path, &["-v"]);
        assert_echo(&connect(&path));
        server.wait_for_log("#1 unix (unnamed) connected");
        let named = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let named = named.unwrap();
        let own_path = path.with_file_name("client");
        named.bind(&SockAddr::unix(&own_path).unwrap()).unwrap();
        named.connect(&SockAddr::unix(&path).unwrap()).unwrap();
        assert_echo(&with_deadline(named.into()));
        server.wait_for_log(&format!("#2 {} connected", endpoint(&own_path)));
        stop(server);
        assert!(!path.exists());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_in_the_abstract_namespace_needs_no_file() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    both_modes(|mode| {
        let (directory, _path) = place();
        // The directory is unique on this machine.
        let name = directory.path().display().to_string();
        let path = PathBuf::from(format!("@{name}"));
        let server = serve(mode, &path, &[]);
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        assert_echo(&with_deadline(UnixStream::connect_addr(&address).unwrap()));
        let second = refused_at(&path);
        assert!(second.ends_with("address already in use"), "{second}");
        stop(server);
    });
}

#[test]
fn the_file_of_a_killed_server_is_replaced() {
    both_modes(|mode| {
        let (_directory, path) = place();
        let killed = serve(mode, &path, &[]);
        killed.signal(Signal::KILL);
        assert_eq!(killed.wait_within(DEADLINE).code, None);
        assert!(path.exists());
        let _server = serve(mode, &path, &[]);
        assert_echo(&connect(&path));
    });
}

#[test]
fn a_socket_on_which_a_server_answers_is_left_to_it() {
    let (_directory, path) = place();
    let _server = serve(Mode::EventLoop, &path, &[]);
    let inode = fs::metadata(&path).unwrap().ino();
    let error = refused_at(&path);
    assert!(error.ends_with("a server answers on it"), "{error}");
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    assert_echo(&connect(&path));
}

#[test]
fn a_file_that_is_not_a_socket_is_left_as_it_is() {
    let (_directory, path) = place();
    fs::write(&path, "precious").unwrap();
    let link = path.with_file_name("link");
    symlink(&path, &link).unwrap();
    for path in [&path, &link] {
        let error = refused_at(path);
        assert!(error.ends_with("is not a socket"), "{error}");
    }
    assert_eq!(fs::read_to_string(&link).unwrap(), "precious");
}

#[test]
fn a_file_that_has_taken_the_place_of_the_socket_outlives_the_server() {
    both_modes(|mode| {
        let (_directory, path) = place();
        let server = serve(mode, &path, &[]);
        fs::rename(&path, path.with_file_name("moved")).unwrap();
        fs::write(&path, "another").unwrap();
        stop(server);
        assert_eq!(fs::read_to_string(&path).unwrap(), "another");
    });
}

#[test]
fn a_server_that_cannot_start_leaves_no_file() {
    let (_directory, path) = place();
    let (socket, directory) = (endpoint(&path), endpoint(path.parent().unwrap()));
    refused(&["serve", "--listen", &socket, "--listen", &directory]);
    assert!(!path.exists());
}

#[test]
fn the_mode_of_the_file_is_that_of_the_option_or_of_the_umask() {
    let (_directory, path) = place();
    let mode_with = |arguments: &[&str]| {
        let listen = ["--listen", &endpoint(&path)];
        let server = Child::spawn(&mut serve_after(
            "umask 027",
            &[&listen, arguments].concat(),
        ));
        // The harness listens on TCP too.
        server.next_line();
        server.next_line();
        let file = fs::symlink_metadata(&path).unwrap();
        assert!(file.file_type().is_socket());
        stop(server);
        file.permissions().mode() & 0o7777
    };
    assert_eq!(mode_with(&[]), 0o750);
    assert_eq!(mode_with(&["--socket-mode", "0660"]), 0o660);
    assert_eq!(mode_with(&["--socket-mode", "777"]), 0o777);
}

#[test]
fn the_client_sends_messages_standard_input_and_pings() {
    let (_directory, path) = place();
    let _server = serve(Mode::EventLoop, &path, &[]);
    let endpoint = endpoint(&path);
    let messages = run(&mut program(&["client", &endpoint, "one", "two"]));
    assert_eq!((messages.code, messages.text()), (Some(0), "one\ntwo"));

    let bytes = pattern(1 << 20);
    let client = Child::spawn_with_input(&mut program(&["client", &endpoint]));
    let exit = client.finish(bytes.clone());
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert_same(&exit.stdout, &bytes);

    let ping = ["client", "--count", "2", "--interval", "0s", &endpoint];
    let pings = run(&mut program(&ping));
    assert_eq!(pings.code, Some(0), "{}", pings.stderr);
    let first = format!("echo 1 from {endpoint}: ");
    assert!(pings.text().starts_with(&first), "{}", pings.text());
}

#[test]
fn a_client_without_a_server_names_the_socket() {
    let (_directory, path) = place();
    let error = refused(&["client", &endpoint(&path), "hi"]);
    assert!(
        error.contains(&format!("{} (no such file", endpoint(&path))),
        "{error}"
    );
}

/// There is no RST on a Unix socket. On Linux, unread input at the close is an error at the other end.
#[cfg(target_os = "linux")]
#[test]
fn a_reset_with_unread_input_is_reported_to_the_peer() {
    both_modes(|mode| {
        let (_directory, path) = place();
        let _server = serve(mode, &path, &["--reset-after", "4KiB"]);
        let mut peer = connect(&path);
        // More than the server reads before the reset, and less than the buffers hold.
        peer.write_all(&pattern(96 << 10)).unwrap();
        let end = peer.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_a_unix_socket_does_not_have_is_refused() {
    for (arguments, reason) in [
        (&["serve", "--listen", "unix:"][..], "path after unix:"),
        (
            &["serve", "--socket-mode", "0660"],
            "the file of a Unix socket",
        ),
        (
            &["serve", "--socket-mode", "0888"],
            "octal number up to 0777",
        ),
        (
            &["serve", "--socket-mode", "1777"],
            "octal number up to 0777",
        ),
        (&["client", "--udp", "unix:/x", "hi"], "no IP address"),
        (&["client", "-4", "unix:/x", "hi"], "the family asked for"),
        (
            &["client", "--bind", "::1", "unix:/x"],
            "the family asked for",
        ),
    ] {
        let error = refused(arguments);
        assert!(error.contains(reason), "{error}");
    }
    #[cfg(feature = "udp")]
    {
        let (_directory, path) = place();
        let error = refused(&["serve", "--udp", "--listen", &endpoint(&path)]);
        assert!(error.contains("no port for UDP"), "{error}");
        assert!(!path.exists());
    }
}

#[cfg(feature = "measure")]
#[test]
fn bench_measures_and_check_tests_a_server_on_a_unix_socket() {
    let (_directory, path) = place();
    let _server = serve(Mode::EventLoop, &path, &[]);
    let endpoint = endpoint(&path);
    for pattern in ["echo", "churn"] {
        let load = [
            "--pattern",
            pattern,
            "--messages",
            "500",
            "--connections",
            "3",
        ];
        let exit = run(&mut program(
            &[&["bench", &endpoint, "--warmup", "0s"][..], &load].concat(),
        ));
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let target = format!("to {endpoint}");
        assert!(exit.text().contains(&target), "{}", exit.text());
        assert!(
            exit.text().contains("every byte verified"),
            "{}",
            exit.text()
        );
    }
    let check = [
        "check",
        &endpoint,
        "--only",
        "half-close,fin-with-data,urgent-data",
    ];
    let exit = run(&mut program(&check));
    assert_eq!(exit.code, Some(0), "{}", exit.text());
    let summary = "2 passed, 1 not applicable";
    assert!(exit.text().contains(summary), "{}", exit.text());
}

/// A server that is started gets a path of its own, in a directory that is removed after it.
#[cfg(feature = "measure")]
#[test]
fn check_and_compare_start_servers_on_unix_sockets() {
    use crate::harness::{PROGRAM, in_some_attempt};
    let temporary = tempfile::tempdir().unwrap();
    let run_in = |arguments: &[&str]| {
        let exit = run(program(arguments).env("TMPDIR", temporary.path()));
        let left = fs::read_dir(temporary.path()).unwrap().count();
        assert_eq!(left, 0, "{}{}", exit.text(), exit.stderr);
        match exit.code {
            Some(0) => Ok(exit.text().to_owned()),
            _ => Err(exit.text().to_owned() + &exit.stderr),
        }
    };
    let serve = format!("{PROGRAM} serve --listen unix:{{socket}}");
    let words: Vec<&str> = serve.split(' ').collect();
    let check = ["check", "--only", "half-close,stop-without-loss", "--"];
    let checked = in_some_attempt(|| run_in(&[&check, words.as_slice()].concat()));
    assert!(checked.contains("2 passed"), "{checked}");

    let contender = format!("unix={serve}");
    let brief = [
        "--duration=50ms",
        "--warmup=0s",
        "--connections=1",
        "--rate=max",
        "--rounds=1",
    ];
    let compare = [&["compare", &contender][..], &brief].concat();
    let compared = in_some_attempt(|| run_in(&compare));
    assert!(compared.contains("unix"), "{compared}");
}

/// A read ends behind the bytes that came with a descriptor, however many bytes are behind them.
#[cfg(target_os = "linux")]
#[test]
fn bytes_that_come_with_descriptors_are_echoed_before_the_peer_reads() {
    const MESSAGES: usize = 20;
    both_modes(|mode| {
        let (_directory, path) = place();
        let server = serve(mode, &path, &[]);
        let stream = connect(&path);
        // While the server is stopped, all of them arrive, so that no event separates them.
        server.suspend();
        for _ in 0..MESSAGES {
            send_with_descriptor(&stream, b"!");
        }
        server.signal(Signal::CONT);
        eventually("everything is echoed", || {
            rustix::io::ioctl_fionread(&stream).unwrap() == MESSAGES as u64
        });
        drop(stream);
        stop(server);
    });
}

#[cfg(target_os = "linux")]
fn send_with_descriptor(stream: &UnixStream, bytes: &[u8]) {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::os::fd::AsFd;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptor = [stream.as_fd()];
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptor)));
    let data = [std::io::IoSlice::new(bytes)];
    let sent = sendmsg(stream, &data, &mut ancillary, SendFlags::empty()).unwrap();
    assert_eq!(sent, bytes.len());
}
