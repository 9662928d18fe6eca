//! The course: from a small blocking server to one that does what the kernel did for it.
//!
//! For readers who have written a few lines of socket code (a Python server with a thread for each client is enough)
//! and want to know what an event loop really is: what it must remember, what it must not promise, and what it must do
//! itself that the kernel does for threads. The example is always an echo server (RFC 862), because a task this small
//! does not distract from how it is done.
//!
//! | chapter | the misconception it cures | to see it break |
//! | --- | --- | --- |
//! | [1. A blocking echo](chapter_01_blocking_echo) | one send is one receive | `lab bytes-are-not-text`, `lab partial-write` |
//! | [2. Readiness](chapter_02_readiness) | an event means that there is data | `lab always-writable`, `lab busy-wait`, `lab fatal-would-block`, `lab token-reuse`, `lab duplicate-descriptor` |
//! | [3. Partial writes and backpressure](chapter_03_partial_writes) | a write sends, and I go on reading | `lab partial-write`, `lab forgotten-writable`, `lab unbounded-queue`, `lab write-write-read` |
//! | [4. Edges and draining](chapter_04_edges) | bytes that I leave are reported again | `lab read-once`, `lab short-read` |
//! | [5. Fairness and budgets](chapter_05_fairness) | a ready connection is served until nothing is left | `lab no-budget` |
//! | [6. Half-close, linger, RST](chapter_06_endings) | reading 0 means that the connection is over | `lab close-on-eof`, `lab close-on-rdhup`, `lab close-with-unread`, `lab sigpipe` |
//! | [7. Accept, limits, EMFILE](chapter_07_accept) | an event is a connection, an error is the end | `lab accept-once`, `lab emfile` |
//! | [8. Shutdown](chapter_08_shutdown) | to stop is to exit | `lab exit-without-drain`, `lab close-with-unread` |
//! | [9. Timers in a loop](chapter_09_timers) | each connection needs a timer, and each message resets it | `lab slowloris` |
//! | [10. What must not run in the loop](chapter_10_blocking_work) | non-blocking sockets make a loop that never blocks | `lab blocking-call`, `lab no-budget` |
//! | [11. The contrast](chapter_11_threads) | an event loop is faster than threads | `lab threads-vs-loop` |
//! | [12. Completion and async Rust](chapter_12_engines) | `io_uring` is a faster epoll, async another kind of server | `lab read-once`, `lab forgotten-writable`, `lab blocking-call` |
//! | [13. Measuring](chapter_13_measuring) | the better average is faster | `lab coordinated-omission`, `lab no-budget`, `lab threads-vs-loop` |
//! | [14. Beyond one core and one machine](chapter_14_beyond) | one thread is a dead end | `lab threads-vs-loop`, `lab thundering-herd` |
//! | [15. Datagrams](chapter_15_datagrams) | UDP is TCP with fewer worries | `lab echo-loop` |
//!
//! # How to use it
//!
//! A chapter is two to four screens long and takes half an hour with its exercises. Each begins with a common
//! belief that is wrong. The reasons follow, with code that runs: `cargo test --doc` compiles and runs every
//! block of Rust here. An experiment shows the mistake on real sockets (`mio-echo lab NAME`), a file of the
//! server shows the correct way, and three exercises test whether it was understood. Their answers are folded:
//! think first.
//!
//! Three kinds of statements are kept apart. What is **guaranteed** is in a standard or a manual, which is named:
//! `epoll(7)` is what `man 7 epoll` shows, RFC 9293 is TCP, RFC 1122 has the requirements for hosts. A **hint**
//! may be wrong, and the program must not depend on it. What holds **on Linux** was observed there and may
//! differ on other systems.
//!
//! # The path
//!
//! The commands assume the root of the repository as the current directory. `cargo install --path .` installs `mio-echo`;
//! without it, `cargo run --` takes its place, as in `cargo run -- lab read-once`.
//!
//! 1. **Watch it.** Run `mio-echo serve --trace` in one terminal and `mio-echo client localhost:50007 'Hello, world'`
//!    in another: it prints every iteration of the loop, line by line. `mio-echo serve --trace=run.html` draws the
//!    same as a timeline when the server stops.
//! 2. **Build it.** `examples/step1_blocking.rs` to `examples/step6_server.rs` are the server in six programs, without
//!    this library. Chapters 1 to 5 open with what each step changes, and every chapter has an exercise: a program to
//!    repair. [From step 6 to `src/`](step_6_in_src) then leads into the complete server.
//! 3. **Break it.** Chapters 1 to 4, in order, because each builds on the previous one, with their experiments:
//!    `mio-echo lab read-once`. They are the core of the course.
//! 4. **Make a server of it.** Chapters 5 to 10, in any order: what turns a loop into a server that strangers can
//!    use.
//! 5. **Measure it.** Chapters 11 to 14: what else there is, how to find out what is better (`mio-echo bench`,
//!    `mio-echo compare`), and what comes after it. Chapter 15 is the other half of RFC 862, and can be read after
//!    chapter 4.
//!
//! To begin with the code instead, read `src/server/event_loop.rs`, and come back with questions.
//!
//! The words of the course, each with its meaning and its chapter, are in the [index of terms](terms).

// A chapter is a Markdown file, so that it can be read without rustdoc. `build.rs` completes it: the diffs between the
// steps, the exercises and the pictures take the place of the references to them. At its end, a chapter defines its links
// as paths to files. Here, links.md comes first and defines the same names as items; the first definition counts.
// (The line numbers of a failing example therefore include the lines of links.md.)

/// The chapters in order, as Markdown: complete, with the diffs between the steps, the exercises and the pictures.
pub const CHAPTERS: &[&str] = include!(concat!(env!("OUT_DIR"), "/guide/chapters.rs"));

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/01_blocking_echo.md"))]
pub mod chapter_01_blocking_echo {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/02_readiness.md"))]
pub mod chapter_02_readiness {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/03_partial_writes.md"))]
#[doc = include_str!("timelines/partial_write_right.html")]
pub mod chapter_03_partial_writes {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/04_edges.md"))]
#[doc = include_str!("timelines/read_once_wrong.html")]
pub mod chapter_04_edges {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/05_fairness.md"))]
#[doc = include_str!("timelines/no_budget_right.html")]
pub mod chapter_05_fairness {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/06_endings.md"))]
#[doc = include_str!("timelines/close_on_eof_wrong.html")]
pub mod chapter_06_endings {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/07_accept.md"))]
pub mod chapter_07_accept {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/08_shutdown.md"))]
#[doc = include_str!("timelines/exit_without_drain_right.html")]
pub mod chapter_08_shutdown {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/09_timers.md"))]
pub mod chapter_09_timers {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/10_blocking_work.md"))]
pub mod chapter_10_blocking_work {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/11_threads.md"))]
pub mod chapter_11_threads {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/12_engines.md"))]
pub mod chapter_12_engines {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/13_measuring.md"))]
pub mod chapter_13_measuring {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/14_beyond.md"))]
pub mod chapter_14_beyond {}

#[doc = include_str!("links.md")]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/guide/15_datagrams.md"))]
pub mod chapter_15_datagrams {}

#[doc = include_str!("links.md")]
#[doc = include_str!("step_6_in_src.md")]
pub mod step_6_in_src {}

#[doc = include_str!("links.md")]
#[doc = include_str!("terms.md")]
pub mod terms {}
