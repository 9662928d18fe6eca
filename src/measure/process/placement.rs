//! Which cores a server and its load generator run on.

use super::cores;
use serde::{Deserialize, Serialize};

/// Which cores the server and the generator should run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Wherever the scheduler places them.
    Unpinned,
    /// The server on one core, each thread of the generator on another, so that none takes time from another. With one
    /// connection, each message then wakes up both cores in turn, which costs more than the message itself.
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
    /// Pins the calling thread, which is to be the generator or to start its `threads`, as `placement` asks. To place them
    /// apart, the server gets the first of the cores that this thread may use, and the generator the last ones that are no
    /// threads of the same physical core ([`cores::siblings`]), one for each of its threads if there are as many.
    pub fn apply(placement: &Placement, threads: usize) -> Self {
        let (server, generator) = match (placement, cores::allowed().as_slice()) {
            (Placement::Unpinned, _) => return Self::Off,
            (Placement::Cores { server, generator }, _) => (server.clone(), generator.clone()),
            (Placement::Apart, &[server, ref others @ ..]) if !others.is_empty() => {
                let generator = partners(server, others, &cores::siblings(), threads);
                (vec![server], generator)
            }
            (Placement::Together, &[.., core]) => (vec![core], vec![core]),
            (Placement::Apart | Placement::Together, _) => return Self::Unavailable,
        };
        match cores::pin_this_thread(&generator) {
            Ok(()) => Self::Cores { server, generator },
            Err(_) => Self::Unavailable,
        }
    }

    /// The cores of both; none if the scheduler placed them.
    pub fn cores(&self) -> Vec<usize> {
        let Self::Cores { server, generator } = self else {
            return Vec::new();
        };
        let mut cores = [server.as_slice(), generator].concat();
        cores.sort_unstable();
        cores.dedup();
        cores
    }

    /// How many cores a generator on a machine with `cores` has.
    pub fn generator_cores(&self, cores: usize) -> usize {
        match self {
            Self::Cores { generator, .. } => generator.len(),
            Self::Off | Self::Unavailable => cores,
        }
    }

    /// The cores to start the server on; `None` for any.
    pub fn server_cores(&self) -> Option<&[usize]> {
        match self {
            Self::Cores { server, .. } => Some(server),
            Self::Off | Self::Unavailable => None,
        }
    }

    /// The threads of physical cores, of those in `siblings`, that both a server and the generator ran on: different cores
    /// that take time from each other.
    pub fn shared_physical_core<'a>(&self, siblings: &'a [Vec<usize>]) -> Option<&'a [usize]> {
        let Self::Cores { server, generator } = self else {
            return None;
        };
        let has_one_of =
            |group: &&Vec<usize>, cores: &[usize]| cores.iter().any(|it| group.contains(it));
        let mut groups = siblings.iter();
        let shared = groups.find(|group| has_one_of(group, server) && has_one_of(group, generator));
        shared.filter(|_| self.is_apart()).map(Vec::as_slice)
    }

    /// The groups of `siblings` that it uses, as text to be appended: `; threads of one physical core: 0 and 4`. Empty
    /// without any.
    pub fn siblings_used(&self, siblings: &[Vec<usize>]) -> String {
        let Self::Cores { server, generator } = self else {
            return String::new();
        };
        let is_used = |group: &&Vec<usize>| {
            group
                .iter()
                .any(|it| server.contains(it) || generator.contains(it))
        };
        let used = siblings.iter().filter(is_used);
        let groups: Vec<String> = used.map(|group| cores::and_list(group)).collect();
        if groups.is_empty() {
            return String::new();
        }
        format!("; threads of one physical core: {}", groups.join(", "))
    }

    /// Whether server and generator had no core in common.
    pub fn is_apart(&self) -> bool {
        match self {
            Self::Cores { server, generator } => !server.iter().any(|it| generator.contains(it)),
            Self::Off | Self::Unavailable => false,
        }
    }
}

/// The cores of a generator with this many threads beside a server on `server`: the last of `others` that are no siblings of
/// it, or if there are too few, siblings too.
fn partners(
    server: usize,
    others: &[usize],
    siblings: &[Vec<usize>],
    threads: usize,
) -> Vec<usize> {
    let mut groups = siblings.iter();
    let own = groups.find(|group| group.contains(&server));
    let is_sibling = |core: &usize| own.is_some_and(|group| group.contains(core));
    let mut best: Vec<usize> = others.iter().rev().copied().collect();
    best.sort_by_key(is_sibling);
    best.truncate(threads);
    best.sort_unstable();
    best
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
    fn a_server_and_a_generator_apart_share_no_physical_core_if_they_need_not() {
        let siblings = [vec![0, 3], vec![1, 2]];
        assert_eq!(partners(0, &[1, 2, 3], &siblings, 1), [2]);
        assert_eq!(partners(0, &[3], &siblings, 1), [3]);
        assert_eq!(partners(0, &[1, 2, 3], &[], 1), [3]);
        assert_eq!(partners(0, &[1, 2, 3], &siblings, 2), [1, 2]);
        assert_eq!(partners(0, &[1, 2, 3], &siblings, 9), [1, 2, 3]);
        let pinning = |server, generator| Pinning::Cores {
            server: vec![server],
            generator: vec![generator],
        };
        let shared = pinning(0, 3);
        assert_eq!(shared.shared_physical_core(&siblings), Some(&[0, 3][..]));
        assert_eq!(pinning(0, 2).shared_physical_core(&siblings), None);
        assert_eq!(pinning(0, 0).shared_physical_core(&siblings), None);
        let text = "; threads of one physical core: 0 and 3";
        assert_eq!(shared.siblings_used(&siblings), text);
        assert_eq!(pinning(4, 5).siblings_used(&siblings), "");
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
        let applied = std::thread::spawn(|| Pinning::apply(&Placement::Together, 2));
        let applied = applied.join().unwrap();
        assert!(!applied.is_apart());
        assert!(applied.server_cores().is_none_or(|cores| cores.len() == 1));
    }
}
