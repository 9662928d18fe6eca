//! The course: from a small blocking server to one that does what the kernel did for it.
//!
//! For whoever has written a few lines of socket code - a Python server with a thread for each client will
//! do - and wants to know what an event loop really is: what it must remember, what it must not promise,
//! and which of the threads' comforts it has to build for itself. The example is always the same, an echo
//! server (RFC 862), because its task is so small that nothing distracts from how it is done.
//!
//! | chapter | the misconception it cures | to see it break |
//! | --- | --- | --- |
//! | [1. A blocking echo](chapter_01_blocking_echo) | one send is one receive | `lab bytes-are-not-text`, `lab partial-write` |
//! | [2. Readiness](chapter_02_readiness) | an event means that there is data | `lab always-writable`, `lab token-reuse` |
//! | [3. Edges and draining](chapter_03_edges) | what I leave is reported again | `lab read-once`, `lab short-read` |
//! | [4. Partial writes and backpressure](chapter_04_partial_writes) | a write sends, and I read on | `lab partial-write`, `lab forgotten-writable`, `lab unbounded-queue` |
//! | [5. Fairness and budgets](chapter_05_fairness) | whoever is ready is served to the end | `lab no-budget` |
//! | [6. Half-close, linger, RST](chapter_06_endings) | reading 0 means that it is over | `lab close-on-eof`, `lab close-with-unread` |
//! | [7. Accept, limits, EMFILE](chapter_07_accept) | an event is a connection, an error is the end | `lab accept-once`, `lab emfile` |
//! | [8. Shutdown](chapter_08_shutdown) | to stop is to exit | `lab close-with-unread` |
//! | [9. The contrast](chapter_09_threads) | event loops are faster threads | `lab threads-vs-loop` |
//! | [10. Measuring](chapter_10_measuring) | the better average is faster | `lab no-budget`, `lab threads-vs-loop` |
//! | [11. Past one core and one machine](chapter_11_beyond) | one thread is a dead end | `lab threads-vs-loop` |
//!
//! # How to use it
//!
//! A chapter is two to four screens and takes half an hour with its exercises. Each begins with a sentence
//! that many believe, and that is wrong. Then come the reasons, with code that runs: every block of Rust
//! here is compiled and run by `cargo test --doc`. An experiment shows the mistake on real sockets
//! (`mio-echo lab NAME`), a file of the server shows what is done instead, and three exercises ask whether
//! it was understood. Their answers are folded: think first.
//!
//! Three kinds of sentences are kept apart. What is **guaranteed** is in a standard or a manual, which is named:
//! `epoll(7)` is what `man 7 epoll` shows, RFC 9293 is TCP, RFC 1122 what a host must do. What is a
//! **hint** may be wrong, and the program must not depend on it. What is so **on Linux** was seen there and
//! may be otherwise elsewhere.
//!
//! # The path
//!
//! 1. **Watch it.** `mio-echo serve --trace` in one terminal, `mio-echo client localhost:50007 'Hello, world'` in
//!    another: every turn of the loop, line by line. `mio-echo serve --trace=run.html` draws it when it is stopped.
//! 2. **Break it.** Chapters 1 to 4, in their order, for each needs the one before it, with their experiments:
//!    `mio-echo lab read-once`. They are the heart of the matter.
//! 3. **Make a server of it.** Chapters 5 to 8, in any order: what turns a loop into something that strangers can
//!    use.
//! 4. **Measure it.** Chapters 9 to 11: what it is good for, how to know (`mio-echo bench`, `mio-echo compare`), and
//!    what comes after.
//!
//! Whoever would rather begin with the code reads `src/server/event_loop.rs`, one page, and comes back with
//! questions.
//!
//! # The words
//!
//! | word | here it means |
//! | --- | --- |
//! | readiness | that a call is worth making: it would not block |
//! | edge | the change, reported once, after which something is ready |
//! | evidence | an answer of the kernel which shows that something is exhausted now |
//! | `WouldBlock` | "later": what a call says that would have had to sleep (`EAGAIN`) |
//! | parked | waiting for an edge |
//! | turn, budget, yield | what a connection may do at a time; the bound on it; to stop there and queue up again |
//! | run queue | who is owed a turn |
//! | backpressure | not reading from whoever does not read |
//! | half-close | our FIN is sent, and we go on reading; or the peer's has come, and we go on writing |
//! | drain, linger | to echo what had been received; to read on behind our own FIN and throw away |
//! | backlog | peers whom the kernel has connected and nobody has accepted (listen(2)) |

// A chapter is a Markdown file, so that it can be read where there is no rustdoc. Its links are named, and
// defined at its end as files; here the same names are defined first, as items, and the first definition
// counts. (So the line that a failing example is reported with counts the lines of links.md too.)

#[doc = include_str!("links.md")]
#[doc = include_str!("01_blocking_echo.md")]
pub mod chapter_01_blocking_echo {}

#[doc = include_str!("links.md")]
#[doc = include_str!("02_readiness.md")]
pub mod chapter_02_readiness {}

#[doc = include_str!("links.md")]
#[doc = include_str!("03_edges.md")]
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
