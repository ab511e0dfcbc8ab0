//! cpu: seconds per CPU and mode, thermal throttling, isolated CPUs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, USER_HZ, number, numbered};
use crate::{CollectError, Collector, Moment, Roots};

/// The first columns of a CPU's line; guest and guest_nice follow.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
const GUEST: usize = 8;
const GUEST_NICE: usize = 9;

/// An idle time that falls by this much is a CPU that was taken out and put back, not jitter.
const HOTPLUG_STEP_SECONDS: f64 = 3.0;

/// Seconds in each mode since boot, then the two guest times.
type Times = [f64; 10];

pub(super) struct Cpu {
    roots: Arc<Roots>,
    last: BTreeMap<u32, Times>,
    throttles: Vec<ThrottledCpu>,
    throttles_known_for_n_cpus: usize,
}

/// A CPU that counts its thermal throttling.
struct ThrottledCpu {
    package: u32,
    core: u32,
    dir: PathBuf,
}

impl Cpu {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self {
            roots: Arc::clone(roots),
            last: BTreeMap::new(),
            throttles: Vec::new(),
            throttles_known_for_n_cpus: 0,
        }
    }

    fn push_times(&self, out: &mut Vec<Family>) {
        let mut seconds = Family::counter(
            "node_cpu_seconds_total",
            "Time each CPU spent in each mode; guest time is part of user and nice.",
        );
        let mut guest = Family::counter(
            "node_cpu_guest_seconds_total",
            "Time each CPU spent running virtual machines.",
        );
        for (cpu, times) in &self.last {
            let cpu = cpu.to_string();
            for (mode, value) in MODES.iter().zip(times) {
                seconds.push_with([("cpu", &cpu), ("mode", mode)], *value);
            }
            guest.push_with([("cpu", &cpu), ("mode", "user")], times[GUEST]);
            guest.push_with([("cpu", &cpu), ("mode", "nice")], times[GUEST_NICE]);
        }
        out.extend([seconds, guest]);
    }

    /// The topology is read again only when CPUs came or went: it is two files per CPU.
    fn find_throttles(&mut self) {
        if self.throttles_known_for_n_cpus == self.last.len() {
            return;
        }
        self.throttles_known_for_n_cpus = self.last.len();
        let cpus = numbered(&self.roots.sys.join("devices/system/cpu"), "cpu");
        let throttled = |(_, dir): (u32, PathBuf)| {
            let throttle = dir.join("thermal_throttle");
            throttle.is_dir().then_some(())?;
            let topology = Attributes::open(&dir.join("topology"))?;
            Some(ThrottledCpu {
                package: topology.text("physical_package_id")?.parse().ok()?,
                core: topology.text("core_id")?.parse().ok()?,
                dir: throttle,
            })
        };
        self.throttles = cpus.into_iter().filter_map(throttled).collect();
    }

    fn push_throttles(&self, out: &mut Vec<Family>) {
        let mut cores = Family::counter(
            "node_cpu_core_throttles_total",
            "How often heat slowed this core down.",
        );
        let mut packages = Family::counter(
            "node_cpu_package_throttles_total",
            "How often heat slowed this CPU package down.",
        );
        let mut cores_seen = BTreeSet::new();
        let mut packages_seen = BTreeSet::new();
        for cpu in &self.throttles {
            // The threads of a core share its counter, and the cores of a package the package's.
            let new_core = cores_seen.insert((cpu.package, cpu.core));
            let new_package = packages_seen.insert(cpu.package);
            if !new_core && !new_package {
                continue;
            }
            let Some(counts) = Attributes::open(&cpu.dir) else {
                continue;
            };
            let package = cpu.package.to_string();
            if new_core && let Some(value) = counts.number("core_throttle_count") {
                let core = cpu.core.to_string();
                cores.push_with([("core", &core), ("package", &package)], value);
            }
            if new_package && let Some(value) = counts.number("package_throttle_count") {
                packages.push_with([("package", &package)], value);
            }
        }
        let filled = |family: &Family| !family.points.is_empty();
        out.extend([cores, packages].into_iter().filter(filled));
    }

    fn push_isolated(&self, out: &mut Vec<Family>) {
        let list = self.roots.read_sys("devices/system/cpu/isolated");
        let cpus = parse_cpu_list(list.unwrap_or_default().trim());
        if cpus.is_empty() {
            return;
        }
        let mut isolated =
            Family::gauge("node_cpu_isolated", "1 for each CPU that the scheduler leaves alone.");
        for cpu in cpus {
            isolated.push_with([("cpu", &cpu.to_string())], 1.0);
        }
        out.push(isolated);
    }
}

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("stat")?;
        let now = text.lines().filter_map(parse_cpu_line);
        self.last = now.map(|(cpu, times)| (cpu, steady(self.last.get(&cpu), times))).collect();
        if self.last.is_empty() {
            return Err(CollectError::Absent);
        }
        self.push_times(out);
        self.push_isolated(out);
        self.find_throttles();
        self.push_throttles(out);
        Ok(())
    }
}

