//! A fault that ends the server: its poll is broken.

use super::injection::{Injection, Threads, can_inject_or_skip};
use crate::harness::{Child, both_modes, connect, echo_roundtrip, name_of};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A FIFO with a reader that does not read, and no room.
fn full_fifo(path: &Path) -> File {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(nonblocking);
    let mut fifo = options.open(path).unwrap();
    while fifo.write(&[b'\n'; 4096]).is_ok() {}
    fifo
}

/// The last lines cannot be written here, and only a server that waits for them can report that.
#[test]
fn a_server_that_fails_finishes_its_access_log_and_statistics() {
    if !can_inject_or_skip() {
        return;
    }
    both_modes(|mode| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        let _reader = full_fifo(&path);
        let path = path.to_str().unwrap();
        let options = ["--access-log", path, "--stats-json", path];
        let interval = ["--stats-interval", "100ms", "-v", "--mode", name_of(mode)];
        let (server, address) = Child::serve(&[&options[..], &interval].concat());
        echo_roundtrip(&connect(address), b"logged");
        server.wait_for_log("disconnected");
        server.wait_for_log("statistics: connections 1, open 0");
        let calls = "?epoll_wait,epoll_pwait:error=EBADF";
        let _injection = Injection::start(&server, Threads::Main, calls);
        let exit = server.wait();
        assert_eq!(exit.code, Some(1), "{}", exit.stderr);
        for line in [
            "the server failed: bad file descriptor",
            "access log: the last lines could not be written in time",
            &format!("the statistics are incomplete: cannot write {path}: timed out"),
        ] {
            assert!(exit.stderr.contains(line), "{}", exit.stderr);
        }
    });
}
