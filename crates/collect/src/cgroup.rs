//! Control group: the limits of the container or service that Pharos runs in, and how close it is
//! to them. Both hierarchies of Linux are known: version 2, and version 1 of older machines.
//!
//! A limit counts wherever it is set on the way from this group up to the root that is visible
//! here; the lowest one is shown. Without a limit there is no sample.

mod v1;
mod v2;

use std::path::{Path, PathBuf};

use model::Family;

use crate::{CollectError, Collector, Moment, Roots, roots};

pub(crate) struct CgroupCollector {
    roots: Roots,
}

impl CgroupCollector {
    pub(crate) fn new(roots: Roots) -> Self {
        Self { roots }
    }
}

impl Collector for CgroupCollector {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn collect(&mut self, _moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let groups = self.roots.read_proc("self/cgroup")?;
        let mount = self.roots.sys.join("fs/cgroup");
        let usage = if mount.join("cgroup.controllers").exists() {
            v2::read(&mount, &groups)
        } else {
            v1::read(&mount, &groups)
        };
        let before = out.len();
        usage.push(out);
        if out.len() == before {
            return Err(CollectError::Absent);
        }
        Ok(())
    }
}

/// What a control group tells; `None` where it does not.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Usage {
    memory_limit_bytes: Option<u64>,
    memory_usage_bytes: Option<u64>,
    oom_kills: Option<u64>,
    cpu_limit_cores: Option<f64>,
    cpu_usage_seconds: Option<f64>,
    cpu_throttled_seconds: Option<f64>,
    cpu_throttled_periods: Option<u64>,
}

impl Usage {
    fn push(self, out: &mut Vec<Family>) {
        let float = |n: Option<u64>| n.map(|n| n as f64);
        let gauges = [
            (
                "cgroup_memory_limit_bytes",
                "The most memory that the control group Pharos runs in may use.",
                float(self.memory_limit_bytes),
            ),
            (
                "cgroup_memory_usage_bytes",
                "Memory in use by the control group, cached files included.",
                float(self.memory_usage_bytes),
            ),
            (
                "cgroup_cpu_limit_cores",
                "The most CPU time that the control group may use, in cores.",
                self.cpu_limit_cores,
            ),
        ];
        let counters = [
            (
                "cgroup_oom_kills_total",
                "Processes of the control group killed for lack of memory.",
                float(self.oom_kills),
            ),
            (
                "cgroup_cpu_usage_seconds_total",
                "CPU time used by the control group.",
                self.cpu_usage_seconds,
            ),
            (
                "cgroup_cpu_throttled_seconds_total",
                "Time the control group had to wait for its CPU limit.",
                self.cpu_throttled_seconds,
            ),
            (
                "cgroup_cpu_throttled_periods_total",
                "Periods in which the control group reached its CPU limit.",
                float(self.cpu_throttled_periods),
            ),
        ];
        let filled = |family: Family, value: Option<f64>| value.map(|n| family.with_value(n));
        out.extend(
            gauges
                .into_iter()
                .filter_map(|(name, help, value)| filled(Family::gauge(name, help), value)),
        );
        out.extend(
            counters
                .into_iter()
                .filter_map(|(name, help, value)| filled(Family::counter(name, help), value)),
        );
    }
}

/// This group's folder, and those above it up to and with the mount point.
///
/// A container sees the path its host knows while its own group is mounted at the top; the path
/// then leads nowhere and the mount point is the group.
fn folders(mount: &Path, group: &str) -> Vec<PathBuf> {
    let group = Path::new(group.trim_start_matches('/'));
    let plain = group.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if group.as_os_str().is_empty() || !plain || !mount.join(group).is_dir() {
        return vec![mount.to_owned()];
    }
    let parts = group.ancestors().filter(|part| !part.as_os_str().is_empty());
    let mut folders: Vec<_> = parts.map(|part| mount.join(part)).collect();
    folders.push(mount.to_owned());
    folders
}

/// The lowest limit on the way up.
fn lowest<T: PartialOrd>(folders: &[PathBuf], limit: impl Fn(&Path) -> Option<T>) -> Option<T> {
    let limits = folders.iter().filter_map(|folder| limit(folder));
    limits.reduce(|a, b| if b < a { b } else { a })
}

/// A file of one number.
fn number(folder: &Path, file: &str) -> Option<u64> {
    roots::read(&folder.join(file)).ok()?.trim().parse().ok()
}

/// A number in a file of lines `key number`.
fn keyed(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(found, _)| *found == key)?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests;
