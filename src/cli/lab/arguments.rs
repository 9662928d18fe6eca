//! `mio-echo lab`: its arguments.

use super::LabRequest;
use clap::Args;
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Exit codes:
  0 the wrong server failed as promised and the right one did not; 1 one of them surprised;
  2 wrong usage, or no such experiment.

Examples:
  mio-echo lab
  mio-echo lab read-once
  mio-echo lab read-once --html read-once.html";

#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// The experiment to run; without a name, all are listed
    name: Option<String>,

    /// Write the timelines of both servers beside each other, as a page that needs nothing else
    #[arg(long, value_name = "FILE", requires = "name")]
    html: Option<PathBuf>,
}

impl From<Lab> for LabRequest {
    fn from(lab: Lab) -> Self {
        match lab.name {
            Some(name) => Self::Run {
                name,
                page: lab.html,
            },
            None => Self::List,
        }
    }
}
