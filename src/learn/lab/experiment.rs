//! What an experiment consists of, and what running one yields.

pub use crate::text::chapter::Chapter;

use super::source;
use super::variant::Variant;
use crate::text::units::{self, TIME};
use crate::trace::Trace;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A mistake, and the experiment that shows it.
#[derive(Debug, Clone, Copy)]
pub struct Experiment {
    /// Its name on the command line.
    pub name: &'static str,
    /// The mistake, in a few words that complete "the mistake is ...".
    pub mistake: &'static str,
    /// The chapter of the guide that covers it.
    pub chapter: Chapter,
    /// How the wrong server fails, in one line.
    pub prediction: &'static str,
    /// Why it fails and what is right, in one paragraph.
    pub why: &'static str,
    /// Further reading: man pages, RFCs, files of this program.
    pub sources: &'static str,
    /// What the experiment sets side by side.
    pub comparison: SideBySide,
    /// The check of `mio-echo check` that the wrong server fails and the right one passes, or why there is none.
    pub check: Result<&'static str, &'static str>,
    /// The text of its source file.
    pub(super) source: &'static str,
    pub(super) run: fn(Variant, &Environment) -> io::Result<VariantRun>,
    pub(super) serve: Serve,
}

/// Runs one variant on its own, at an address, until SIGINT or SIGTERM. The last argument is called with the address at which
/// it listens.
pub(super) type Serve = fn(Variant, SocketAddr, &mut dyn FnMut(SocketAddr)) -> io::Result<()>;

/// What an experiment sets side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideBySide {
    /// A server with a mistake, and the server without it.
    Mistake,
    /// Two ways, each right in its place: the name of the first one, and of the second one.
    Ways(&'static str, &'static str),
}

/// What an experiment needs from its caller.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Path of the `mio-echo` program, for the experiments whose servers are processes: `sigpipe` and `threads-vs-loop`.
    pub program: PathBuf,
}

/// A finished run of both variants.
#[derive(Debug, Clone)]
pub struct ExperimentRun {
    /// The experiment that was run.
    pub experiment: Experiment,
    /// The run of the wrong server.
    pub wrong: VariantRun,
    /// The run of the right server.
    pub right: VariantRun,
}

/// A finished run of one variant.
#[derive(Debug, Clone)]
pub struct VariantRun {
    /// What the server did.
    pub trace: Trace,
    /// What was measured. Both variants of an experiment make the same observations in the same order.
    pub observations: Vec<Observation>,
    /// How it ended.
    pub outcome: VariantOutcome,
}

/// One measurement, formatted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What was measured.
    pub what: &'static str,
    /// The value, with its unit.
    pub value: String,
}

/// How the run of one variant ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariantOutcome {
    /// The server did everything that a correct server does.
    Correct,
    /// The server failed in exactly the way that the experiment predicts.
    FailedAsPredicted,
    /// Neither: what was found instead.
    Unexpected(String),
}

impl Experiment {
    /// Runs both variants, the wrong server first.
    ///
    /// While `emfile` runs, it lowers the limit on open files of the whole process: other threads cannot open
    /// files in the meantime.
    ///
    /// # Errors
    ///
    /// A socket could not be created, or something that has to happen did not happen within a minute.
    pub fn run(&self, environment: &Environment) -> io::Result<ExperimentRun> {
        Ok(ExperimentRun {
            experiment: *self,
            wrong: self.run_variant(Variant::Wrong, environment)?,
            right: self.run_variant(Variant::Right, environment)?,
        })
    }

    /// Runs one variant.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_variant(
        &self,
        variant: Variant,
        environment: &Environment,
    ) -> io::Result<VariantRun> {
        (self.run)(variant, environment)
            .map_err(|error| io::Error::new(error.kind(), format!("{variant} server: {error}")))
    }

    /// Runs one variant on its own until SIGINT or SIGTERM arrives, without a client and without a trace. Calls `ready` with
    /// the address at which it listens.
    ///
    /// # Errors
    ///
    /// The server cannot listen at `address`, or wait for events.
    pub fn serve(
        &self,
        variant: Variant,
        address: SocketAddr,
        mut ready: impl FnMut(SocketAddr),
    ) -> io::Result<()> {
        (self.serve)(variant, address, &mut ready)
    }

    /// What a variant is called in this experiment: the heading of its column.
    pub fn label(&self, variant: Variant) -> &'static str {
        match (self.comparison, variant) {
            (SideBySide::Mistake, Variant::Wrong) => "wrong",
            (SideBySide::Mistake, Variant::Right) => "right",
            (SideBySide::Ways(first, _), Variant::Wrong) => first,
            (SideBySide::Ways(_, second), Variant::Right) => second,
        }
    }

    /// The code of a variant's server, as it would be without the other variant.
    pub fn code(&self, variant: Variant) -> String {
        source::of_variant(self.source, variant)
    }

    /// Its source file.
    pub fn file(&self) -> String {
        let name = self.name.replace('-', "_");
        format!("src/learn/lab/experiments/{name}.rs")
    }

    /// Further reading, in one sentence.
    pub fn see_also(&self) -> String {
        let (chapter, sources) = (self.chapter, self.sources);
        format!(
            "See guide {chapter}; {sources}. The experiment: {}.",
            self.file()
        )
    }
}

