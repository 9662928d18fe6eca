//! Makes the timelines that the guide shows: records them in the lab, and writes each as a trace and as a frame for the
//! page of its chapter.
//!
//! ```console
//! $ cargo run --example guide_timelines            # after a change to the timeline's page
//! $ cargo run --example guide_timelines -- record  # after a change to an experiment or to the format of traces
//! ```
//!
//! Both are checked in, in `src/learn/guide/timelines/`. A test of the guide fails if a frame is not what its trace gives.

use mio_echo::learn::lab::{self, Environment, Variant};
use mio_echo::trace::json_lines::{write_header, write_record};
use mio_echo::trace::{Event, Trace, timeline};
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

/// The name of each timeline, what it shows, and the number of yields that it ends after.
const TIMELINES: [(&str, &str, Variant, usize); 5] = [
    ("partial_write_right", "partial-write", Variant::Right, ALL),
    ("read_once_wrong", "read-once", Variant::Wrong, ALL),
    // The first of ten rounds.
    ("no_budget_right", "no-budget", Variant::Right, 52),
    ("close_on_eof_wrong", "close-on-eof", Variant::Wrong, ALL),
    (
        "exit_without_drain_right",
        "exit-without-drain",
        Variant::Right,
        ALL,
    ),
];
const ALL: usize = usize::MAX;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/learn/guide/timelines");
    let is_recording = std::env::args().any(|argument| argument == "record");
    for (name, experiment, variant, yields) in TIMELINES {
        let path = |extension: &str| -> PathBuf { folder.join(name).with_extension(extension) };
        if is_recording {
            record(experiment, variant, yields, &path("jsonl"))?;
        }
        let trace = Trace::read(&mut BufReader::new(File::open(path("jsonl"))?))?;
        let mut frame = Vec::new();
        timeline::write_frame(&trace, &mut frame)?;
        fs::write(path("html"), frame)?;
    }
    Ok(())
}

fn record(
    experiment: &str,
    variant: Variant,
    most_yields: usize,
    path: &Path,
) -> Result<(), Box<dyn Error>> {
    let experiment = lab::find(experiment).ok_or("no such experiment")?;
    // No experiment listed above starts the program.
    let program = PathBuf::new();
    let trace = experiment
        .run_variant(variant, &Environment { program })?
        .trace;
    let mut file = BufWriter::new(File::create(path)?);
    write_header(&trace.header, &mut file)?;
    let mut yields = 0;
    for record in &trace.records {
        write_record(record, &mut file)?;
        yields += usize::from(record.event == Event::Yielded);
        if yields == most_yields {
            break;
        }
    }
    Ok(())
}
