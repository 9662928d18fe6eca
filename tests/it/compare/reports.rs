//! All reports agree, and go where they are asked to.

use super::{comparison, measured_briefly, run, saved, text};
use crate::harness::{Child, PROGRAM, command};
use mio_echo::measure::compare::model::{Comparison, MeasurementStatus};
use mio_echo::measure::compare::{merge, report};
use std::fs;

#[test]
fn every_report_is_written_and_a_saved_comparison_is_reported_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let json = path("saved.json");
    fs::write(&json, saved()).unwrap();
    let from = format!("--from={}", json.display());
    let option = |kind: &str| format!("--{kind}={}", path(kind).display());
    let reports = ["html", "svg", "markdown", "csv", "json"];
    let options: Vec<String> = reports.iter().map(|kind| option(kind)).collect();
    let mut arguments: Vec<&str> = options.iter().map(String::as_str).collect();
    arguments.push(&from);

    let finished = run(&arguments);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let comparison = comparison(saved());
    assert_eq!(text(&finished), report::terminal(&comparison));
    let written = |kind: &str| fs::read_to_string(path(kind)).unwrap();
    assert_eq!(written("html"), report::html(&comparison));
    assert_eq!(written("json"), saved());
    assert_eq!(written("csv").lines().count(), 1 + 2 * 3 * 6);
    assert_eq!(written("markdown").matches("\n| threads |").count(), 2);
    for kind in ["html", "markdown", "csv", "json", "svg"] {
        assert!(!written(kind).contains("no difference"), "{kind}");
    }
    assert!(written("svg").starts_with("<svg"));
}

#[test]
fn a_condition_that_holds_and_a_regression_fail_a_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, comparison: &Comparison| {
        let path = folder.path().join(name);
        fs::write(&path, report::json(comparison).unwrap()).unwrap();
        path.display().to_string()
    };
    let now = comparison(saved());
    let mut faster = now.clone();
    let scenarios = faster.scenarios.iter_mut();
    for measurement in scenarios.flat_map(|it| &mut it.measurements) {
        if let MeasurementStatus::Measured(values) = &mut measurement.status {
            values.messages *= 1000;
        }
    }
    let from = format!("--from={}", write("now", &now));
    let before = |name, comparison| format!("--baseline={}", write(name, comparison));
    for (option, code, words) in [
        ("--fail-if=threads/event-loop memory>1000".to_owned(), 0, ""),
        (
            "--fail-if=threads/event-loop memory>0.001".to_owned(),
            1,
            "memory>0.001: ×",
        ),
        (before("same", &now), 0, ""),
        (
            before("faster", &faster),
            1,
            "worse than in the baseline: echo",
        ),
    ] {
        let finished = run(&[&from, &option]);
        assert_eq!(finished.code, Some(code), "{option}: {}", finished.stderr);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
        let has_changes = text(&finished).contains("Against the comparison of ");
        assert_eq!(has_changes, option.contains("baseline"), "{option}");
    }
}

#[test]
fn saved_comparisons_of_one_machine_are_reported_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, comparison: &Comparison| {
        let path = folder.path().join(name);
        fs::write(&path, report::json(comparison).unwrap()).unwrap();
        path.display().to_string()
    };
    let one = comparison(saved());
    let mut elsewhere = one.clone();
    elsewhere.machine.processor = "another".to_owned();
    let (first, second) = (write("first", &one), write("second", &one));
    let third = write("third", &elsewhere);
    let finished = run(&["--from", &first, &second]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let mut both = one.clone();
    merge(&mut both, one).unwrap();
    assert_eq!(text(&finished), report::terminal(&both));
    assert!(text(&finished).contains("12 rounds of 30ms"));
    let finished = run(&["--from", &first, &third]);
    let reason = "third cannot be merged with ";
    assert!(finished.stderr.contains(reason), "{}", finished.stderr);
    let reason = ": it was measured on another machine or kernel";
    assert!(finished.stderr.ends_with(reason), "{}", finished.stderr);
    assert_eq!((finished.code, text(&finished)), (Some(2), ""));
}

#[test]
fn a_report_on_standard_output_is_alone_there() {
    let finished = measured_briefly(&["--rounds=1", "--csv=-", "event-loop"]);
    let lines: Vec<&str> = text(&finished).lines().collect();
    assert_eq!(
        lines.len(),
        1 + 2,
        "header, baseline, and second baseline: {lines:?}"
    );
    assert!(lines[0].starts_with("pattern,connections,"), "{lines:?}");
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let shell = "\"$0\" compare --from=- --csv=- | head -n 1";
    let mut command = command("sh");
    command.args(["-c", shell, PROGRAM]);
    let finished = Child::spawn_with_input(&mut command).finish(saved().as_bytes().to_vec());
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
}
