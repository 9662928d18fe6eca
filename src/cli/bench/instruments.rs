//! `mio-echo bench --counters --flamegraph`: what perf(1) observes of the server.

use clap::Args;
use mio_echo::measure::bench::Instruments;
use mio_echo::measure::process::{Profile, ToolError, check_perf};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Profiling")]
pub(crate) struct InstrumentArguments {
    /// Count the server's instructions, cycles and cache misses per message, in user mode and in the kernel, with perf(1)
    #[arg(long)]
    counters: bool,

    /// Sample the server's call stacks with perf(1), and draw them as a flame graph: an SVG document for a browser
    #[arg(long, value_name = "FILE")]
    pub(super) flamegraph: Option<PathBuf>,
}

impl InstrumentArguments {
    fn is_given(&self) -> bool {
        self.counters || self.flamegraph.is_some()
    }

    /// Rejects what perf cannot observe here. `has_process` is whether the process of the server will be known.
    pub(super) fn validate(&self, has_process: bool) -> Result<(), String> {
        if !self.is_given() {
            return Ok(());
        }
        if !has_process {
            return Err("--counters and --flamegraph need the process of ADDR: --pid".to_owned());
        }
        check_perf()
    }

    /// perf, attached to the server that `pid` leads.
    pub(super) fn attach(&self, pid: Option<u32>) -> Result<Instruments, String> {
        let mut instruments = Instruments::default();
        let mut attach = |pid| {
            if self.counters {
                instruments.count(pid)?;
            }
            if self.flamegraph.is_some() {
                instruments.profile(pid)?;
            }
            Ok(())
        };
        let attached = pid.map_or(Ok(()), &mut attach);
        attached.map_err(|error: ToolError| format!("cannot observe the server: {error}"))?;
        Ok(instruments)
    }
}

/// The flame graph of what was sampled of `subject`.
pub(super) fn flame_graph(
    profile: &Result<Profile, ToolError>,
    subject: &str,
) -> Result<Vec<u8>, String> {
    let graph = match profile {
        Ok(profile) => profile.flame_graph(subject),
        Err(error) => Err(error.to_string()),
    };
    graph.map_err(|error| format!("no flame graph: {error}"))
}
