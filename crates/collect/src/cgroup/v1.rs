//! Version 1: a tree per controller; times are in nanoseconds.

use std::path::{Path, PathBuf};

use super::{Usage, folders, keyed, lowest, number};
use crate::roots;

const NANOS: f64 = 1e-9;

/// "No limit" is the largest number of bytes that is whole pages; nobody sets one near it.
const NO_LIMIT_BYTES: u64 = 1 << 60;

/// Reads the groups that the lines `<id>:<controllers>:<path>` of `/proc/self/cgroup` name.
pub(super) fn read(mount: &Path, groups: &str) -> Usage {
    let memory = controller(mount, groups, "memory");
    let cpu = controller(mount, groups, "cpu");
    let cpuacct = controller(mount, groups, "cpuacct");
    let text = |folder: &Path, file: &str| roots::read(&folder.join(file)).unwrap_or_default();
    let stat = text(&cpu[0], "cpu.stat");
    let seconds = |nanos: u64| nanos as f64 * NANOS;
    Usage {
        memory_limit_bytes: lowest(&memory, memory_limit),
        memory_usage_bytes: number(&memory[0], "memory.usage_in_bytes"),
        oom_kills: keyed(&text(&memory[0], "memory.oom_control"), "oom_kill"),
        cpu_limit_cores: lowest(&cpu, cpu_limit),
        cpu_usage_seconds: number(&cpuacct[0], "cpuacct.usage").map(seconds),
        cpu_throttled_seconds: keyed(&stat, "throttled_time").map(seconds),
        cpu_throttled_periods: keyed(&stat, "nr_throttled"),
    }
}

/// The folders of this process's group in one controller's tree. Controllers that are mounted
/// together have a link with each one's name.
fn controller(mount: &Path, groups: &str, name: &str) -> Vec<PathBuf> {
    let group = groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers.split(',').any(|c| c == name).then_some(path)
    });
    folders(&mount.join(name), group.unwrap_or("/"))
}

fn memory_limit(folder: &Path) -> Option<u64> {
    number(folder, "memory.limit_in_bytes").filter(|bytes| *bytes < NO_LIMIT_BYTES)
}

/// A quota of -1 is no limit, and no number here.
fn cpu_limit(folder: &Path) -> Option<f64> {
    let quota = number(folder, "cpu.cfs_quota_us")?;
    let period = number(folder, "cpu.cfs_period_us").filter(|us| *us > 0)?;
    Some(quota as f64 / period as f64)
}
