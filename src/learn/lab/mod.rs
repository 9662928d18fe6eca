//! The lab: servers with one deliberate mistake each. Each experiment shows how such a server fails, and has the correct
//! server beside it.
//!
//! An experiment is one file. It contains one server, which checks in a single place which [`Variant`] it is, so the
//! mistake and the cure are next to each other. (`source` makes two servers of it, for the reports and for the projects of
//! `lab --edit`.) Both variants run within seconds on real loopback sockets. To prove that a connection has stalled, an
//! experiment asks the kernel about the sockets; silence alone proves nothing.
//!
//! Read in this order:
//!
//! 1. `experiment`: what an experiment consists of and what running one yields;
//! 2. `experiments/read_once.rs`, the shortest experiment;
//! 3. `harness`: the small edge-triggered server that most experiments build their mistake into, the client,
//!    and the harness that steps both;
//! 4. `report`: a finished run as text and as an HTML page.
//!
//! ```
//! use mio_echo::learn::lab::{self, Environment, VariantOutcome};
//!
//! let experiment = lab::find("read-once").unwrap();
//! let run = experiment.run(&Environment::default())?;
//! assert_eq!(run.wrong.outcome, VariantOutcome::FailedAsPredicted);
//! assert_eq!(run.right.outcome, VariantOutcome::Correct);
//! # Ok::<(), std::io::Error>(())
//! ```

mod experiment;
mod experiments;
mod harness;
pub mod project;
pub mod report;
mod source;
mod variant;

pub use experiment::{
    Chapter, Environment, Experiment, ExperimentRun, Observation, SideBySide, VariantOutcome,
    VariantRun,
};
pub use variant::Variant;

/// All experiments, in the order of the guide's chapters.
pub const EXPERIMENTS: [Experiment; 26] = [
    experiments::bytes_are_not_text::EXPERIMENT,
    experiments::busy_wait::EXPERIMENT,
    experiments::always_writable::EXPERIMENT,
    experiments::fatal_would_block::EXPERIMENT,
    experiments::token_reuse::EXPERIMENT,
    experiments::duplicate_descriptor::EXPERIMENT,
    experiments::read_once::EXPERIMENT,
    experiments::short_read::EXPERIMENT,
    experiments::partial_write::EXPERIMENT,
    experiments::forgotten_writable::EXPERIMENT,
    experiments::unbounded_queue::EXPERIMENT,
    experiments::write_write_read::EXPERIMENT,
    experiments::no_budget::EXPERIMENT,
    experiments::close_on_eof::EXPERIMENT,
    experiments::close_on_rdhup::EXPERIMENT,
    experiments::close_with_unread::EXPERIMENT,
    experiments::sigpipe::EXPERIMENT,
    experiments::accept_once::EXPERIMENT,
    experiments::emfile::EXPERIMENT,
    experiments::exit_without_drain::EXPERIMENT,
    experiments::slowloris::EXPERIMENT,
    experiments::blocking_call::EXPERIMENT,
    experiments::threads_vs_loop::EXPERIMENT,
    experiments::coordinated_omission::EXPERIMENT,
    experiments::thundering_herd::EXPERIMENT,
    experiments::echo_loop::EXPERIMENT,
];

/// The experiment named `name`.
pub fn find(name: &str) -> Option<Experiment> {
    EXPERIMENTS.into_iter().find(|one| one.name == name)
}

/// The experiment whose name is most similar to `name`, unless none is similar enough.
pub fn nearest(name: &str) -> Option<Experiment> {
    let names = EXPERIMENTS.iter().map(|one| one.name);
    find(crate::text::nearest::nearest(name, names)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_experiment_is_found_by_its_name_and_by_a_misspelt_one() {
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
            assert!(length <= 49, "{}: {length}", one.name);
        }
    }
}
