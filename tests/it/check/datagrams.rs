//! `mio-echo check --udp`: our own server keeps every promise, and each check catches a server that breaks it.

use super::command_line::run;
use mio_echo::check::{
    self, CheckPlan, CheckReport, CheckStatus, CheckTarget, Effort, OnFailure, Selection,
};
use mio_echo::measure::load::Transport;
use mio_echo::measure::process::CommandLine;
use std::env;
use std::ffi::OsString;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Long enough for a right server on a busy machine, and what a check of a silent one costs.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Tells the test `serve` to be a server, on this port.
const SERVE: &str = "MIO_ECHO_FAULTY_DATAGRAM_SERVER";

/// Tells it not to wait for datagrams, but to ask for one again and again.
const SPINS: &str = "MIO_ECHO_SPINNING_DATAGRAM_SERVER";

/// How a server treats a datagram of this peer.
type Treat = fn(&UdpSocket, &[u8], SocketAddr);

fn echo(socket: &UdpSocket, message: &[u8], peer: SocketAddr) {
    _ = socket.send_to(message, peer);
}

/// The report of these checks of a server on this address, a thread of this process.
fn checked(
    address: &str,
    names: &[&str],
    mut treat: impl FnMut(&UdpSocket, &[u8], SocketAddr) + Send,
) -> CheckReport {
    let socket = UdpSocket::bind(address).unwrap();
    let step = Some(Duration::from_millis(20));
    socket.set_read_timeout(step).unwrap();
    let port = socket.local_addr().unwrap().port();
    let target = CheckTarget::Running(format!("127.0.0.1:{port}").parse().unwrap());
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = vec![0; 1 << 16];
            while !is_done.load(Ordering::Relaxed) {
                if let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                    treat(&socket, &buffer[..length], peer);
                }
            }
        });
        let report = report(target, names);
        is_done.store(true, Ordering::Relaxed);
        report
    })
}

fn report(target: CheckTarget, names: &[&str]) -> CheckReport {
    let selection = Selection {
        transport: Transport::Datagrams,
        only: names.iter().map(|&name| name.to_owned()).collect(),
        ..Selection::default()
    };
    let plan = CheckPlan {
        name: "server".to_owned(),
        target,
        transport: Transport::Datagrams,
        checks: selection.checks().unwrap(),
        effort: Effort::Quick,
        time: None,
        timeout: TIMEOUT,
        on_failure: OnFailure::Continue,
    };
    check::run(&plan, &AtomicBool::new(false), |_, _| {}).unwrap()
}

/// Expects these failures and no others: names, and words of the symptoms.
fn assert_failed(report: &CheckReport, failures: &[(&str, &str)]) {
    let failed: Vec<&str> = report.failures().map(|it| it.check.name).collect();
    let expected: Vec<&str> = failures.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, expected, "{report:#?}");
    for (result, (_, words)) in report.failures().zip(failures) {
        let symptom = match &result.status {
            CheckStatus::Failed { symptom, .. } => symptom,
            _ => "",
        };
        assert!(symptom.contains(words), "{result:?}");
    }
}

#[test]
#[cfg(feature = "udp")]
fn our_own_server_keeps_the_promises_of_datagrams_in_both_modes() {
    let quick = [
        "--udp",
        "--timeout",
        "60s",
        "--json",
        "-",
        "--skip",
        "datagram-idle-cpu,datagram-flight",
    ];
    let output = run(&quick);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    let servers = document["servers"].as_array().unwrap();
    let names: Vec<_> = servers.iter().map(|server| &server["server"]).collect();
    assert_eq!(names, ["event-loop (UDP)", "threads (UDP)"]);
    for server in servers {
        let results = server["results"].as_array().unwrap();
        assert_eq!(results.len(), check::DATAGRAM_CHECKS.len() - 2);
        let loops = results.iter().find(|it| it["name"] == "datagram-loop");
        let finding = loops.unwrap()["measured"].as_str().unwrap();
        assert!(finding.starts_with("no reply to port "), "{finding}");
    }
}

#[test]
fn a_plain_server_fails_only_what_needs_a_guard() {
    let report = checked("127.0.0.1:0", &[], echo);
    assert_failed(
        &report,
        &[("datagram-loop", "replies to a datagram from port ")],
    );
    let skipped = ["datagram-idle-cpu", "datagram-stop"];
    for result in &report.results {
        let is_skipped = matches!(result.status, CheckStatus::NotApplicable { .. });
        assert_eq!(
            is_skipped,
            skipped.contains(&result.check.name),
            "{result:?}"
        );
    }
}

#[test]
fn a_reply_from_another_address_than_the_one_that_was_asked_is_found() {
    let report = checked("0.0.0.0:0", &["datagram-address"], echo);
    assert_failed(
        &report,
        &[("datagram-address", "asked on 127.0.0.2: no reply")],
    );
}

