//! A measurement of one server: the load, what it did to the server, and what to make of both.
//!
//! Read it in this order: [`Report`], which holds all that was measured; `summary`, which tells it to
//! people; `export`, which writes it for other tools; [`Threshold`], which judges it for machines.
//!
//! The server is measured where its process can be seen: one that this program started itself, or one
//! whose process id is known. It is never in the same process: processor time and memory could not be told
//! apart.

mod export;
mod generator;
mod own_server;
mod ratio;
mod report;
mod server;
mod summary;
mod threshold;
mod times;
mod verdict;

pub use export::{write_hgrm, write_hlog};
pub use generator::GeneratorReport;
pub use own_server::{NoServer, OwnServer};
pub use report::{Cores, PlanReport, Report};
pub use server::{ServerReport, Watched};
pub use threshold::{Judgement, Threshold};
pub use times::Times;
pub use verdict::Verdict;
