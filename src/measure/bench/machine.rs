//! The machine that a comparison runs on: what it is, and how busy other work keeps it.

use super::values::float;
use crate::measure::process::cores;
use serde::{Deserialize, Serialize};
use std::fs;
use std::thread;

/// The share of processor time above which stolen time spoils a measurement.
pub const MAX_STOLEN_SHARE: f64 = 0.05;

/// What a reader has to know about a machine to judge what was measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of its processor.
    pub processor: String,
    /// Cores that this program may use.
    pub cores: usize,
    /// Groups of these cores, by the kernel's numbers, that are threads of one physical core (SMT); none without SMT, or
    /// where it is not visible.
    #[serde(default)]
    pub smt_siblings: Vec<Vec<usize>>,
    /// Name and release of its kernel.
    pub kernel: String,
    /// Load average over one minute (proc(5), `/proc/loadavg`), read before the first measurement; `None`
    /// where the kernel has no such file.
    pub load_average: Option<f64>,
    /// The kernel's policy for the processor's frequency; `None` where there is none, or it is not visible.
    pub governor: Option<String>,
    /// How this program was built. A debug build measures itself more than the server.
    pub build: Build,
}

/// How this program was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// Without debug assertions.
    Release,
    /// With debug assertions.
    Debug,
}

impl Machine {
    /// The machine that this program runs on, now.
    pub fn current() -> Self {
        let system = rustix::system::uname();
        let kernel = [system.sysname(), system.release()].map(|name| name.to_string_lossy());
        Self {
            processor: processor()
                .unwrap_or_else(|| system.machine().to_string_lossy().into_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            smt_siblings: cores::siblings(),
            kernel: kernel.join(" "),
            load_average: load_average(),
            governor: first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            build: if cfg!(debug_assertions) {
                Build::Debug
            } else {
                Build::Release
            },
        }
    }

    /// The kernel's policy for the processor's frequency, if it lets the frequency follow the load.
    pub fn variable_governor(&self) -> Option<&str> {
        let governor = self.governor.as_deref();
        governor.filter(|governor| *governor != "performance")
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}

fn load_average() -> Option<f64> {
    first_line("/proc/loadavg")?.split(' ').next()?.parse().ok()
}

fn first_line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// Processor time of some cores since the machine was booted, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTicks {
    total: u64,
    stolen: u64,
}

impl CpuTicks {
    /// The ticks of `cores` until now, of all if there are none; `None` where the kernel does not report them.
    pub fn of(cores: &[usize]) -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?, cores)
    }

    /// proc(5), `/proc/stat`: the line `cpu` is the sum of the lines `cpu0`, `cpu1`, …
    fn parse(stat: &str, cores: &[usize]) -> Option<Self> {
        if cores.is_empty() {
            return Self::of_line(stat, "cpu");
        }
        let mut sum = Self {
            total: 0,
            stolen: 0,
        };
        for core in cores {
            let ticks = Self::of_line(stat, &format!("cpu{core}"))?;
            sum.total += ticks.total;
            sum.stolen += ticks.stolen;
        }
        Some(sum)
    }

    /// The fields: user nice system idle iowait irq softirq steal, then two that are already part of user and nice.
    fn of_line(stat: &str, name: &str) -> Option<Self> {
        let mut lines = stat.lines().map(str::split_whitespace);
        let fields =
            lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
        let ticks = fields.map_while(|field| field.parse().ok());
        let ticks: Vec<u64> = ticks.take(8).collect();
        Some(Self {
            total: ticks.iter().sum(),
            stolen: *ticks.get(7)?,
        })
    }

    /// The share of the time since `earlier`, from 0 to 1, during which the hypervisor ran other machines
    /// although this one had work to do.
    pub fn stolen_share_since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        let stolen = self.stolen.saturating_sub(earlier.stolen);
        if total == 0 {
            return 0.0;
        }
        float(stolen) / float(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_a_share_of_all_time_in_between() {
        let at = |stat| CpuTicks::parse(stat, &[]).unwrap();
        let earlier = at("cpu  100 0 100 700 0 0 0 10 0 0\ncpu0 1 2 3");
        let later = at("cpu  130 0 130 730 0 0 0 20 5 0\n");
        assert!((later.stolen_share_since(earlier) - 0.1).abs() < 1e-9);
        assert!(later.stolen_share_since(later).abs() < 1e-9);
        assert_eq!(
            CpuTicks::parse("cpu 1 2 3", &[]),
            None,
            "before Linux 2.6.11"
        );
        assert_eq!(CpuTicks::parse("", &[]), None);
        let stat = "cpu  9 9 9 9 9 9 9 9\ncpu0 1 0 0 0 0 0 0 0\ncpu1 1 0 0 0 0 0 0 5\ncpu10 8 0 0 0 0 0 0 1\n";
        let of = |cores: &[usize]| CpuTicks::parse(stat, cores).map(|it| (it.total, it.stolen));
        assert_eq!(
            [of(&[0]), of(&[1]), of(&[1, 10])],
            [Some((1, 0)), Some((6, 5)), Some((15, 6))]
        );
        assert_eq!(of(&[2]), None);
    }

    #[test]
    fn this_machine_has_a_kernel_and_a_core() {
        let machine = Machine::current();
        assert!(machine.cores >= 1);
        assert!(machine.kernel.contains(' '), "{}", machine.kernel);
        assert!(!machine.processor.is_empty());
    }
}
