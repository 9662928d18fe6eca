//! `serve --access-log`: a line of JSON for each connection that is over, in both modes.

#[cfg(target_os = "linux")]
use crate::blocking::suppressed_in;
#[cfg(target_os = "linux")]
use crate::harness::child::serve_after;
use crate::harness::{
    Child, Signal, address_in, both_modes, connect, echo_roundtrip, eventually, name_of, peer,
    program, read_to_eof, run,
};
use mio_echo::server::Mode;
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Resource, getrlimit, prlimit};
use serde_json::Value;
use std::fs;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A server that logs to a file, and the file.
struct Logged {
    server: Child,
    address: SocketAddr,
    file: PathBuf,
    _dir: TempDir,
}

impl Logged {
    fn start(mode: Mode) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("access.log");
        let log = file.to_str().unwrap();
        let (server, address) = Child::serve(&["--mode", name_of(mode), "--access-log", log]);
        Self {
            server,
            address,
            file,
            _dir: dir,
        }
    }

    fn stop(self) {
        self.server.signal(Signal::TERM);
        let exit = self.server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    }
}

/// Waits until the log has `count` lines.
fn records(file: &Path, count: usize) -> Vec<Value> {
    let text = || fs::read_to_string(file).unwrap_or_default();
    eventually("the lines are written", || {
        text().matches('\n').count() == count
    });
    let parse = |line| serde_json::from_str(line).expect("each line is an object");
    text().lines().map(parse).collect()
}

fn send(address: SocketAddr, bytes: &[u8]) {
    echo_roundtrip(&connect(address), bytes);
}

#[test]
fn a_connection_that_is_over_has_a_line_with_everything_about_it() {
    both_modes(|mode| {
        let log = Logged::start(mode);
        let stream = connect(log.address);
        echo_roundtrip(&stream, b"seven b");
        assert_eq!(fs::read_to_string(&log.file).unwrap(), "", "it is open");
        let own = stream.local_addr().unwrap().to_string();
        stream.shutdown(Shutdown::Write).unwrap();
        read_to_eof(&stream);
        let record = records(&log.file, 1).remove(0);
        assert_eq!(record["connection"], 1);
        assert_eq!(record["peer"], own.as_str());
        assert_eq!(record["local"], log.address.to_string());
        assert_eq!(record["mode"], name_of(mode));
        assert_eq!(
            (&record["bytes_in"], &record["bytes_out"]),
            (&7.into(), &7.into())
        );
        assert_eq!(record["reason"], "finished");
        assert!(record["duration_ns"].as_u64().unwrap() > 0, "{record}");
        let time = record["time"].as_str().unwrap();
        assert_rfc3339(time);
        log.stop();
    });
}

fn assert_rfc3339(time: &str) {
    let form = time.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(form, "0000-00-00T00:00:00.000Z", "{time}");
}

#[test]
fn a_reset_is_logged_as_the_reason() {
    both_modes(|mode| {
        let log = Logged::start(mode);
        let stream = connect(log.address);
        echo_roundtrip(&stream, b"!");
        peer::reset(stream);
        let record = records(&log.file, 1).remove(0);
        assert_eq!(record["reason"], "connection reset by peer");
        log.stop();
    });
}

#[test]
fn a_hangup_reopens_the_log_and_does_not_stop_the_server() {
    both_modes(|mode| {
        let log = Logged::start(mode);
        send(log.address, b"before");
        assert_eq!(records(&log.file, 1).len(), 1);
        let renamed = log.file.with_extension("1");
        fs::rename(&log.file, &renamed).unwrap();
        log.server.signal(Signal::HUP);
        eventually("the log is there again", || log.file.exists());
        send(log.address, b"after");
        let after = records(&log.file, 1);
        assert_eq!((after.len(), &after[0]["bytes_in"]), (1, &5.into()));
        assert_eq!(records(&renamed, 1)[0]["bytes_in"], 6);
        log.stop();
    });
}

#[test]
fn a_hangup_stops_a_server_that_logs_to_standard_output() {
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--mode", name_of(mode), "--access-log", "-"]);
        send(address, b"before");
        server.signal(Signal::HUP);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

/// The open(2) of a FIFO waits for a reader.
#[test]
fn a_signal_ends_a_server_that_waits_for_a_reader_of_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, fifo) = (dir.path().join("socket"), dir.path().join("fifo"));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let listen = format!("unix:{}", socket.display());
    let arguments = ["serve", "--listen", &listen, "--access-log"];
    let server = Child::spawn(program(&arguments).arg(&fifo));
    eventually("the server listens", || {
        UnixStream::connect(&socket).is_ok()
    });
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, None, "the signal ends it");
}

