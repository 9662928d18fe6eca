//! A measurement of one server: the load, what it cost the server, and what the figures say.
//!
//! Read it in this order: [`BenchReport`], which holds all that was measured; `summary`, which formats it for people;
//! `export`, which writes it for other tools; [`Threshold`], which checks it for continuous integration.
//!
//! The server is measured where its process is visible: one that this program started, or one whose process id is
//! known. It never runs in the process of the generator, since processor time and memory could not be told apart
//! there.

mod export;
mod own_server;
mod pinning;
mod report;
mod summary;
mod threshold;
mod usage;
mod warning;

pub use export::{write_hgrm, write_hlog};
pub use own_server::{OwnServer, OwnServerError};
pub use pinning::{Pinning, Placement};
pub use report::{BenchReport, GeneratorReport, LatencySummary, PlanReport, ServerReport};
pub use threshold::{Threshold, ThresholdStatus};
pub use usage::{MemoryMethod, ServerMemory, UsageSampler};
pub use warning::BenchWarning;
