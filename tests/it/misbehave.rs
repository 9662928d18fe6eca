//! `serve --delay …`: a server misbehaves as it is asked to, in both modes, and only so.

use crate::harness::peer::{fill_until_quiet, has_echo};
use crate::harness::{
    Child, Signal, TestServer, assert_same, both_modes, connect, echo_roundtrip, in_some_attempt,
    more_than_buffers_hold, name_of, pattern, program, read, read_to_eof,
};
use mio_echo::server::{Config, Delay, Fault, Misbehaviour, Mode, Stats, WithProbability};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

#[expect(clippy::unnecessary_wraps, reason = "settings are options")]
fn always<T>(value: T) -> Option<WithProbability<T>> {
    Some(WithProbability {
        value,
        probability: 1.0,
    })
}

fn delay(mean: Duration) -> Misbehaviour {
    Misbehaviour {
        delay: always(Delay {
            mean,
            jitter: Duration::ZERO,
        }),
        ..Misbehaviour::default()
    }
}

fn start(mode: Mode, misbehaviour: &Misbehaviour) -> TestServer {
    start_with(mode, misbehaviour, |_| {})
}

fn start_with(
    mode: Mode,
    misbehaviour: &Misbehaviour,
    adjust: impl FnOnce(&mut Config),
) -> TestServer {
    TestServer::start(mode, |config| {
        config.misbehaviour = Some(misbehaviour.clone());
        adjust(config);
    })
}

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

#[test]
fn each_message_is_delayed_and_does_not_wait_for_those_before() {
    const DELAY: Duration = Duration::from_millis(150);
    const MESSAGES: u32 = 100;
    both_modes(|mode| {
        let server = start(mode, &delay(DELAY));
        let mut peer = connect(server.address);
        let begin = Instant::now();
        let sent: Vec<Instant> = (0..MESSAGES)
            .map(|_| {
                thread::sleep(MILLISECOND);
                let now = Instant::now();
                peer.write_all(b"ping").unwrap();
                now
            })
            .collect();
        for sent in &sent {
            assert_eq!(read(&peer, 4), b"ping");
            assert!(sent.elapsed() >= DELAY, "{:?}", sent.elapsed());
        }
        // If each waited for the echo of the one before, they would take longer.
        assert!(begin.elapsed() < MESSAGES * DELAY);
    });
}

#[test]
fn delayed_chunked_and_throttled_bytes_are_the_same_bytes() {
    both_modes(|mode| {
        let misbehaviour = Misbehaviour {
            delay: always(Delay {
                mean: 5 * MILLISECOND,
                jitter: 5 * MILLISECOND,
            }),
            chunk: always(1..=700),
            throttle: always(NonZeroU64::new(4_000_000).unwrap()),
            ..Misbehaviour::default()
        };
        let server = start_with(mode, &misbehaviour, |config| config.read_buffer = 10_000);
        let bytes = pattern(200_000);
        let peer = connect(server.address);
        echo_roundtrip(&peer, &bytes);
        // The FIN comes behind the delayed bytes.
        (&peer).write_all(&bytes[..5000]).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        assert_same(&read_to_eof(&peer), &bytes[..5000]);
        let stats = server.stop();
        assert!(stats.errors.is_empty(), "{stats}");
        let counts = &misbehaviour.counts;
        assert_eq!(counts.to_string(), "1 delayed, 1 chunked, 1 throttled");
    });
}

#[test]
fn a_throttled_connection_gets_its_rate() {
    both_modes(|mode| {
        let misbehaviour = Misbehaviour {
            throttle: always(NonZeroU64::new(100_000).unwrap()),
            ..Misbehaviour::default()
        };
        let server = start(mode, &misbehaviour);
        in_some_attempt(|| {
            let peer = connect(server.address);
            let begin = Instant::now();
            echo_roundtrip(&peer, &pattern(40_000));
            let took = begin.elapsed();
            assert!(took > 380 * MILLISECOND, "{took:?}");
            if took < 2000 * MILLISECOND {
                Ok(())
            } else {
                Err(format!("40,000 bytes took {took:?}"))
            }
        });
    });
}

#[test]
fn backpressure_holds_while_bytes_are_delayed() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let server = start_with(mode, &delay(HOUR), |config| {
            config.drain_timeout = Duration::ZERO;
        });
        // What was sent is in the buffers of the kernel, or this fails.
        fill_until_quiet(&connect(server.address), bytes);
        let stats = server.stop();
        let most = 2 * Config::default().read_buffer as u64;
        assert!(stats.bytes_in <= most, "{stats}");
    });
}