/// `cpu3 4705 356 584 3699 23 23 0 0 0 0`; old kernels have fewer columns.
fn parse_cpu_line(line: &str) -> Option<(u32, Times)> {
    let mut fields = line.strip_prefix("cpu")?.split_ascii_whitespace();
    let cpu = fields.next()?.parse().ok()?;
    // The sum over all CPUs reads `cpu  4705 ...`: its first field is no CPU number.
    if line.as_bytes().get(3) == Some(&b' ') {
        return None;
    }
    let mut times = Times::default();
    for (time, field) in times.iter_mut().zip(fields) {
        *time = number(field)? / USER_HZ;
    }
    Some((cpu, times))
}

/// The kernel estimates idle and iowait and sometimes takes a little back; a counter must not.
fn steady(last: Option<&Times>, now: Times) -> Times {
    let Some(last) = last else {
        return now;
    };
    if last[IDLE] - now[IDLE] >= HOTPLUG_STEP_SECONDS {
        return now;
    }
    std::array::from_fn(|i| now[i].max(last[i]))
}

/// `1,4-6` as CPU numbers; a range is at most what Linux can address.
fn parse_cpu_list(text: &str) -> Vec<u32> {
    const CPUS_MAX: u32 = 8192;
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        Some(first..=u32::min(last, CPUS_MAX))
    };
    text.split(',').filter_map(range).flatten().take(CPUS_MAX as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::{IDLE, Times, parse_cpu_line, parse_cpu_list, steady};

    fn idle(seconds: f64) -> Times {
        let mut times = Times::default();
        times[IDLE] = seconds;
        times
    }

    #[test]
    fn a_small_step_back_holds_and_a_large_one_is_a_hotplug() {
        let last = idle(100.0);
        assert_eq!(steady(Some(&last), idle(99.0))[IDLE], 100.0);
        assert_eq!(steady(Some(&last), idle(101.0))[IDLE], 101.0);
        assert_eq!(steady(Some(&last), idle(97.0))[IDLE], 97.0);
        assert_eq!(steady(None, idle(5.0))[IDLE], 5.0);
    }

    #[test]
    fn the_sum_over_all_cpus_is_not_a_cpu() {
        assert_eq!(parse_cpu_line("cpu  100 0 0 0"), None);
        let (cpu, times) = parse_cpu_line("cpu12 100 0 0 250").unwrap();
        assert_eq!((cpu, times[0], times[IDLE]), (12, 1.0, 2.5));
    }

    #[test]
    fn cpu_lists_have_ranges_and_an_end() {
        assert_eq!(parse_cpu_list("1,4-6"), [1, 4, 5, 6]);
        assert!(parse_cpu_list("").is_empty());
        assert_eq!(parse_cpu_list("x,7-,9"), [9]);
        assert!(parse_cpu_list("0-4294967295,0-4294967295").len() <= 8192);
    }
}
