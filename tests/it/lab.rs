//! The laboratory: each wrong server fails in the way that is promised, each time, and the right one does not.

use crate::common::process::{Exit, PROGRAM, program};
use crate::common::{Child, skip, tool_or_skip};
use mio_echo::learn::lab::{self, EXPERIMENTS, Experiment, Report, Surroundings, Variant};
use mio_echo::trace::Colour;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Takes a limit from its whole process, and so is run as one, not on a thread among others.
const ALONE: &str = "emfile";
/// Takes seconds, and reads proc(5).
const PROCESSES: &str = "threads-vs-loop";

fn run(arguments: &[&str]) -> Exit {
    Child::spawn(&mut program(arguments)).wait()
}

fn surroundings() -> Surroundings {
    let program = PROGRAM.into();
    Surroundings { program }
}

fn assert_as_promised(experiment: &Experiment) -> Report {
    let report = experiment
        .run(&surroundings())
        .unwrap_or_else(|error| panic!("{}: {error}", experiment.name));
    assert!(report.is_as_promised(), "{}", report.text(Colour::Plain));
    report
}

#[test]
fn each_wrong_server_fails_as_promised_and_the_right_one_does_not() {
    for experiment in EXPERIMENTS {
        if ![ALONE, PROCESSES].contains(&experiment.name) {
            let report = assert_as_promised(&experiment);
            assert_well_told(experiment.name, &report.text(Colour::Plain));
            let names = |half: &lab::Half| half.observed.iter().map(|one| one.what).collect();
            let (wrong, right): (Vec<_>, Vec<_>) = (names(&report.wrong), names(&report.right));
            assert_eq!(wrong, right, "both halves observe the same things");
        }
    }
}

#[test]
fn without_descriptors_the_wrong_servers_spin_or_go_deaf_and_the_right_one_does_neither() {
    let exit = run(&["lab", ALONE]);
    let text = exit.stdout.join("\n");
    assert_eq!(exit.code, Some(0), "{text}{}", exit.stderr);
    assert_well_told(ALONE, &text);
}

#[test]
fn thousands_of_idle_connections_cost_threads_much_and_the_loop_little() {
    if !Path::new("/proc/self/schedstat").exists() {
        skip("there is no proc(5) to measure with");
        return;
    }
    let report = assert_as_promised(&lab::find(PROCESSES).unwrap());
    assert_well_told(PROCESSES, &report.text(Colour::Plain));
}

/// Fits a terminal of 80 columns, and shows both verdicts and where to read on.
fn assert_well_told(name: &str, text: &str) {
    for line in text.lines() {
        let width = line.chars().count();
        assert!(width <= 80, "{name}: {width} columns: {line}");
    }
    for words in [
        &format!("{name}: "),
        "See guide chapter",
        "\n  wrong  failed as promised: ",
        "\n  right  did all that it should",
    ] {
        assert!(text.contains(words), "{name} lacks {words:?}:\n{text}");
    }
}

#[test]
fn one_half_in_place_of_the_other_is_a_surprise_and_says_which() {
    let right = lab::find("read-once").unwrap();
    let right = right.run_half(Variant::Right, &surroundings()).unwrap();
    let report = Report {
        experiment: lab::find("read-once").unwrap(),
        wrong: right.clone(),
        right,
    };
    assert!(!report.is_as_promised());
    let text = report.text(Colour::Plain);
    assert!(text.contains("wrong  SURPRISE: it did not fail"), "{text}");
    assert!(text.contains("right  did all that it should"), "{text}");
}

#[test]
fn the_files_to_read_on_exist() {
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
fn the_list_names_every_experiment_on_a_line() {
    let exit = run(&["lab"]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert_eq!(exit.stdout.len(), 1 + EXPERIMENTS.len());
    for (line, experiment) in exit.stdout[1..].iter().zip(EXPERIMENTS) {
        assert!(line.starts_with(experiment.name), "{line}");
        assert!(line.contains(experiment.mistake), "{line}");
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn an_unknown_experiment_is_a_mistake_that_names_the_nearest() {
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
fn a_run_is_told_without_escape_sequences_where_nobody_looks() {
    let exit = run(&["lab", "read-once"]);
    let text = exit.stdout.join("\n");
    assert_eq!(exit.code, Some(0), "{text}{}", exit.stderr);
    assert_well_told("read-once", &text);
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.contains("#1 read 16"), "{text}");
}

#[test]
fn the_page_has_the_story_and_a_timeline_that_works_for_each_half() {
    if !tool_or_skip("chromium") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let exit = run(&["lab", "read-once", "--html", path.to_str().unwrap()]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);

    // A script at the end of the page waits for both timelines and leaves what they say of themselves.
    let page = fs::read_to_string(&path).unwrap();
    fs::write(&path, page.replace("</body>", READER)).unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg("--virtual-time-budget=10000")
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let document = String::from_utf8_lossy(&output.stdout);
    let (_, report) = document.rsplit_once("REPORT").expect("the script has run");
    let (wrong, right) = report.split_once("BESIDE").expect("two timelines");
    for half in [wrong, right] {
        assert!(
            half.contains("one thread, an event loop · 1 connection"),
            "{half}"
        );
    }
    assert_eq!(wrong.matches("read 16").count(), 1, "{wrong}");
    assert_eq!(right.matches("read 16").count(), 4, "{right}");
    assert!(
        document.contains("<td>16 bytes</td><td>64 bytes</td>"),
        "the numbers"
    );
}

/// Opens the text of both timelines, and puts what is read there into the page.
const READER: &str = r#"<script>
addEventListener("load", () => {
  const told = [...document.querySelectorAll("iframe")].map(({ contentDocument: inner }) => {
    inner.querySelector("details").open = true;
    inner.querySelector("details").dispatchEvent(new Event("toggle"));
    return inner.getElementById("about").textContent + inner.getElementById("records").textContent;
  });
  document.body.append("REPORT" + told.join("BESIDE"));
});
</script></body>"#;

#[test]
fn a_page_that_cannot_be_written_is_a_mistake_and_nothing_runs() {
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
fn an_experiment_that_cannot_be_made_fails_in_one_line() {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "ulimit -n 500 && exec \"$0\" lab threads-vs-loop",
        PROGRAM,
    ]);
    let exit = Child::spawn(&mut shell).wait();
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    assert!(
        exit.stderr.contains("limit on open files"),
        "{}",
        exit.stderr
    );
}
