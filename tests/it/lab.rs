//! The lab: each wrong server fails as predicted, every time, and the right one does not fail.

use crate::harness::browser::{Screen, document_of};
use crate::harness::machine::descriptors_or_skip;
use crate::harness::{self, Exit, PROGRAM, command, program, skip, tool_or_skip};
use mio_echo::learn::lab::{
    self, EXPERIMENTS, Environment, Experiment, ExperimentRun, SideBySide, Variant, VariantRun,
    report,
};
use mio_echo::trace::Colour;
use std::fs;
use std::path::Path;

/// Lowers a limit of its whole process, so it runs in a process of its own.
const ALONE: &str = "emfile";
/// Takes seconds, and needs proc(5).
const PROCESSES: &str = "threads-vs-loop";

fn run(arguments: &[&str]) -> Exit {
    harness::run(&mut program(arguments))
}

fn environment() -> Environment {
    let program = PROGRAM.into();
    Environment { program }
}

/// Runs `experiment`, whose results must be as predicted, and checks its report.
fn assert_as_predicted(experiment: &Experiment) -> ExperimentRun {
    let run = experiment
        .run(&environment())
        .unwrap_or_else(|error| panic!("{}: {error}", experiment.name));
    let text = report::text(&run, Colour::Plain, 80);
    assert!(run.is_as_predicted(), "{text}");
    assert_well_formed(experiment.name, &text);
    for variant in [&run.wrong, &run.right] {
        let mut records = variant.trace.records.windows(2);
        let back = records.find(|pair| pair[1].at < pair[0].at);
        assert!(back.is_none(), "{}: time falls: {back:?}", experiment.name);
    }
    run
}

#[test]
fn each_wrong_server_fails_as_predicted_and_the_right_one_does_not() {
    let name = "lab::each_wrong_server_fails_as_predicted_and_the_right_one_does_not";
    harness::alone(name, || {
        for experiment in EXPERIMENTS {
            if ![ALONE, PROCESSES].contains(&experiment.name) {
                let run = assert_as_predicted(&experiment);
                assert_observations_correspond(&run);
            }
        }
    });
}

/// Both variants make the same observations, each of which fits into its column.
fn assert_observations_correspond(run: &ExperimentRun) {
    let names = |run: &VariantRun| run.observations.iter().map(|one| one.what).collect();
    let (wrong, right): (Vec<_>, Vec<_>) = (names(&run.wrong), names(&run.right));
    assert_eq!(wrong, right, "both variants make the same observations");
    let mut observations = run.wrong.observations.iter().chain(&run.right.observations);
    assert!(
        observations.all(|one| one.what.len() <= 34 && one.value.len() <= 20),
        "{}: an observation does not fit into its column",
        run.experiment.name
    );
}

#[test]
fn without_descriptors_the_wrong_servers_spin_or_stop_accepting_and_the_right_one_recovers() {
    let exit = run(&["lab", ALONE]);
    let text = exit.text();
    assert_eq!(exit.code, Some(0), "{text}{}", exit.stderr);
    assert_well_formed(ALONE, text);
}

#[test]
fn thousands_of_idle_connections_cost_much_with_threads_and_little_with_the_loop() {
    if !Path::new("/proc/self/schedstat").exists() {
        skip("there is no proc(5) to measure with");
        return;
    }
    let Some(_descriptors) = descriptors_or_skip(5000) else {
        return;
    };
    assert_as_predicted(&lab::find(PROCESSES).unwrap());
}

/// The report fits a terminal of 80 columns, and has both conclusions and further reading.
fn assert_well_formed(name: &str, text: &str) {
    for line in text.lines() {
        let width = line.chars().count();
        assert!(width <= 80, "{name}: {width} columns: {line}");
    }
    for expected in [
        &format!("{name}: ")[..],
        "See guide chapter",
        "as predicted: ",
        match lab::find(name).unwrap().comparison {
            SideBySide::Mistake => "\n  right  behaved correctly",
            SideBySide::Ways(..) => "as predicted: it does not",
        },
    ] {
        assert!(
            text.contains(expected),
            "{name} lacks {expected:?}:\n{text}"
        );
    }
}

#[test]
fn a_wrong_server_that_does_not_fail_is_reported_as_unexpected() {
    let experiment = lab::find("read-once").unwrap();
    let right = experiment.run_variant(Variant::Right, &environment());
    let right = right.unwrap();
    let run = ExperimentRun {
        experiment,
        wrong: right.clone(),
        right,
    };
    assert!(!run.is_as_predicted());
    let text = report::text(&run, Colour::Plain, 80);
    assert!(
        text.contains("wrong  UNEXPECTED: it did not fail"),
        "{text}"
    );
    assert!(text.contains("right  behaved correctly"), "{text}");
}

