//! `mio-echo compare`: measure, or read an earlier comparison, and report.

mod arguments;
mod progress;
mod reports;

pub(crate) use arguments::{CompareArguments, EXAMPLES};

use crate::cli::output::{FAILED, NOT_STARTED, fail};
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::{self, ContenderSpec, Plan, peers, report, summary};
use mio_echo::text::os_error;
use progress::TerminalProgress;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The exit code after a second Ctrl-C: that of a shell for a process that SIGINT killed.
const INTERRUPTED: u8 = 130;

pub(crate) fn run(arguments: &CompareArguments) -> ExitCode {
    let reports = arguments.reports();
    if let Err(error) = reports::check_writable(&reports) {
        return fail(NOT_STARTED, &error);
    }
    let comparison = match &arguments.from {
        Some(file) => read(file).map(Some),
        None => measure(arguments),
    };
    let comparison = match comparison {
        Ok(Some(comparison)) => comparison,
        Ok(None) => return ExitCode::from(INTERRUPTED),
        Err(error) => return fail(NOT_STARTED, &error),
    };
    if let Err(error) = reports::write(&comparison, &reports) {
        return fail(FAILED, &error);
    }
    if summary::has_failures(&comparison) {
        return ExitCode::from(FAILED);
    }
    ExitCode::SUCCESS
}

fn read(file: &Path) -> Result<Comparison, String> {
    let text = if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| {
        let reason = os_error::describe(&error);
        format!("cannot read {}: {reason}", file.display())
    })?;
    report::from_json(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// `None` after a second interrupt.
fn measure(arguments: &CompareArguments) -> Result<Option<Comparison>, String> {
    let mut plan = arguments.plan();
    if let Some(folder) = &arguments.peers {
        plan.contenders.extend(build_peers(folder)?);
    }
    check_names(&plan)?;
    let mut progress = TerminalProgress::new().map_err(|error| {
        let reason = os_error::describe(&error);
        format!("cannot catch signals: {reason}")
    })?;
    let comparison = compare::run(&plan, &mut progress);
    Ok((progress.finish() < 2).then_some(comparison))
}

/// The servers of a manifest. Those that cannot be built here are logged and skipped.
fn build_peers(folder: &Path) -> Result<Vec<ContenderSpec>, String> {
    let peers = peers::prepare(folder).map_err(|error| error.to_string())?;
    for skipped in &peers.skipped {
        log::warn!("skipping {}: {}", skipped.name, skipped.reason);
    }
    let ready = peers.ready.into_iter();
    ready
        .map(|peer| ContenderSpec::command(peer.name, peer.command))
        .collect()
}

fn check_names(plan: &Plan) -> Result<(), String> {
    let mut names = HashSet::new();
    let mut contenders = plan.contenders.iter();
    match contenders.find(|contender| !names.insert(&contender.name)) {
        Some(second) => Err(format!("two contenders have the name `{}`", second.name)),
        None => Ok(()),
    }
}
