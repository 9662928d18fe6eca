//! Which cores a server and the generator run on, and in how many threads, as arguments.

use crate::cli::values::at_least_one;
use clap::{Args, ValueEnum};
use mio_echo::measure::process::{Placement, cores};

/// The arguments of `bench` and `compare`.
#[derive(Debug, Args)]
pub(super) struct PlacementArguments {
    /// Where the servers that are started and the generator run [default: apart]
    #[arg(long, value_enum, help_heading = "Cores")]
    placement: Option<PlacementName>,

    /// The same as --placement unpinned
    #[arg(long, hide = true, conflicts_with = "placement")]
    no_pin: bool,

    /// The cores of the servers, by the kernel's numbers, as a list [default: with --generator-cores, the others]
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with_all = ["placement", "no_pin"], help_heading = "Cores")]
    server_cores: Vec<usize>,

    /// The cores of the generator, as a list [default: with --server-cores, the others]
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with_all = ["placement", "no_pin"], help_heading = "Cores")]
    generator_cores: Vec<usize>,

    /// Threads of the generator, each with its own connections and, where there are enough, a core of its own; at most one
    /// for each connection
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value = "1", help_heading = "Cores")]
    pub(super) threads: usize,
}

/// [`Placement`], as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PlacementName {
    /// Wherever the scheduler places them
    Unpinned,
    /// On separate cores: neither takes time from the other, but one connection wakes up both in turn
    Apart,
    /// On the same core: one connection without wake-ups of another core
    Together,
}

impl PlacementArguments {
    /// Whether anything was asked for.
    pub(super) fn is_given(&self) -> bool {
        self.placement.is_some() || self.has_lists()
    }

    fn has_lists(&self) -> bool {
        !self.server_cores.is_empty() || !self.generator_cores.is_empty()
    }

    /// What was asked for.
    pub(super) fn placement(&self) -> Placement {
        if self.has_lists() {
            return Placement::Cores {
                server: or_others(&self.server_cores, &self.generator_cores),
                generator: or_others(&self.generator_cores, &self.server_cores),
            };
        }
        match self.placement {
            _ if self.no_pin => Placement::Unpinned,
            Some(PlacementName::Unpinned) => Placement::Unpinned,
            Some(PlacementName::Apart) | None => Placement::Apart,
            Some(PlacementName::Together) => Placement::Together,
        }
    }
}

/// `cores`; without any, those that are not `taken`, or `taken` itself if no other is left.
fn or_others(cores: &[usize], taken: &[usize]) -> Vec<usize> {
    if !cores.is_empty() {
        return cores.to_vec();
    }
    let mut others = cores::allowed();
    others.retain(|core| !taken.contains(core));
    if others.is_empty() {
        taken.to_vec()
    } else {
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_for_one_side_leaves_the_other_cores_to_the_other() {
        assert_eq!(or_others(&[1, 2], &[0]), [1, 2]);
        let allowed = cores::allowed();
        assert_eq!(or_others(&[], &allowed), allowed);
        if let [first, rest @ ..] = allowed.as_slice()
            && !rest.is_empty()
        {
            assert_eq!(or_others(&[], &[*first]), rest);
        }
    }
}