#[test]
fn an_idle_timeout_does_not_end_a_connection_with_delayed_bytes() {
    both_modes(|mode| {
        let server = start_with(mode, &delay(400 * MILLISECOND), |config| {
            config.idle_timeout = Some(100 * MILLISECOND);
        });
        echo_roundtrip(&connect(server.address), b"still here");
    });
}

#[test]
fn a_stop_delivers_delayed_bytes_before_its_fin() {
    both_modes(|mode| {
        let server = start(mode, &delay(300 * MILLISECOND));
        let mut peer = connect(server.address);
        echo_roundtrip(&peer, b"!");
        peer.write_all(b"delayed").unwrap();
        thread::sleep(50 * MILLISECOND);
        server.request_stop();
        assert_same(&read_to_eof(&peer), b"delayed");
        drop(peer);
        assert!(server.wait().errors.is_empty());
    });
}

#[test]
fn a_stop_does_not_wait_longer_for_delayed_bytes_than_the_drain_timeout() {
    both_modes(|mode| {
        let server = start_with(mode, &delay(HOUR), |config| {
            config.drain_timeout = 300 * MILLISECOND;
        });
        let mut peer = connect(server.address);
        peer.write_all(b"lost").unwrap();
        thread::sleep(50 * MILLISECOND);
        server.request_stop();
        let stats = server.wait();
        assert_eq!(stats.errors.get("drain timeout"), Some(&1), "{stats}");
        let end = peer.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::ConnectionReset, "not an orderly end");
    });
}

#[test]
fn a_connection_is_closed_reset_or_stalled_after_exactly_as_many_bytes() {
    const AFTER: usize = 3000;
    both_modes(|mode| {
        for fault in [Fault::Close, Fault::Reset, Fault::Stall] {
            let (misbehaviour, stats) = ends_early(mode, fault, AFTER);
            assert_eq!(misbehaviour.counts.of(fault), 1, "{fault:?}");
            assert_eq!((stats.bytes_in, stats.bytes_out), (3000, 3000), "{fault:?}");
            let resets = u64::from(fault == Fault::Reset);
            assert_eq!(stats.errors.values().sum::<u64>(), resets, "{stats}");
        }
    });
}

/// A peer sends more than a connection echoes, and meets the end that is expected.
fn ends_early(mode: Mode, fault: Fault, after: usize) -> (Misbehaviour, Stats) {
    let setting = always(after as u64);
    let mut misbehaviour = Misbehaviour::default();
    match fault {
        Fault::Close => misbehaviour.close_after = setting,
        Fault::Reset => misbehaviour.reset_after = setting,
        _ => misbehaviour.stall_after = setting,
    }
    let server = start(mode, &misbehaviour);
    let mut peer = connect(server.address);
    let bytes = pattern(2 * after);
    peer.write_all(&bytes[..after]).unwrap();
    assert_same(&read(&peer, after), &bytes[..after]);
    match fault {
        Fault::Close => {
            peer.write_all(&bytes[after..]).unwrap();
            assert_eq!(read_to_eof(&peer), b"");
        }
        Fault::Reset => {
            let end = peer.read(&mut [0]).unwrap_err();
            assert_eq!(end.kind(), ErrorKind::ConnectionReset);
        }
        _ => {
            peer.write_all(&bytes[after..]).unwrap();
            thread::sleep(100 * MILLISECOND);
            assert!(!has_echo(&peer));
            let ended = peer.read(&mut [0]).unwrap_err();
            assert_eq!(ended.kind(), ErrorKind::WouldBlock, "it stays open");
        }
    }
    drop(peer);
    // A stop ends a stall: it does not last until the drain timeout, which would be an error.
    let stats = server.stop();
    (misbehaviour, stats)
}

#[test]
fn a_seed_repeats_which_connections_misbehave_in_either_mode() {
    let runs = [Mode::EventLoop, Mode::Threads].map(|mode| {
        let misbehaviour = Misbehaviour {
            seed: 42,
            close_after: Some(WithProbability {
                value: 0,
                probability: 0.3,
            }),
            ..Misbehaviour::default()
        };
        let server = start(mode, &misbehaviour);
        let is_closed = |_| {
            let mut peer = connect(server.address);
            let _closed = peer.write_all(b"!");
            peer.read(&mut [0]).unwrap() == 0
        };
        (0..40).map(is_closed).collect::<Vec<bool>>()
    });
    assert_eq!(runs[0], runs[1]);
    let closed = runs[0].iter().filter(|closed| **closed).count();
    assert!((4..24).contains(&closed), "{closed} of 40");
}

