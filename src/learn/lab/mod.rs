//! The laboratory: wrong servers on purpose, each with the experiment that shows what breaks, and the right
//! one beside it.
//!
//! An experiment is a file. Its server is written once, and at the one place that matters it asks which
//! [`Variant`] it is: the mistake and its cure stand next to each other. Both halves run on real loopback
//! sockets, in seconds, and prove what they say by asking the kernel (`kernel`), not by waiting for a while.
//!
//! Read `site` and `workbench` first, the small edge-triggered server into which most experiments hang
//! their mistake, and the hand that turns it; then [any experiment](EXPERIMENTS).
//!
//! ```
//! use mio_echo::learn::lab::{self, Outcome, Surroundings};
//!
//! let experiment = lab::find("read-once").unwrap();
//! let report = experiment.run(&Surroundings::default())?;
//! assert_eq!(report.wrong.outcome, Outcome::Broke);
//! assert_eq!(report.right.outcome, Outcome::Held);
//! # Ok::<(), std::io::Error>(())
//! ```

mod experiments;
mod harness;

pub use harness::half::{Half, Observation, Outcome};
pub use harness::report::Report;

use std::fmt;
use std::io;
use std::path::PathBuf;

/// All experiments, in the order of the guide's chapters.
pub const EXPERIMENTS: [Experiment; 14] = [
    experiments::bytes_are_not_text::EXPERIMENT,
    experiments::always_writable::EXPERIMENT,
    experiments::token_reuse::EXPERIMENT,
    experiments::read_once::EXPERIMENT,
    experiments::short_read::EXPERIMENT,
    experiments::partial_write::EXPERIMENT,
    experiments::forgotten_writable::EXPERIMENT,
    experiments::unbounded_queue::EXPERIMENT,
    experiments::no_budget::EXPERIMENT,
    experiments::close_on_eof::EXPERIMENT,
    experiments::close_with_unread::EXPERIMENT,
    experiments::accept_once::EXPERIMENT,
    experiments::emfile::EXPERIMENT,
    experiments::threads_vs_loop::EXPERIMENT,
];

/// A mistake, and what shows it.
#[derive(Debug, Clone, Copy)]
pub struct Experiment {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The mistake, in one line.
    pub mistake: &'static str,
    /// Where the guide speaks of it.
    pub chapter: Chapter,
    /// How the wrong server fails, in one line.
    pub promise: &'static str,
    /// Why it fails and what is right, in one paragraph.
    pub why: &'static str,
    /// Where to read on: man pages, RFCs, files of this program.
    pub sources: &'static str,
    half: fn(Variant, &Surroundings) -> io::Result<Half>,
}

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The one with the mistake.
    Wrong,
    /// The one without.
    Right,
}

/// What an experiment needs from outside.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The `mio-echo` program, for the experiment that compares whole processes (`threads-vs-loop`).
    pub program: PathBuf,
}

/// A chapter of the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the titles say it")]
pub enum Chapter {
    BlockingEcho,
    Readiness,
    EdgesAndDraining,
    PartialWrites,
    Fairness,
    Endings,
    Accepting,
    Contrast,
}

impl Chapter {
    /// Its number in the guide.
    pub fn number(self) -> u8 {
        match self {
            Self::BlockingEcho => 1,
            Self::Readiness => 2,
            Self::EdgesAndDraining => 3,
            Self::PartialWrites => 4,
            Self::Fairness => 5,
            Self::Endings => 6,
            Self::Accepting => 7,
            Self::Contrast => 9,
        }
    }

    /// Its title in the guide.
    pub fn title(self) -> &'static str {
        match self {
            Self::BlockingEcho => "a blocking echo",
            Self::Readiness => "readiness",
            Self::EdgesAndDraining => "edges and draining",
            Self::PartialWrites => "partial writes and backpressure",
            Self::Fairness => "fairness and budgets",
            Self::Endings => "half-close, linger, RST",
            Self::Accepting => "accept, limits, EMFILE",
            Self::Contrast => "the contrast: a thread for each connection",
        }
    }
}

impl Experiment {
    /// Runs both halves, the wrong server first.
    ///
    /// `emfile` lowers the limit on open files of the whole process while it runs: whoever opens files on
    /// other threads meanwhile fails.
    ///
    /// # Errors
    ///
    /// A socket could not be made, or something that has to happen did not within a minute.
    pub fn run(&self, surroundings: &Surroundings) -> io::Result<Report> {
        Ok(Report {
            experiment: *self,
            wrong: self.run_half(Variant::Wrong, surroundings)?,
            right: self.run_half(Variant::Right, surroundings)?,
        })
    }

    /// Runs one half.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_half(&self, variant: Variant, surroundings: &Surroundings) -> io::Result<Half> {
        (self.half)(variant, surroundings)
            .map_err(|error| io::Error::new(error.kind(), format!("the {variant} half: {error}")))
    }

    /// Where to read on, in one sentence.
    fn read_on(&self) -> String {
        let (number, title) = (self.chapter.number(), self.chapter.title());
        let sources = self.sources;
        format!("See guide chapter {number}, {title}; {sources}.")
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "wrong",
            Self::Right => "right",
        })
    }
}

/// The experiment of this name.
pub fn find(name: &str) -> Option<Experiment> {
    EXPERIMENTS.into_iter().find(|one| one.name == name)
}

/// The experiment whose name is most like `name`, if any is like it at all.
pub fn nearest(name: &str) -> Option<Experiment> {
    /// From 0, nothing in common, to 1, the same.
    const ALIKE: f64 = 0.7;
    let likeness = |one: &Experiment| strsim::jaro_winkler(one.name, name);
    let best = EXPERIMENTS
        .into_iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    best.filter(|one| likeness(one) > ALIKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_experiment_can_be_found_by_its_name_and_by_a_misspelt_one() {
        for one in EXPERIMENTS {
            assert_eq!(find(one.name).unwrap().mistake, one.mistake);
            let misspelt = one.name.replacen(['e', 'a'], "", 1);
            assert_eq!(nearest(&misspelt).unwrap().name, one.name);
        }
        assert!(find("").is_none());
        assert!(nearest("quantum").is_none());
    }

    #[test]
    fn a_mistake_fits_on_its_line_of_the_list() {
        for one in EXPERIMENTS {
            let length = one.mistake.chars().count();
            assert!(length <= 50, "{}: {length}", one.name);
        }
    }
}