#[test]
fn a_log_that_cannot_be_reopened_goes_on_in_its_old_file() {
    both_modes(|mode| {
        let log = Logged::start(mode);
        let renamed = log.file.with_extension("1");
        fs::rename(&log.file, &renamed).unwrap();
        fs::create_dir(&log.file).unwrap();
        log.server.signal(Signal::HUP);
        log.server
            .wait_for_log("again, its old file is continued: is a directory");
        send(log.address, b"after");
        assert_eq!(records(&renamed, 1)[0]["bytes_in"], 5);
        log.stop();
    });
}

#[test]
fn an_existing_log_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("access.log");
    fs::write(&file, "{}\n").unwrap();
    let (_server, address) = Child::serve(&["--access-log", file.to_str().unwrap()]);
    send(address, b"!");
    assert_eq!(records(&file, 2)[0], serde_json::json!({}));
}

/// Each write(2) on this device fails with ENOSPC (full(4)).
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_warning_and_the_server_goes_on() {
    both_modes(|mode| {
        let arguments = ["--mode", name_of(mode), "--access-log", "/dev/full"];
        let (server, address) = Child::serve(&arguments);
        for _ in 0..20 {
            send(address, b"served all the same");
        }
        let warning = "a line is lost: cannot write /dev/full: no space left on device";
        server.wait_for_log(warning);
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let logged = exit.stderr.matches(warning).count();
        assert_eq!(logged + suppressed_in(&exit.stderr), 20, "{}", exit.stderr);
    });
}

/// A limit on the size of the file stops a write(2) in the middle of a line (setrlimit(2), `RLIMIT_FSIZE`).
#[cfg(target_os = "linux")]
#[test]
fn a_line_of_which_standard_output_takes_only_a_part_spoils_no_other() {
    both_modes(|mode| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stdout");
        let stdout = File::options().append(true).create(true).open(&file);
        let arguments = ["--mode", name_of(mode), "--access-log", "-"];
        let mut command = serve_after("trap '' XFSZ; ulimit -S -f 1", &arguments);
        let server = Child::spawn(command.stdout(stdout.unwrap()));
        let text = || fs::read_to_string(&file).unwrap();
        eventually("the server listens", || text().contains('\n'));
        let address = address_in(text().lines().next().unwrap());
        eventually("the file is full", || {
            send(address, b"!");
            server.log().contains("a line is lost: cannot write -: ")
        });
        let pid = Pid::from_raw(server.id().parse().unwrap());
        prlimit(pid, Resource::Fsize, getrlimit(Resource::Fsize)).unwrap();
        send(address, b"the first that has room");
        eventually("the line is written", || {
            text().contains("\"bytes_in\":23,")
        });
        let text = text();
        // The torn line has no end, unless another one is behind it.
        let mut ended = text.lines().filter(|line| line.ends_with('}'));
        let is_whole = |line: &str| serde_json::from_str::<Value>(line).is_ok();
        assert!(ended.all(is_whole), "{text}");
    });
}

/// The lines are more than the pipe holds.
#[test]
fn a_log_that_is_not_read_holds_up_neither_connections_nor_a_stop() {
    both_modes(|mode| {
        let (reader, stdout) = io::pipe().unwrap();
        let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--access-log", "-"]);
        let command = command.args(["--mode", name_of(mode)]).stdout(stdout);
        let server = Child::spawn(command);
        let mut lines = BufReader::new(reader).lines();
        let address = address_in(&lines.next().unwrap().unwrap());
        for _ in 0..400 {
            send(address, b"!");
        }
        let first = lines.next().unwrap().unwrap();
        // Of which connection: the threads of two may be late by different times.
        assert!(first.contains("\"bytes_in\":1,"), "{first}");
        server.signal(Signal::TERM);
        // What the pipe does not hold is given up after a moment.
        assert_eq!(server.wait().code, Some(0));
    });
}

#[test]
fn a_log_that_cannot_be_opened_is_one_line_and_code_2() {
    let exit = run(&mut program(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--access-log",
        "/none/such",
    ]));
    let line = "mio-echo: cannot write /none/such: no such file or directory";
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(2), line));
    assert_eq!(exit.text(), "", "it does not listen");
}
