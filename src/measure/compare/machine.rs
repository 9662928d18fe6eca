//! The machine: what it is, and how busy it is with other things.

use serde::{Deserialize, Serialize};
use std::fs;
use std::thread;

/// What one has to know of a machine to judge what was measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The model of its processor.
    pub processor: String,
    /// Cores that this program may use.
    pub cores: usize,
    /// Name and release of its kernel.
    pub kernel: String,
    /// Tasks that wanted to run during the last minute, on average (proc(5), `/proc/loadavg`), read before
    /// the first measurement; none where the kernel does not say.
    pub load: Option<f64>,
    /// How the kernel chooses the processor's frequency; none where it has no choice, or does not say.
    pub governor: Option<String>,
    /// How this program was built: one built for debugging measures itself.
    pub build: Build,
}

/// How this program was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// To be fast.
    Optimised,
    /// To be debugged.
    Debug,
}

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        let system = rustix::system::uname();
        let kernel = [system.sysname(), system.release()].map(|name| name.to_string_lossy());
        Self {
            processor: processor()
                .unwrap_or_else(|| system.machine().to_string_lossy().into_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.join(" "),
            load: load(),
            governor: line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            build: if cfg!(debug_assertions) {
                Build::Debug
            } else {
                Build::Optimised
            },
        }
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}

fn load() -> Option<f64> {
    line_of("/proc/loadavg")?.split(' ').next()?.parse().ok()
}

fn line_of(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// Processor time of the whole machine so far, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    total: u64,
    stolen: u64,
}

impl Ticks {
    /// Until now; none where the kernel does not say.
    pub fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// proc(5), `/proc/stat`: user nice system idle iowait irq softirq steal, and two that are part of the
    /// first.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks = line
            .split_whitespace()
            .map_while(|field| field.parse().ok());
        let ticks: Vec<u64> = ticks.take(8).collect();
        Some(Self {
            total: ticks.iter().sum(),
            stolen: *ticks.get(7)?,
        })
    }

    /// The share, from 0 to 1, of the time since `earlier` that the host gave to other machines although
    /// this one wanted it.
    pub fn stolen_since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        let stolen = self.stolen.saturating_sub(earlier.stolen);
        if total == 0 {
            return 0.0;
        }
        super::statistics::float(stolen) / super::statistics::float(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_a_share_of_all_time_in_between() {
        let at = |line| Ticks::parse(line).unwrap();
        let earlier = at("cpu  100 0 100 700 0 0 0 10 0 0\ncpu0 1 2 3");
        let later = at("cpu  130 0 130 730 0 0 0 20 5 0\n");
        assert!((later.stolen_since(earlier) - 0.1).abs() < 1e-9);
        assert!(later.stolen_since(later).abs() < 1e-9);
        assert_eq!(Ticks::parse("cpu 1 2 3"), None, "kernels before 2.6.11");
        assert_eq!(Ticks::parse(""), None);
    }

    #[test]
    fn this_machine_has_a_kernel_and_a_core() {
        let machine = Machine::here();
        assert!(machine.cores >= 1);
        assert!(machine.kernel.contains(' '), "{}", machine.kernel);
        assert!(!machine.processor.is_empty());
    }
}
