//! Conformance: what every echo server promises, put to the test from the client's side.
//!
//! RFC 862 is one paragraph. What a client relies on is more: that nothing is lost at a half-close, that a slow
//! reader delays no other client, that a server which is out of descriptors recovers. Each such promise is a
//! [`Check`]: a sentence, the reason why it matters, and the code that tries to catch a server that breaks it.
//! A check knows the server as an address, and as a process if it was started for the check; it knows nothing
//! of what the server is written in, nor of the reports that will be written.
//!
//! ```text
//!  CHECKS ──Selection──► CheckPlan ──run──► CheckReport ──report──► table, JSON, JUnit, TAP
//!                                     │
//!                     Trial: the server, a limit on time, and
//!                     Probes: connections that verify every byte
//! ```
//!
//! | file | what it owns |
//! | --- | --- |
//! | `definition` | [`Check`], and the [`Level`] of the course at which it is due |
//! | `checks` | [`CHECKS`] of connections and [`DATAGRAM_CHECKS`], a file for each subject |
//! | `select` | [`Selection`]: which of them to run |
//! | `run` | [`run()`]: one after the other, and a server for each |
//! | `trial` | what a check has to work with |
//! | `datagram_probe` | a socket that exchanges datagrams with the server |
//! | `probe`, `content`, `concurrent`, `time_limit` | one connection; what it sends; several at once; how long |
//! | `server`, `process` | the server: started, reached, watched, signalled |
//! | `symptom` | how a promise was broken, in one line |
//! | `results`, `report` | the results; what is printed and written |
//!
//! A new check is a constant and a function in the file of its subject, a line in [`CHECKS`], and a faulty server
//! in `tests/it/check` that it catches.
//!
//! ```
//! use mio_echo::check::{self, CheckPlan, CheckTarget, Effort, OnFailure, Selection};
//! use mio_echo::measure::load::Transport;
//! use std::net::TcpListener;
//! use std::sync::atomic::AtomicBool;
//! use std::time::Duration;
//! use std::{io, thread};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let endpoint = listener.local_addr()?.to_string().parse()?;
//! thread::spawn(move || {
//!     for peer in listener.incoming().flatten() {
//!         thread::spawn(move || io::copy(&mut &peer, &mut &peer));
//!     }
//! });
//!
//! let selection = Selection { quick: true, ..Selection::default() };
//! let plan = CheckPlan {
//!     name: "io::copy".to_owned(),
//!     target: CheckTarget::Running(endpoint),
//!     transport: Transport::Stream,
//!     checks: selection.checks()?,
//!     effort: Effort::Quick,
//!     time: None,
//!     timeout: Duration::from_secs(5),
//!     on_failure: OnFailure::Continue,
//! };
//! let report = check::run(&plan, &AtomicBool::new(false), |_index, _check| {})?;
//! assert_eq!(report.failed(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checks;
mod concurrent;
mod content;
mod datagram_probe;
mod definition;
mod probe;
mod process;
pub mod report;
mod results;
mod run;
mod select;
mod server;
mod symptom;
mod time_limit;
mod trial;

pub use checks::{CHECKS, DATAGRAM_CHECKS};
pub use definition::{Check, Level};
pub use results::{CheckReport, CheckResult, CheckStatus, Grade};
pub use run::{CheckPlan, NoServer, OnFailure, run};
pub use select::{Selection, SelectionError};
pub use server::CheckTarget;
pub use trial::Effort;
