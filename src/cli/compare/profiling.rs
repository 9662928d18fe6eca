//! `mio-echo compare --syscalls --counters --flamegraph`: what other tools observe of the contenders.

use clap::Args;
use mio_echo::measure::bench::Origin;
use mio_echo::measure::compare::{ContenderSpec, Extra, Plan};
use mio_echo::measure::process::check_perf;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Profiling")]
pub(crate) struct ProfilingArguments {
    /// Count system calls too, with perf(1) or strace(1), in a pass of its own
    #[arg(long)]
    syscalls: bool,

    /// Count instructions, cycles and cache misses of the servers per message too, with perf(1)
    #[arg(long)]
    counters: bool,

    /// Sample the call stacks of each server with perf(1), in a pass of its own, and write a flame graph for each contender
    /// and scenario into DIR
    #[arg(long, value_name = "DIR")]
    pub(super) flamegraph: Option<PathBuf>,
}

impl ProfilingArguments {
    /// Adds what was asked for to `plan`.
    pub(super) fn add_to(&self, plan: &mut Plan) {
        let extra = |is_wanted| {
            if is_wanted {
                Extra::Wanted
            } else {
                Extra::Unwanted
            }
        };
        plan.syscalls = extra(self.syscalls);
        plan.counters = extra(self.counters);
        plan.flame_graphs = extra(self.flamegraph.is_some());
    }

    /// Rejects contenders that perf cannot observe, if it is to.
    pub(super) fn check(&self, contenders: &[ContenderSpec]) -> Result<(), String> {
        if !self.counters && self.flamegraph.is_none() {
            return Ok(());
        }
        let is_unknown =
            |it: &&ContenderSpec| matches!(it.origin, Origin::Running { pid: None, .. });
        if let Some(unknown) = contenders.iter().find(is_unknown) {
            let name = &unknown.name;
            return Err(format!(
                "--counters and --flamegraph need the process of {name}: {name}=ADDRESS,pid=N"
            ));
        }
        check_perf()
    }
}