#[test]
fn the_source_files_that_experiments_name_exist() {
    for experiment in EXPERIMENTS {
        let words = experiment.sources.split([' ', ',', ';']);
        let mut files = words.filter(|word| word.starts_with("src/")).peekable();
        assert!(files.peek().is_some(), "{} names none", experiment.name);
        for file in files {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            assert!(path.exists(), "{}: {file}", experiment.name);
        }
    }
}

#[test]
fn the_list_has_one_line_for_each_experiment() {
    let exit = run(&["lab"]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let mut lines = exit.text().lines();
    assert_eq!(lines.clone().count(), 1 + EXPERIMENTS.len());
    let _heading = lines.next();
    for (line, experiment) in lines.zip(EXPERIMENTS) {
        assert!(line.starts_with(experiment.name), "{line}");
        assert!(line.contains(experiment.mistake), "{line}");
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn an_unknown_experiment_is_an_error_that_suggests_the_nearest() {
    for (name, hint) in [
        ("read-onec", "did you mean `read-once`?"),
        ("emfiles", "did you mean `emfile`?"),
        ("quantum", "`mio-echo lab` lists them"),
    ] {
        let exit = run(&["lab", name]);
        assert_eq!(exit.code, Some(2), "{name}");
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
        assert!(exit.stderr.contains(hint), "{}", exit.stderr);
        assert!(exit.stdout.is_empty(), "{:?}", exit.stdout);
    }
}

#[test]
fn a_report_that_does_not_go_to_a_terminal_has_no_escape_sequences() {
    let exit = run(&["lab", "read-once"]);
    let text = exit.text();
    assert_eq!(exit.code, Some(0), "{text}{}", exit.stderr);
    assert_well_formed("read-once", text);
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.contains("#1 read 16"), "{text}");
}

#[test]
fn the_page_has_the_observations_and_a_working_timeline_of_each_server() {
    if !tool_or_skip("chromium") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let exit = run(&["lab", "read-once", "--html", path.to_str().unwrap()]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);

    // A script at the end of the page waits for both timelines and appends their text to the page.
    let page = fs::read_to_string(&path).unwrap();
    let page = page.replace("</body>", READER);
    let document = document_of(&page, "", Screen::DESKTOP);
    let (_, report) = document.rsplit_once("REPORT").expect("the script has run");
    let (wrong, right) = report.split_once("BESIDE").expect("two timelines");
    for timeline in [wrong, right] {
        assert!(
            timeline.contains("one thread, an event loop · 1 connection"),
            "{timeline}"
        );
    }
    assert_eq!(wrong.matches("read 16").count(), 1, "{wrong}");
    assert_eq!(right.matches("read 16").count(), 4, "{right}");
    assert!(
        document.contains("<td>16 bytes</td><td>64 bytes</td>"),
        "the numbers"
    );
}

/// Opens the records of both timelines and appends their text to the page.
const READER: &str = r#"<script>
addEventListener("load", () => {
  const texts = [...document.querySelectorAll("iframe")].map(({ contentDocument: inner }) => {
    inner.querySelector("details").open = true;
    inner.querySelector("details").dispatchEvent(new Event("toggle"));
    return inner.getElementById("about").textContent + inner.getElementById("records").textContent;
  });
  document.body.append("REPORT" + texts.join("BESIDE"));
});
</script></body>"#;

#[test]
fn a_page_that_cannot_be_created_is_an_error_and_nothing_runs() {
    let exit = run(&["lab", "read-once", "--html", "/nowhere/page.html"]);
    assert_eq!(exit.code, Some(2), "{}", exit.stderr);
    assert!(
        exit.stderr.contains("cannot write /nowhere/page.html: "),
        "{}",
        exit.stderr
    );
    assert!(exit.stdout.is_empty(), "{:?}", exit.stdout);
}

#[test]
fn an_experiment_that_cannot_be_run_fails_with_a_one_line_error() {
    let mut shell = command("sh");
    shell.args([
        "-c",
        "ulimit -n 500 && exec \"$0\" lab threads-vs-loop",
        PROGRAM,
    ]);
    let exit = harness::run(&mut shell);
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    assert!(
        exit.stderr.contains("limit on open files"),
        "{}",
        exit.stderr
    );
}
