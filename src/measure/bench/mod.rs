//! A measurement of one server: the load, what it cost the server, and what the figures say. A comparison is made of
//! many of them.
//!
//! Read it in this order:
//!
//! 1. [`BenchServer`]: the server; [`WarmUpJudge`]: when it is warm;
//! 2. [`SamplingObserver`]: its costs while the load runs; [`IntervalRecorder`]: the measurement second by second;
//! 3. [`Values`]: all that was measured; [`BenchWarning`]: when the figures do not describe the server;
//! 4. [`BenchReport`]: a single measurement. `summary` formats it for people, `page` draws it over time, `export` writes
//!    the latencies for other tools, [`LatencyLog`] those of each second, and [`Threshold`] checks it for continuous
//!    integration.
//!
//! The server is measured where its process is visible: one that this program started, or one whose process id is
//! known. It never runs in the process of the generator, since processor time and memory could not be told apart
//! there.

mod cost;
mod export;
mod instruments;
mod interval;
mod latency_log;
mod machine;
mod page;
mod report;
mod server;
mod summary;
mod threshold;
mod values;
mod warm_up;
mod warning;

pub(in crate::measure) use cost::BufferGrowth;
pub use cost::{MemoryMethod, SamplingObserver, ServerCost, UsageSampler};
pub use export::write_hgrm;
pub use instruments::Instruments;
pub use interval::{IntervalRecorder, LoadInterval};
pub use latency_log::LatencyLog;
pub use machine::{Build, CpuTicks, MAX_STOLEN_SHARE, Machine};
pub use report::{BenchReport, Figures, PlanReport};
pub use server::{BenchServer, LaunchError, Origin, last_lines};
pub(in crate::measure) use threshold::Comparator;
pub use threshold::{Threshold, ThresholdStatus};
pub use values::{Flood, LatencySummary, Values};
pub(in crate::measure) use values::{float, one_thread};
pub use warm_up::{WarmUpJudge, WarmUpLength, WarmUpReport};
pub use warning::{BenchWarning, MIN_RATE_SHARE};
