//! Which cores a server and its load generator run on.

use super::cores;
use serde::{Deserialize, Serialize};

/// Which cores the server and the generator should run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Wherever the scheduler places them.
    Unpinned,
    /// The server on one core, the generator on another, so that neither takes time from the other. With one connection,
    /// each message then wakes up both cores in turn, which costs more than the message itself.
    Apart,
    /// Both on the same core. They take time from each other, but with one connection no core has to be woken up.
    Together,
    /// On these cores, by the kernel's numbers.
    Cores {
        /// Those of the server; at least one.
        server: Vec<usize>,
        /// Those of the generator; at least one.
        generator: Vec<usize>,
    },
}

/// Which cores they did run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pinning {
    /// On these, by the kernel's numbers. A server that was already running is not moved.
    Cores {
        /// Those of the server.
        server: Vec<usize>,
        /// Those of the generator.
        generator: Vec<usize>,
    },
    /// The scheduler placed both, as it was asked to.
    Off,
    /// The scheduler placed both: there is only one core, or the system does not allow pinning.
    Unavailable,
}

impl Placement {
    /// Whether this program may use the cores.
    ///
    /// # Errors
    ///
    /// One of them does not exist, or is not among those that this program may run on (`sched_getaffinity(2)`). The error
    /// is one line of text.
    pub fn check(&self) -> Result<(), String> {
        let Self::Cores { server, generator } = self else {
            return Ok(());
        };
        let allowed = cores::allowed();
        let mut asked = server.iter().chain(generator);
        match asked.find(|core| !allowed.contains(core)) {
            Some(core) => Err(format!(
                "core {core} is none of those that may be used here: {}",
                cores::list(&allowed)
            )),
            None => Ok(()),
        }
    }
}

impl Pinning {
    /// Pins the calling thread, which is to be the generator, as `placement` asks. To place them apart, the server gets
    /// the first of the cores that this thread may use and the generator the last: these are the least likely to share a
    /// physical core.
    pub fn apply(placement: &Placement) -> Self {
        let (server, generator) = match (placement, cores::allowed().as_slice()) {
            (Placement::Unpinned, _) => return Self::Off,
            (Placement::Cores { server, generator }, _) => (server.clone(), generator.clone()),
            (Placement::Apart, &[server, .., generator]) => (vec![server], vec![generator]),
            (Placement::Together, &[.., core]) => (vec![core], vec![core]),
            (Placement::Apart | Placement::Together, _) => return Self::Unavailable,
        };
        match cores::pin_this_thread(&generator) {
            Ok(()) => Self::Cores { server, generator },
            Err(_) => Self::Unavailable,
        }
    }

    /// The cores to start the server on; `None` for any.
    pub fn server_cores(&self) -> Option<&[usize]> {
        match self {
            Self::Cores { server, .. } => Some(server),
            Self::Off | Self::Unavailable => None,
        }
    }

    /// Whether server and generator had no core in common.
    pub fn is_apart(&self) -> bool {
        match self {
            Self::Cores { server, generator } => !server.iter().any(|it| generator.contains(it)),
            Self::Off | Self::Unavailable => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_may_not_be_used_is_an_error_that_names_it() {
        let placement = |server| Placement::Cores {
            server: vec![server],
            generator: vec![server],
        };
        let error = placement(1_000_000).check().unwrap_err();
        assert!(
            error.starts_with("core 1000000 is none of those"),
            "{error}"
        );
        if let [.., last] = cores::allowed().as_slice() {
            assert_eq!(placement(*last).check(), Ok(()));
        }
    }

    #[test]
    fn a_placement_apart_has_no_core_in_common_and_one_together_has() {
        let pinning = |server: &[usize], generator: &[usize]| Pinning::Cores {
            server: server.to_vec(),
            generator: generator.to_vec(),
        };
        assert!(pinning(&[0, 1], &[2]).is_apart());
        assert!(!pinning(&[0, 1], &[1]).is_apart());
        assert!(!Pinning::Off.is_apart());
        let applied = std::thread::spawn(|| Pinning::apply(&Placement::Together));
        let applied = applied.join().unwrap();
        assert!(!applied.is_apart());
        assert!(applied.server_cores().is_none_or(|cores| cores.len() == 1));
    }
}
