//! The exercises of the course: each start fails as its task describes. The solution is the step without the mistake,
//! which passes the tests in `steps`.

#![cfg(target_os = "linux")]

use crate::harness::{
    Child, Signal, assert_same, command, connect, echo_roundtrip, eventually, fill_until_blocked,
    more_than_buffers_hold, pattern, peer, read, read_to_eof,
};
#[cfg(feature = "measure")]
use crate::harness::{program, run};
use crate::steps::{A_WHILE, STEPS, built_example, source_of, start};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;

/// The folders of the exercises, in the order of the steps that they are about, and how many lines of code a start and
/// its step do not share: a correction of a step has to be made in its exercise too.
const EXERCISES: [(&str, usize); 6] = [
    ("1_split_characters", 3),
    ("2_silent_peers", 4),
    ("3_restless_poll", 2),
    ("4_slow_peer", 14),
    ("5_one_read", 4),
    ("6_too_many_peers", 3),
];

#[test]
fn each_exercise_is_a_step_with_one_mistake_a_task_a_hint_and_a_solution() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for ((exercise, differing), step) in EXERCISES.into_iter().zip(STEPS) {
        let text = |path: PathBuf| fs::read_to_string(root.join(path)).unwrap();
        let folder = Path::new("exercises").join(exercise);
        let start = text(folder.join("start.rs"));
        let solution = text(source_of(step));
        let found = lines_missing(&start, &solution) + lines_missing(&solution, &start);
        assert_eq!(found, differing, "lines of {exercise} and {step} differ");

        let hint = text(folder.join("hint.md"));
        let diff = format!("diff -u exercises/{exercise}/start.rs examples/{step}.rs");
        let folds = ["<summary>Hint</summary>", "<summary>Solution</summary>"];
        for part in folds.into_iter().chain([diff.as_str()]) {
            assert!(hint.contains(part), "{exercise}/hint.md lacks {part}");
        }
    }
}

/// How many lines of code in `text` are not in `other`.
fn lines_missing(text: &str, other: &str) -> usize {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.filter(|line| other.lines().all(|same| same != *line))
        .count()
}

/// The grader agrees: one check of its level fails each start and passes the solution.
#[cfg(feature = "measure")]
#[test]
fn check_fails_each_start_and_passes_its_solution() {
    let checks = [
        "all-byte-values",
        "stays-open",
        "idle-cpu",
        "stalled-cpu",
        "fin-with-data",
        "descriptor-limit",
    ];
    let is_passed = |check: &str, example: &str| {
        let mut grader = program(&["check", "--timeout", "2s", "--only", check, "--"]);
        let exit = run(grader.arg(built_example(example)).arg("127.0.0.1:{port}"));
        assert!(
            matches!(exit.code, Some(0 | 1)),
            "{example}: {}",
            exit.stderr
        );
        exit.code == Some(0)
    };
    thread::scope(|scope| {
        for (index, (check, step)) in checks.into_iter().zip(STEPS).enumerate() {
            scope.spawn(move || {
                let start = format!("exercise{}", index + 1);
                assert!(!is_passed(check, &start), "{start} passes {check}");
                assert!(is_passed(check, step), "{step} fails {check}");
            });
        }
    });
}

#[test]
fn exercise_1_ends_a_connection_whose_read_ends_inside_a_character() {
    let (_server, address) = start("exercise1");
    let peer = connect(address);
    (&peer).write_all(&"汉".as_bytes()[..2]).unwrap();
    assert_eq!(read_to_eof(&peer), b"");
}

#[test]
fn exercise_2_ends_the_connection_of_a_peer_that_pauses() {
    let (_server, address) = start("exercise2");
    assert_eq!(read_to_eof(&connect(address)), b"");
}

#[test]
fn exercise_3_spins_while_a_peer_is_silent() {
    let (server, address) = start("exercise3");
    let silent = connect(address);
    echo_roundtrip(&silent, b"and then silence");
    assert_spins(&server);
}

fn assert_spins(server: &Child) {
    let before = server.cpu_ticks();
    eventually("it spins", || server.cpu_ticks() > before + 5);
}

#[test]
fn exercise_4_spins_while_a_peer_does_not_read() {
    let (server, address) = start("exercise4");
    let slow = connect(address);
    fill_until_blocked(&slow, more_than_buffers_hold());
    assert_spins(&server);
}

#[test]
fn exercise_5_forgets_what_one_read_leaves() {
    const ONE_READ: usize = 16 * 1024;
    let (server, address) = start("exercise5");
    let peer = connect(address);
    echo_roundtrip(&peer, b"hello");
    server.signal(Signal::STOP);
    (&peer).write_all(&pattern(3 * ONE_READ)).unwrap();
    peer::wait_until_received(&[peer.try_clone().unwrap()]);
    server.signal(Signal::CONT);
    assert_same(&read(&peer, ONE_READ), &pattern(ONE_READ));
    thread::sleep(A_WHILE);
    assert!(!peer::has_echo(&peer));
}

#[test]
fn exercise_6_ends_for_lack_of_a_descriptor() {
    let mut shell = command("sh");
    shell.args(["-c", "ulimit -n 16; exec \"$0\" 127.0.0.1:0"]);
    let server = Child::spawn(shell.arg(built_example("exercise6")));
    let address = server.address();
    // It may end while they still connect.
    let _peers: Vec<_> = (0..16).map(|_| TcpStream::connect(address)).collect();
    assert_eq!(server.wait().code, Some(1));
}