impl ExperimentRun {
    /// The run of one variant.
    pub fn of(&self, variant: Variant) -> &VariantRun {
        match variant {
            Variant::Wrong => &self.wrong,
            Variant::Right => &self.right,
        }
    }

    /// Whether the wrong server failed as predicted and the right server was correct.
    pub fn is_as_predicted(&self) -> bool {
        self.variant_is_as_predicted(Variant::Wrong) && self.variant_is_as_predicted(Variant::Right)
    }

    /// Whether one variant ended as it should.
    pub fn variant_is_as_predicted(&self, variant: Variant) -> bool {
        let expected = match variant {
            Variant::Wrong => VariantOutcome::FailedAsPredicted,
            Variant::Right => VariantOutcome::Correct,
        };
        self.of(variant).outcome == expected
    }

    /// How one variant ended, in one sentence.
    pub fn conclusion(&self, variant: Variant) -> String {
        let prediction = self.experiment.prediction;
        match (variant, &self.of(variant).outcome) {
            (Variant::Wrong, VariantOutcome::FailedAsPredicted) => {
                match self.experiment.comparison {
                    SideBySide::Mistake => format!("failed as predicted: {prediction}"),
                    SideBySide::Ways(..) => format!("as predicted: {prediction}"),
                }
            }
            (Variant::Right, VariantOutcome::Correct) => match self.experiment.comparison {
                SideBySide::Mistake => "behaved correctly".to_owned(),
                SideBySide::Ways(..) => "as predicted: it does not".to_owned(),
            },
            (Variant::Wrong, VariantOutcome::Correct) => "UNEXPECTED: it did not fail".to_owned(),
            (Variant::Right, VariantOutcome::FailedAsPredicted) => {
                "UNEXPECTED: it failed like the wrong server".to_owned()
            }
            (_, VariantOutcome::Unexpected(found)) => format!("UNEXPECTED: {found}"),
        }
    }
}

impl VariantRun {
    /// A run without observations.
    pub(super) fn new(trace: Trace, outcome: VariantOutcome) -> Self {
        Self {
            trace,
            observations: Vec::new(),
            outcome,
        }
    }

    /// Adds an observation.
    pub(super) fn observe(mut self, what: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.observations.push(Observation { what, value });
        self
    }

    /// Adds an observation that is a number.
    pub(super) fn observe_count(self, what: &'static str, count: usize) -> Self {
        self.observe(what, units::count(count))
    }

    /// Adds an observation that is a number of bytes.
    pub(super) fn observe_bytes(self, what: &'static str, bytes: usize) -> Self {
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        self.observe(what, format!("{} {unit}", units::count(bytes)))
    }

    /// Adds an observation that is a duration.
    pub(super) fn observe_time(self, what: &'static str, time: Duration) -> Self {
        self.observe(what, units::value(time.as_secs_f64(), TIME))
    }
}

impl VariantOutcome {
    /// Neither correct nor as predicted.
    pub(super) fn unexpected(found: impl Debug) -> Self {
        Self::Unexpected(format!("found {found:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Mode;
    use crate::trace::Header;

    #[test]
    fn one_byte_is_singular() {
        let trace = Trace {
            header: Header::new(Mode::EventLoop),
            records: Vec::new(),
        };
        let run = VariantRun::new(trace, VariantOutcome::Correct)
            .observe_bytes("none", 0)
            .observe_bytes("one", 1)
            .observe_bytes("many", 131_072);
        let values: Vec<_> = run.observations.iter().map(|one| &one.value).collect();
        assert_eq!(values, ["0 bytes", "1 byte", "131,072 bytes"]);
    }
}