#[test]
fn the_log_shows_what_was_asked_for_with_its_seed_and_what_was_done() {
    both_modes(|mode| {
        let (server, address) = Child::serve(&[
            "--mode",
            name_of(mode),
            "--corrupt-every",
            "2",
            "--delay",
            "1ms±1ms,p=1",
            "--seed",
            "17",
        ]);
        server.wait_for_log(
            "WARN  [mio_echo] injecting faults: --delay 1ms±1ms,p=1 --corrupt-every 2; --seed 17 repeats them",
        );
        server.wait_for_log("CORRUPTS DATA: --corrupt-every 2");
        let mut peer = connect(address);
        peer.write_all(b"abc").unwrap();
        let echoed = read(&peer, 3);
        assert!(echoed[0] == b'a' && echoed[1] != b'b' && echoed[2] == b'c');
        server.signal(Signal::USR1);
        let counts = "misbehaved 1 delayed, 1 corrupted, errors none";
        server.wait_for_log(counts);
        drop(peer);
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0));
        let last = exit.stderr.lines().last().unwrap();
        assert!(
            last.contains("stopped: ") && last.ends_with(counts),
            "{last}"
        );
    });
}

#[test]
fn a_wrong_value_is_rejected_in_words_that_help() {
    for (option, value, words) in [
        ("--delay", "20", "the unit is missing"),
        (
            "--delay",
            "5ms±6ms",
            "the jitter must not be longer than the delay",
        ),
        (
            "--delay",
            "5ms,0.1",
            "expected a probability behind the comma, as in p=0.1",
        ),
        (
            "--delay",
            "5ms,p=2",
            "the probability must be above 0 and at most 1",
        ),
        (
            "--delay",
            "5ms,p=NaN",
            "the probability must be above 0 and at most 1",
        ),
        (
            "--chunk",
            "0..7",
            "expected a range of sizes from 1 byte on",
        ),
        (
            "--chunk",
            "7..1",
            "expected a range of sizes from 1 byte on",
        ),
        ("--chunk", "few", "expected a size such as"),
        ("--throttle", "0/s", "must be at least 1 byte per second"),
        (
            "--throttle",
            "fast",
            "expected a rate such as 1000/s or 64KiB/s",
        ),
        ("--reset-after", "soon", "expected a size such as"),
        ("--corrupt-every", "0", "must be at least 1"),
        (
            "--seed",
            "1",
            "the following required arguments were not provided",
        ),
    ] {
        let output = program(&["serve", option, value]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{option} {value}: {text}");
        assert!(text.contains(words), "{option} {value}: {text}");
    }
}

/// Runs one check against a server with these options. Returns the exit code and the report.
#[cfg(feature = "measure")]
fn check(mode: Mode, name: &str, options: &str, timeout: &str) -> (Option<i32>, String) {
    use crate::harness::PROGRAM;
    let output = program(&["check", "--only", name, "--timeout", timeout, "--"])
        .args([PROGRAM, "serve", "--listen", "127.0.0.1:{port}"])
        .args(["--mode", name_of(mode)])
        .args(options.split(' '))
        .output()
        .unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), report)
}

/// Expects this exit code of the check, and these words in its report. A busy machine may disturb it, but not each time.
#[cfg(feature = "measure")]
fn expect_check(mode: Mode, name: &str, options: &str, code: i32, words: &str) {
    // A right server is never silent for long, but may be late.
    let timeout = if code == 0 { "20s" } else { "1s" };
    in_some_attempt(|| match check(mode, name, options, timeout) {
        (ended, report) if ended == Some(code) && report.contains(words) => Ok(()),
        (ended, report) => Err(format!("{options}: {ended:?}: {report}")),
    });
}

#[cfg(feature = "measure")]
#[test]
fn a_check_finds_each_fault_and_passes_what_only_delays() {
    both_modes(|mode| {
        for (name, options, symptom) in [
            (
                "all-byte-values",
                "--corrupt-every 1000",
                "byte 999 differs",
            ),
            (
                "all-byte-values",
                "--close-after 1000",
                "closed after 1,000 of 131,072 bytes",
            ),
            ("all-byte-values", "--reset-after 1000", "after"),
            ("all-byte-values", "--stall-after 1000", "silent for"),
        ] {
            expect_check(mode, name, options, 1, symptom);
        }
        for options in ["--delay 20ms±5ms", "--chunk 1..7"] {
            let names = "all-byte-values,half-close,split-utf8";
            expect_check(mode, names, options, 0, "3 passed");
        }
    });
}
