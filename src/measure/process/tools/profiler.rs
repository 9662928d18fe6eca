//! Samples of the call stacks of a server.

use super::perf::Perf;
use super::tool::{Tool, ToolError};
use crate::measure::process::failure::{ChildFailure, ExitReason};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Samples per second and busy core. No divisor of the frequencies of timers, so that it does not fall into step with one.
pub(super) const SAMPLES_PER_SECOND: u32 = 499;

/// How perf finds the callers in user mode: in a copy of the top of the stack, in bytes. Most programs keep no frame
/// pointers.
const CALL_GRAPH: &str = "--call-graph=dwarf,8192";

/// What perf-script(1) prints of each sample. Without its period, each counts the same. Without the name of its event,
/// samples of cores of several kinds, whose events differ, are drawn together.
const FIELDS: &str = "--fields=comm,pid,tid,time,ip,sym,dso";

/// The line that stands for the callers beyond that copy.
const CUT_OFF: &str = "ffffffffffffffff [unknown] ([unknown])";

/// perf-record(1), attached to a server. Dropping it discards the samples.
#[derive(Debug)]
pub struct Profiler {
    perf: Perf,
    folder: TempDir,
}

/// The call stacks of a server, sampled at regular intervals of its processor time.
#[derive(Debug)]
pub struct Profile {
    /// What perf-script(1) prints: for each sample a line and its stack.
    pub(super) samples: String,
}

impl Profiler {
    /// Attaches it to the processes `pids`. Those that they start later are sampled too. The samples go to a temporary
    /// directory: about 4 MB for each second and busy core.
    ///
    /// # Errors
    ///
    /// perf is not installed, or not permitted to observe the processes, or there is no temporary directory.
    pub fn attach(pids: &[u32]) -> Result<Self, ToolError> {
        let unavailable = |error| ToolError::CannotRun(Tool::Perf, error);
        let folder = TempDir::with_prefix("mio-echo-perf-").map_err(unavailable)?;
        let output = format!("--output={}", data(&folder).display());
        let frequency = format!("--freq={SAMPLES_PER_SECOND}");
        // Build ids would make perf copy the programs into a cache in the user's home directory.
        let arguments = [
            "record",
            "--no-buildid",
            "--no-buildid-cache",
            &frequency,
            CALL_GRAPH,
            &output,
        ];
        let perf = Perf::attach(&arguments, pids)?;
        Ok(Self { perf, folder })
    }

    /// Starts to sample.
    pub fn enable(&mut self) {
        self.perf.enable();
    }

    /// Stops sampling.
    pub fn disable(&mut self) {
        self.perf.disable();
    }

    /// Detaches it, and has perf put names to the addresses.
    ///
    /// # Errors
    ///
    /// perf has failed.
    pub fn finish(self) -> Result<Profile, ToolError> {
        self.perf.finish()?;
        let mut script = Command::new(Tool::Perf.to_string());
        script
            .args(["script", "--no-inline", FIELDS, "--input"])
            .arg(data(&self.folder))
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        let output = script.output();
        let output = output.map_err(|error| ToolError::CannotRun(Tool::Perf, error))?;
        if !output.status.success() {
            return Err(ToolError::Failed(Tool::Perf, failure(&output)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter(|line| line.trim_start() != CUT_OFF);
        Ok(Profile {
            samples: lines.flat_map(|line| [line, "\n"]).collect(),
        })
    }
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("perf.data")
}

fn failure(output: &Output) -> ChildFailure {
    let (code, signal) = (output.status.code(), output.status.signal());
    let reason = code
        .map(ExitReason::Code)
        .or(signal.map(ExitReason::Signal));
    ChildFailure::Exited {
        reason: reason.unwrap_or(ExitReason::Unknown),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
