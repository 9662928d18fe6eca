//! A single-threaded, readiness-based echo server (RFC 862), and for contrast the same server with a thread per
//! connection.
//!
//! The `mio-echo` program is a command line over this library. The code is written to be read; this page is its map.
//!
//! - The event loop: `src/server/event_loop.rs`. If you read one file, read this one.
//! - The state machine of a connection: `src/connection/phase.rs` and `src/connection/mod.rs`.
//! - The contrast, a thread per connection: `src/server/threads/`.
//! - The tools around them: `src/cli/`, one file or folder for each command.
//!
//! ```text
//!           the server                                what it is used for
//!
//!   ┌───────────────────────────────┐
//!   │ client                        │        ┌────────┐ ┌──────────────────────┐ ┌───────────┐
//!   └───────────────────────────────┘        │ trace  │ │ measure, check       │ │ learn     │
//!   ┌───────────────────────────────┐        │        │ │                      │ │           │
//!   │ server                        │        │ watch  │ │ compare servers      │ │ teach     │
//!   │  event_loop, threads          │◄───────│        │ │  bench, compare      │ │  lab      │
//!   └───────────────────────────────┘        │        │ │  load, process       │ │  guide    │
//!   ┌───────────────────────────────┐        └────────┘ └──────────┬───────────┘ └───────────┘
//!   │ connection                    │                              │
//!   │  state machine, write queue   │                              │
//!   └───────────────────────────────┘                              │
//!   ┌───────────────────────────────┐                              │
//!   │ readiness                     │◄─────────────────────────────┘
//!   │  edges, run queue             │   load uses readiness, and nothing of the server
//!   └───────────────────────────────┘
//! ```
//!
//! # The order to read
//!
//! Each module uses only modules above it in this table.
//!
//! | module | what it owns | feature |
//! | --- | --- | --- |
//! | [`text`] | what all others read and write: endpoints, figures with units, error texts | |
//! | [`rng`] | random numbers that a seed reproduces | |
//! | [`readiness`] | what the kernel last reported about a socket, and which connections are due a turn | |
//! | [`connection`] | one connection: phases, the write queue, what to do next. No socket, no clock | |
//! | [`server`] | many connections: the event loop, the threads, datagrams, the limits, the stop | |
//! | [`client`] | the other side: send, receive, verify | |
//! | `trace` | what the server does, as text, JSON Lines and a timeline | `trace` |
//! | `measure` | the load generator, the processes under test, `bench` and `compare` | `measure` |
//! | `check` | the promises of an echo server, each tested against any server | `measure` |
//! | `learn` | the lab, with wrong servers beside right ones, and the guide in fifteen chapters | `learn` |
//!
//! All features are on by default. Without them, the package is the server and the client.
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
