//! `mio-echo compare --flamegraph DIR`: a file for each contender and scenario.

use crate::cli::files::{check_writable, write_to};
use crate::cli::output::print_error;
use mio_echo::measure::compare::Scenario;
use mio_echo::text::os_error;
use std::fs;
use std::path::{Path, PathBuf};

/// The directory, and whether a graph is missing in it.
pub(super) struct FlameGraphs<'a> {
    folder: &'a Path,
    errors: Vec<String>,
}

impl<'a> FlameGraphs<'a> {
    /// Creates `folder` unless it exists, since an hour of measuring is too late to find out that it cannot be.
    pub(super) fn new(folder: &'a Path) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| {
            let reason = os_error::describe(&error);
            format!("cannot create {}: {reason}", folder.display())
        })?;
        check_writable(&folder.join("flame-graph.svg"))?;
        let errors = Vec::new();
        Ok(Self { folder, errors })
    }

    /// Writes the graph of a contender.
    pub(super) fn save(
        &mut self,
        contender: &str,
        scenario: &Scenario,
        graph: Result<Vec<u8>, String>,
    ) {
        let path = self.folder.join(file_name(contender, scenario));
        let written = graph
            .map_err(|reason| format!("no flame graph of {contender}, {scenario}: {reason}"))
            .and_then(|graph| write_to(&path, |file| file.write_all(&graph)));
        self.errors.extend(written.err());
    }

    /// Prints why graphs are missing. Returns whether any is.
    pub(super) fn report(&self) -> bool {
        for error in &self.errors {
            print_error(error);
        }
        !self.errors.is_empty()
    }
}

/// As in `echo_64-B_50-connections_saturated_threads.svg`. No two contenders share one: what does not belong into the name of
/// a file is encoded as in a URL.
fn file_name(contender: &str, scenario: &Scenario) -> PathBuf {
    let scenario = scenario.to_string();
    let scenario = scenario.replace(", ", "_").replace(',', "");
    let scenario = scenario.replace('/', "-per-").replace(' ', "-");
    let contender = contender.replace('%', "%25");
    let contender = contender.replace('/', "%2F").replace(' ', "%20");
    format!("{scenario}_{contender}.svg").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio_echo::measure::compare::{OfferedLoad, ScenarioPattern};

    #[test]
    fn a_name_becomes_a_file_in_the_directory() {
        let load = [OfferedLoad::Rate(5000)];
        let scenarios = Scenario::matrix(ScenarioPattern::Echo, &[1], &[64], &[1], &load);
        let name = |contender| file_name(contender, &scenarios[0]);
        let expected = "echo_64-B_1-connection_5000-messages-per-s_..%2Fa.svg";
        assert_eq!(name("../a"), PathBuf::from(expected));
        assert_ne!(name("a/b"), name("a%2Fb"));
    }
}
