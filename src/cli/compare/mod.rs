//! `mio-echo compare`: measure, or read an earlier comparison, and report.

mod arguments;
mod flame_graphs;
mod profiling;
mod progress;
mod reports;
mod values;

pub(crate) use arguments::{CompareArguments, EXAMPLES};

use crate::cli::files::check_reports;
use crate::cli::output::{FAILED, NOT_STARTED, fail, print_error};
use arguments::LEAST_ROUNDS;
use flame_graphs::FlameGraphs;
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::{
    self, Change, ContenderSpec, Plan, RatioCondition, before_after, peers, report, rounds_for,
    summary,
};
use mio_echo::text::os_error;
use progress::TerminalProgress;
use std::collections::HashSet;
use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What there is to report.
struct Outcome {
    comparison: Comparison,
    /// The exit code after an interrupt.
    interrupted: Option<u8>,
    /// Whether a flame graph that was asked for is missing.
    lacks_graph: bool,
}

pub(crate) fn run(arguments: &CompareArguments) -> ExitCode {
    let mut reports = arguments.reports();
    if let Err(error) = check_reports(reports.iter().map(|(_, path)| *path)) {
        return fail(NOT_STARTED, &error);
    }
    let before = arguments.baseline.as_deref().map(read).transpose();
    let before = match before {
        Ok(before) => before,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    let outcome = match arguments.from.as_slice() {
        [first, others @ ..] => read_again(first, others, arguments),
        [] => measure(arguments, before.as_ref()),
    };
    let Outcome {
        mut comparison,
        interrupted,
        lacks_graph,
    } = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    if let Some(before) = &before {
        comparison.before = Some(before_after::since(before, &comparison));
    }
    if !summary::has_values(&comparison) {
        let files = reports.len();
        reports.retain(|(_, path)| *path == Path::new("-"));
        if reports.len() < files {
            print_error("nothing was measured, so the files are left as they are");
        }
    }
    if let Err(error) = reports::write(&comparison, &reports) {
        return fail(FAILED, &error);
    }
    let is_worse = before.is_some() && has_regressions(&comparison);
    let is_crossed = has_crossed(&comparison, &arguments.fail_if);
    match interrupted {
        Some(code) => ExitCode::from(code),
        None if is_worse || is_crossed || lacks_graph || summary::has_failures(&comparison) => {
            ExitCode::from(FAILED)
        }
        None => ExitCode::SUCCESS,
    }
}

/// Prints what has become worse than in the baseline. Returns whether anything has, or nothing can be compared.
fn has_regressions(comparison: &Comparison) -> bool {
    let Some(before) = &comparison.before else {
        return false;
    };
    if before.changes.is_empty() {
        print_error(before_after::NOTHING_IN_COMMON);
        return true;
    }
    let margin = comparison.margin;
    let changes = before.changes.iter();
    let worse: Vec<&Change> = changes.filter(|it| it.is_regression(margin)).collect();
    for change in &worse {
        let change = change.describe(margin);
        print_error(&format!("worse than in the baseline: {change}"));
    }
    !worse.is_empty()
}

/// Prints the conditions that hold. Returns whether there are any.
fn has_crossed(comparison: &Comparison, conditions: &[RatioCondition]) -> bool {
    let conditions = conditions.iter();
    let failures: Vec<String> = conditions.flat_map(|it| it.failures(comparison)).collect();
    for failure in &failures {
        print_error(failure);
    }
    !failures.is_empty()
}

fn read_again(
    first: &Path,
    others: &[PathBuf],
    arguments: &CompareArguments,
) -> Result<Outcome, String> {
    let mut comparison = read(first)?;
    for file in others {
        let (one, other) = (first.display(), file.display());
        compare::merge(&mut comparison, read(file)?)
            .map_err(|error| format!("{other} cannot be merged with {one}: {error}"))?;
    }
    comparison.margin = arguments.margin.unwrap_or(comparison.margin);
    Ok(Outcome {
        comparison,
        interrupted: None,
        lacks_graph: false,
    })
}

fn read(file: &Path) -> Result<Comparison, String> {
    let text = if file == Path::new("-") {
        read_text(io::stdin().lock())
    } else {
        File::open(file).and_then(read_text)
    };
    let text = text.map_err(|error| {
        let reason = os_error::describe(&error);
        format!("cannot read {}: {reason}", file.display())
    })?;
    report::from_json(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Bytes of the longest comparison that is read. One of ten servers in six scenarios has less than a MiB; a file that is no
/// comparison may have no end.
const LONGEST_COMPARISON: u64 = 64 * 1024 * 1024;

fn read_text(input: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut bounded = input.take(LONGEST_COMPARISON);
    bounded.read_to_end(&mut bytes)?;
    if bounded.limit() == 0 {
        let reason = format!("longer than {LONGEST_COMPARISON} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "not UTF-8"))
}

fn measure(arguments: &CompareArguments, before: Option<&Comparison>) -> Result<Outcome, String> {
    arguments.validate()?;
    let mut plan = arguments.plan();
    plan.check()?;
    if let Some(folder) = &arguments.peers {
        plan.contenders
            .extend(build_peers(folder, &arguments.only)?);
    }
    check_names(&plan, &arguments.fail_if)?;
    arguments.profiling.check(&plan.contenders)?;
    let graphs = arguments.profiling.flamegraph.as_deref();
    let graphs = graphs.map(FlameGraphs::new).transpose()?;
    plan.common_rates = before.map(before_after::common_rates).unwrap_or_default();
    let enough = rounds_for(&plan, LEAST_ROUNDS);
    plan.rounds = arguments.rounds.unwrap_or(enough);
    let json = arguments.json.as_deref();
    let json = json.filter(|path| *path != Path::new("-"));
    let mut progress = TerminalProgress::new(json, graphs).map_err(|error| {
        let reason = os_error::describe(&error);
        format!("cannot catch signals: {reason}")
    })?;
    let comparison = compare::run(&plan, &mut progress);
    let (interrupted, lacks_graph) = progress.finish();
    Ok(Outcome {
        comparison,
        interrupted,
        lacks_graph,
    })
}

/// The servers of a manifest. Those that cannot be built here are logged and skipped.
fn build_peers(folder: &Path, only: &[String]) -> Result<Vec<ContenderSpec>, String> {
    let program = env::current_exe().map_err(|error| os_error::describe(&error))?;
    let peers = peers::prepare(folder, &program, only).map_err(|error| error.to_string())?;
    for skipped in &peers.skipped {
        log::warn!("skipping {}: {}", skipped.name, skipped.reason);
    }
    let ready = peers.ready.into_iter();
    ready
        .map(|peer| {
            let spec = ContenderSpec::command(peer.name, peer.command)?;
            let warm_up = peer.warm_up;
            Ok(ContenderSpec { warm_up, ..spec })
        })
        .collect()
}

fn check_names(plan: &Plan, conditions: &[RatioCondition]) -> Result<(), String> {
    let known: Vec<&str> = plan.contenders.iter().map(|it| it.name.as_str()).collect();
    let mut conditions = conditions.iter();
    if let Some(name) = conditions.find_map(|it| it.unknown_contender(&known)) {
        return Err(format!("--fail-if: no contender has the name `{name}`"));
    }
    let mut names = HashSet::new();
    let mut contenders = plan.contenders.iter();
    match contenders.find(|contender| !names.insert(&contender.name)) {
        Some(second) => Err(format!("two contenders have the name `{}`", second.name)),
        None => Ok(()),
    }
}
