//! A single-threaded, readiness-based echo server (RFC 862) — and the same server with a thread per connection, for
//! contrast.
//!
//! This library is what the `mio-echo` program is made of, written to be read. This page is its architecture.
//!
//! ```text
//!              what it is                                  what it is for
//!
//!   ┌───────────────────────────────┐
//!   │ client          the other side│        ┌────────┐ ┌──────────────────────┐ ┌───────────┐
//!   └───────────────────────────────┘        │ trace  │ │ measure              │ │ learn     │
//!   ┌───────────────────────────────┐        │        │ │  bench     compare   │ │  lab      │
//!   │ server      MANY connections  │◄───────│ SEEING │ │  load      process   │ │  guide    │
//!   │  event_loop        threads    │        │ it     │ │ COMPARING it         │ │ TEACHING  │
//!   └───────────────────────────────┘        └────────┘ └──────────┬───────────┘ └───────────┘
//!   ┌───────────────────────────────┐                              │
//!   │ connection   ONE connection,  │                              │
//!   │              pure             │                              │
//!   └───────────────────────────────┘                              │
//!   ┌───────────────────────────────┐                              │
//!   │ readiness   what the kernel   │◄─────────────────────────────┘ load, which knows nothing of the server
//!   │             last reported     │
//!   └───────────────────────────────┘
//! ```
//!
//! # The order to read
//!
//! Each module knows only those before it.
//!
//! | module | what it owns | feature |
//! | --- | --- | --- |
//! | [`readiness`] | what the kernel last reported about a socket, and which connections are due a turn | |
//! | [`connection`] | ONE connection: phases, the write queue, what to do next. No socket, no clock | |
//! | [`server`] | MANY connections: the event loop, the threads, datagrams, the limits, the stop | |
//! | [`client`] | the other side: send, receive, verify | |
//! | `trace` | SEEING it: what the server does, as text, JSON Lines and a timeline | `trace` |
//! | `measure` | COMPARING it: the load generator, other processes, `bench` and `compare` | `measure` |
//! | `check` | TESTING any server: promises that an echo server keeps, each put to the test | `measure` |
//! | `learn` | TEACHING it: wrong servers, each beside the right one, and the guide in fifteen chapters | `learn` |
//!
//! [`text`] holds what all of them read and write: endpoints, figures with units, error texts. [`rng`] has the random
//! numbers, which a seed reproduces. Without the features, all of which are on by default, the package is the server and
//! the client.
//!
//! If you read one file, read `src/server/event_loop.rs`.
//!
//! # Invariants
//!
//! 1. What comes in goes out, in order, exactly: also on half-close, to slow readers, through a stop.
//! 2. A connection with pending bytes does not read. So at most one read buffer is pending for it, and a connection
//!    whose peer keeps up owns no heap.
//! 3. Readiness is remembered until there is evidence against it; a parked connection wants no direction that is
//!    ready.
//! 4. Every turn is bounded; a connection with more to do goes to the back of the run queue.
//! 5. An error of one peer ends one connection.

#[cfg(not(unix))]
compile_error!("mio-echo needs a Unix: signals, descriptor limits, inherited socket options");
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
compile_error!(
    "mio-echo is not supported on illumos and Solaris: an accepted socket inherits no options there"
);

#[cfg(feature = "measure")]
pub mod check;
pub mod client;
pub mod connection;
#[cfg(feature = "learn")]
pub mod learn;
#[cfg(feature = "measure")]
pub mod measure;
pub mod readiness;
pub mod rng;
pub mod server;
pub mod text;
#[cfg(feature = "trace")]
pub mod trace;
