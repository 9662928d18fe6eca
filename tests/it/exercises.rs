//! The exercises of the course: each start fails as its task describes, and its solution does not. Where the start is a
//! step with a mistake, the step is the solution, which passes the tests in `steps` too.

#![cfg(target_os = "linux")]

use crate::harness::{
    Child, Signal, assert_same, command, connect, echo_roundtrip, eventually, fill_until_blocked,
    in_some_attempt, more_than_buffers_hold, pattern, peer, read, read_to_eof, run,
};
use crate::steps::{A_WHILE, built_example, source_of, start};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::thread;

/// An exercise: a folder in `exercises/`, whose number is that of its programs.
struct Exercise {
    folder: &'static str,
    /// The example that solves it.
    solution: &'static str,
    /// How many lines of code the start and the solution do not share. A correction of a step has to be made in its
    /// exercises too.
    differing: usize,
    graded_by: Grader,
}

/// What finds the mistake.
enum Grader {
    /// `mio-echo check --only NAME`.
    #[cfg_attr(
        not(feature = "measure"),
        allow(dead_code, reason = "`check` measures")
    )]
    Check(&'static str),
    /// The program, which tests itself.
    Itself,
}

use Grader::{Check, Itself};

#[rustfmt::skip]
const EXERCISES: [Exercise; 16] = [
    exercise("1_split_characters", "step1_blocking", 3, Check("all-byte-values")),
    exercise("2_silent_peers", "step2_spinning", 4, Check("stays-open")),
    exercise("3_restless_poll", "step3_poll", 2, Check("idle-cpu")),
    exercise("4_slow_peer", "step4_level", 14, Check("stalled-cpu")),
    exercise("5_one_read", "step5_edge", 4, Check("fin-with-data")),
    exercise("6_sleepy_queue", "step6_server", 3, Check("exact-sizes")),
    exercise("7_early_end", "step6_server", 8, Check("fin-with-data")),
    exercise("8_too_many_peers", "step6_server", 3, Check("descriptor-limit")),
    exercise("9_lossy_stop", "step6_server", 39, Check("stop-without-loss")),
    exercise("10_eager_timers", "solution10", 2, Itself),
    exercise("11_slow_call", "solution11", 27, Check("connections-150")),
    exercise("12_first_error", "solution12", 10, Check("descriptor-limit")),
    exercise("13_lost_wakeup", "solution13", 3, Itself),
    exercise("14_closed_loop", "solution14", 11, Itself),
    exercise("15_one_queue", "solution15", 1, Itself),
    exercise("16_empty_datagram", "solution16", 3, Itself),
];

const fn exercise(
    folder: &'static str,
    solution: &'static str,
    differing: usize,
    graded_by: Grader,
) -> Exercise {
    Exercise {
        folder,
        solution,
        differing,
        graded_by,
    }
}

impl Exercise {
    fn start(&self) -> String {
        let (number, _) = self.folder.split_once('_').unwrap();
        format!("exercise{number}")
    }
}

#[test]
fn every_folder_is_an_exercise() {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises")).unwrap();
    let folders = folders.map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut found: Vec<_> = folders.map(|entry| entry.file_name()).collect();
    let mut expected: Vec<_> = EXERCISES
        .into_iter()
        .map(|exercise| exercise.folder)
        .collect();
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn each_exercise_is_a_solution_with_one_mistake_a_task_and_a_hint() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for exercise in EXERCISES {
        let Exercise {
            folder,
            solution,
            differing,
            ..
        } = exercise;
        let file = |example: &str| source_of(example).strip_prefix(root).unwrap().to_owned();
        let (start, solution) = (file(&exercise.start()), file(solution));
        assert_eq!(start, Path::new("exercises").join(folder).join("start.rs"));
        let text = |file: &Path| fs::read_to_string(root.join(file)).unwrap();
        let (before, after) = (text(&start), text(&solution));
        let found = lines_missing(&before, &after) + lines_missing(&after, &before);
        assert_eq!(
            found, differing,
            "lines of {folder} and its solution differ"
        );

        let hint = text(&Path::new("exercises").join(folder).join("hint.md"));
        let diff = format!("diff -u {} {}", start.display(), solution.display());
        let folds = ["<summary>Hint</summary>", "<summary>Solution</summary>"];
        for part in folds.into_iter().chain([diff.as_str()]) {
            assert!(hint.contains(part), "{folder}/hint.md lacks {part}");
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

#[test]
fn each_start_fails_and_each_solution_passes() {
    thread::scope(|scope| {
        for exercise in EXERCISES {
            scope.spawn(move || {
                // A busy machine may disturb a check, but not each time.
                let expect = |example: &str, expected| {
                    in_some_attempt(|| match is_passed(&exercise.graded_by, example) {
                        passes if passes == expected => Ok(()),
                        passes => Err(format!("{example} passes: {passes}")),
                    });
                };
                expect(&exercise.start(), false);
                expect(exercise.solution, true);
            });
        }
    });
}

fn is_passed(grader: &Grader, example: &str) -> bool {
    let exit = match grader {
        #[cfg(feature = "measure")]
        Check(check) => {
            use mio_echo::measure::process::CommandLine;
            // A start may be silent for good, a solution is late at most.
            let is_start = example.starts_with("exercise");
            let timeout = std::time::Duration::from_secs(if is_start { 2 } else { 20 });
            let server = CommandLine::new(built_example(example), ["127.0.0.1:{port}"]);
            return crate::check::passes(server, check, timeout);
        }
        // Without the grader, only what fails by itself is graded.
        #[cfg(not(feature = "measure"))]
        Check(_) => return !example.starts_with("exercise"),
        Itself => {
            let exit = run(&mut command(built_example(example)));
            assert!(exit.code == Some(0) || !exit.stderr.is_empty(), "{example}");
            exit
        }
    };
    exit.code == Some(0)
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
    server.suspend();
    (&peer).write_all(&pattern(3 * ONE_READ)).unwrap();
    peer::wait_until_received(&[peer.try_clone().unwrap()]);
    server.signal(Signal::CONT);
    assert_same(&read(&peer, ONE_READ), &pattern(ONE_READ));
    thread::sleep(A_WHILE);
    assert!(!peer::has_echo(&peer));
}

#[test]
fn exercise_8_ends_for_lack_of_a_descriptor() {
    let mut shell = command("sh");
    shell.args(["-c", "ulimit -n 16; exec \"$0\" 127.0.0.1:0"]);
    let server = Child::spawn(shell.arg(built_example("exercise8")));
    let address = server.address();
    // It may end while they still connect.
    let _peers: Vec<_> = (0..16).map(|_| TcpStream::connect(address)).collect();
    assert_eq!(server.wait().code, Some(1));
}
