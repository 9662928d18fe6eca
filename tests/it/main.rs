//! The promises of the program, one subject a module.
//!
//! One test program for all of them: it is linked once, and its tests run side by side, as threads of one process. So
//! no test changes what belongs to the process, such as its limits, environment, directory or signal handlers: a
//! test that needs others runs the program as a child. The one exception is the limit on open files, which is raised
//! for all; a test that opens thousands waits for its turn (`machine::descriptors_or_skip`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in tests a panic is the report"
)]

mod harness;

// How the source is arranged.
mod architecture;
#[cfg(feature = "measure")]
mod dependencies;

// The server.
#[cfg(feature = "telemetry")]
mod access_log;
mod backpressure;
mod blocking;
mod command_line;
mod cost;
mod echo;
mod edges;
mod endings;
mod exhaustion;
mod faults;
mod limits;
mod many;
#[cfg(feature = "telemetry")]
mod metrics;
mod misbehave;
#[cfg(feature = "preamble")]
mod preamble;
mod signals;
mod snapshots;
#[cfg(feature = "telemetry")]
mod statistics;
mod stopping;
#[cfg(feature = "udp")]
mod udp;
mod unix;

// The client.
mod blog;
mod client;
mod ping;

// In service.
mod deploy;
#[cfg(target_os = "linux")]
mod privileges;
mod service;

// What a package installs.
#[cfg(feature = "manual")]
mod manual;

// Seeing it.
#[cfg(feature = "trace")]
mod timeline;
#[cfg(feature = "trace")]
mod trace;
#[cfg(feature = "trace")]
mod trace_format;

// Measuring.
#[cfg(feature = "measure")]
mod bench;
#[cfg(feature = "measure")]
mod calibration;
#[cfg(feature = "measure")]
mod check;
#[cfg(feature = "measure")]
mod compare;
#[cfg(feature = "measure")]
mod figures;
#[cfg(feature = "measure")]
mod load;
#[cfg(feature = "measure")]
mod peers;
#[cfg(feature = "measure")]
mod process;
#[cfg(all(feature = "measure", target_os = "linux"))]
mod profiling;
#[cfg(feature = "measure")]
mod soak;
#[cfg(feature = "measure")]
mod usage;

// Learning.
#[cfg(all(feature = "learn", target_os = "linux"))]
mod course;
mod exercises;
#[cfg(feature = "learn")]
mod guide;
#[cfg(feature = "learn")]
mod lab;
#[cfg(feature = "learn")]
mod lab_servers;
#[cfg(feature = "learn")]
mod slides;
mod steps;