#[test]
fn a_datagram_that_is_altered_cut_or_ignored_is_found() {
    let alters: Treat = |socket, message, peer| {
        let mut message = message.to_vec();
        message
            .iter_mut()
            .skip(600)
            .take(1)
            .for_each(|byte| *byte ^= 1);
        echo(socket, &message, peer);
    };
    let failures = [
        ("datagram-sizes", "1,472 bytes: byte 600 differs"),
        ("datagram-bytes", "byte 600 differs"),
    ];
    assert_failed(
        &checked("127.0.0.1:0", &failures.map(|(name, _)| name), alters),
        &failures,
    );
    let cuts: Treat =
        |socket, message, peer| echo(socket, &message[..message.len().min(1024)], peer);
    let failures = [(
        "datagram-sizes",
        "1,472 bytes: of 1,472 bytes sent, 1,024 bytes came back",
    )];
    assert_failed(
        &checked("127.0.0.1:0", &["datagram-sizes"], cuts),
        &failures,
    );
    let ignores: Treat = |socket, message, peer| {
        if !message.is_empty() {
            echo(socket, message, peer);
        }
    };
    let failures = [(
        "datagram-sizes",
        "0 bytes: no reply to a datagram of 0 bytes, sent 3 times",
    )];
    assert_failed(
        &checked("127.0.0.1:0", &["datagram-sizes"], ignores),
        &failures,
    );
}

#[test]
fn a_second_reply_is_found() {
    let twice: Treat = |socket, message, peer| {
        echo(socket, message, peer);
        echo(socket, message, peer);
    };
    let failures = [
        ("datagram-once", "a second reply to a datagram of 64 bytes"),
        ("datagram-flight", "came back twice"),
    ];
    assert_failed(
        &checked("127.0.0.1:0", &failures.map(|(name, _)| name), twice),
        &failures,
    );
}

#[test]
fn datagrams_that_are_joined_or_sent_to_another_client_are_found() {
    let mut kept = Vec::new();
    let report = checked(
        "127.0.0.1:0",
        &["datagram-boundaries"],
        |socket, message, peer| {
            // The first datagram is that with which the check looks for the server.
            kept.extend_from_slice(message);
            if message.len() < 3 || kept.len() > 100 {
                echo(socket, &kept, peer);
                kept.clear();
            }
        },
    );
    assert_failed(
        &report,
        &[("datagram-boundaries", "bytes came back that was not sent")],
    );
    let mut before = None;
    let report = checked(
        "127.0.0.1:0",
        &["datagram-clients"],
        |socket, message, peer| {
            echo(socket, message, before.replace(peer).unwrap_or(peer));
        },
    );
    assert_failed(&report, &[("datagram-clients", " of 20: byte 0 differs")]);
}

#[test]
fn a_loss_is_reported_and_breaks_no_promise() {
    let mut count = 0;
    let report = checked(
        "127.0.0.1:0",
        &["datagram-flight"],
        |socket, message, peer| {
            count += 1;
            if count % 50 != 0 {
                echo(socket, message, peer);
            }
        },
    );
    let CheckStatus::Passed {
        measured: Some(finding),
    } = &report.results[0].status
    else {
        panic!("{report:#?}");
    };
    assert!(finding.ends_with(" of 200 were lost"), "{finding}");
    let report = checked(
        "127.0.0.1:0",
        &["datagram-flight"],
        |socket, message, peer| {
            if message == b"?\n" {
                echo(socket, message, peer);
            }
        },
    );
    assert_failed(
        &report,
        &[("datagram-flight", "none of 200 datagrams came back")],
    );
}

#[test]
#[ignore = "a server for the next tests, which start it as a process"]
fn serve() {
    let Ok(port) = env::var(SERVE) else { return };
    let socket = UdpSocket::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    let spins = env::var_os(SPINS).is_some();
    socket.set_nonblocking(spins).unwrap();
    let mut buffer = [0; 2048];
    loop {
        if let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            echo(&socket, &buffer[..length], peer);
        }
    }
}

/// The report of one check of the test `serve`, which a shell starts after this `setup`.
fn checked_process(setup: &str, name: &str) -> CheckReport {
    let program = env::current_exe().unwrap().into_os_string();
    let script = format!(r#"{setup} {SERVE}={{port}} exec "$0" "$@""#);
    let arguments = [
        "check::datagrams::serve",
        "--exact",
        "--ignored",
        "--nocapture",
    ];
    let words = [OsString::from("-c"), script.into(), program].into_iter();
    let command = CommandLine::new("sh", words.chain(arguments.map(OsString::from)));
    report(CheckTarget::Command(command), &[name])
}

#[test]
fn a_process_that_spins_is_found() {
    let report = checked_process(&format!("{SPINS}=1"), "datagram-idle-cpu");
    assert_failed(&report, &[("datagram-idle-cpu", "% of a core")]);
}

#[test]
fn a_process_that_ignores_sigterm_is_found() {
    let report = checked_process(r#"trap "" TERM;"#, "datagram-stop");
    assert_failed(&report, &[("datagram-stop", "the server does not end")]);
}

#[test]
fn levels_are_of_tcp_and_a_silent_address_is_no_server() {
    let output = run(&["--udp", "--level", "1"]);
    assert_eq!(output.status.code(), Some(2));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let output = run(&["--udp", &address, "--timeout", "200ms"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    let expected = format!("no reply to a datagram from {address} (timed out)");
    assert!(error.contains(&expected), "{error}");
}
