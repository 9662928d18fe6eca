//! The course: from a small blocking server to one that does what the kernel did for it.
//!
//! For readers who have written a few lines of socket code (a Python server with a thread for each client will
//! do) and want to know what an event loop really is: what it must remember, what it must not promise, and
//! which comforts of threads it has to build for itself. The example is always an echo server (RFC 862),
//! because a task this small does not distract from how it is done.
//!
//! | chapter | the misconception it cures | to see it break |
//! | --- | --- | --- |
//! | [1. A blocking echo](chapter_01_blocking_echo) | one send is one receive | `lab bytes-are-not-text`, `lab partial-write` |
//! | [2. Readiness](chapter_02_readiness) | an event means that there is data | `lab always-writable`, `lab token-reuse` |
//! | [3. Edges and draining](chapter_03_edges) | bytes that I leave are reported again | `lab read-once`, `lab short-read` |
//! | [4. Partial writes and backpressure](chapter_04_partial_writes) | a write sends, and I go on reading | `lab partial-write`, `lab forgotten-writable`, `lab unbounded-queue` |
//! | [5. Fairness and budgets](chapter_05_fairness) | a ready connection is served until nothing is left | `lab no-budget` |
//! | [6. Half-close, linger, RST](chapter_06_endings) | reading 0 means that the connection is over | `lab close-on-eof`, `lab close-with-unread` |
//! | [7. Accept, limits, EMFILE](chapter_07_accept) | an event is a connection, an error is the end | `lab accept-once`, `lab emfile` |
//! | [8. Shutdown](chapter_08_shutdown) | to stop is to exit | `lab close-with-unread` |
//! | [9. The contrast](chapter_09_threads) | an event loop is faster than threads | `lab threads-vs-loop` |
//! | [10. Measuring](chapter_10_measuring) | the better average is faster | `lab no-budget`, `lab threads-vs-loop` |
//! | [11. Beyond one core and one machine](chapter_11_beyond) | one thread is a dead end | `lab threads-vs-loop` |
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
//! 1. **Watch it.** Run `mio-echo serve --trace` in one terminal and `mio-echo client localhost:50007 'Hello, world'`
//!    in another: it prints every iteration of the loop, line by line. `mio-echo serve --trace=run.html` draws the
//!    same as a timeline when the server stops.
//! 2. **Break it.** Chapters 1 to 4, in order, because each builds on the previous one, with their experiments:
//!    `mio-echo lab read-once`. They are the core of the course.
//! 3. **Make a server of it.** Chapters 5 to 8, in any order: what turns a loop into a server that strangers can
//!    use.
//! 4. **Measure it.** Chapters 9 to 11: what it is good for, how to find out (`mio-echo bench`, `mio-echo compare`),
//!    and what comes after it.
//!
//! To begin with the code instead, read `src/server/event_loop.rs`, one short file, and come back with questions.
//!
//! # The words
//!
//! | word | meaning here |
//! | --- | --- |
//! | readiness | a call is worth making, because it would not block |
//! | edge | the change that makes something ready, reported once |
//! | evidence | a result from the kernel that shows that something is exhausted now |
//! | `WouldBlock` | "not yet": the result of a call that would have had to sleep (`EAGAIN`) |
//! | parked | waiting for an edge |
//! | turn, budget, yield | the work that a connection does at a time; the bound on it; to stop there and queue up again |
//! | run queue | the connections that need a turn |
//! | pending | received but not yet written back |
//! | backpressure | not reading from a peer that does not read |
//! | half-close | one FIN is sent, and the other direction is still open |
//! | drain, linger | to echo what had been received; to read and discard after our own FIN |
//! | backlog | connections that the kernel has established and the server has not accepted (listen(2)) |

// A chapter is a Markdown file, so that it can be read without rustdoc. At its end, it defines its links as
// paths to files. Here, links.md comes first and defines the same names as items; the first definition counts.
// (The line numbers of a failing example therefore include the lines of links.md.)

#[doc = include_str!("links.md")]
#[doc = include_str!("01_blocking_echo.md")]
pub mod chapter_01_blocking_echo {}

#[doc = include_str!("links.md")]
#[doc = include_str!("02_readiness.md")]
pub mod chapter_02_readiness {}

#[doc = include_str!("links.md")]
#[doc = include_str!("03_edges.md")]
#[doc = include_str!("timelines/read_once_wrong.html")]
pub mod chapter_03_edges {}

#[doc = include_str!("links.md")]
#[doc = include_str!("04_partial_writes.md")]
pub mod chapter_04_partial_writes {}

#[doc = include_str!("links.md")]
#[doc = include_str!("05_fairness.md")]
pub mod chapter_05_fairness {}

#[doc = include_str!("links.md")]
#[doc = include_str!("06_endings.md")]
pub mod chapter_06_endings {}

#[doc = include_str!("links.md")]
#[doc = include_str!("07_accept.md")]
pub mod chapter_07_accept {}

#[doc = include_str!("links.md")]
#[doc = include_str!("08_shutdown.md")]
pub mod chapter_08_shutdown {}

#[doc = include_str!("links.md")]
#[doc = include_str!("09_threads.md")]
pub mod chapter_09_threads {}

#[doc = include_str!("links.md")]
#[doc = include_str!("10_measuring.md")]
pub mod chapter_10_measuring {}

#[doc = include_str!("links.md")]
#[doc = include_str!("11_beyond.md")]
pub mod chapter_11_beyond {}
