//! Version 2: one tree with all controllers; times are in microseconds.

use std::path::Path;

use super::{Usage, folders, keyed, lowest, number};
use crate::roots;

const USEC: f64 = 1e-6;

/// Reads the group that the line `0::<path>` of `/proc/self/cgroup` names.
pub(super) fn read(mount: &Path, groups: &str) -> Usage {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let folders = folders(mount, group.unwrap_or("/"));
    let text = |file: &str| roots::read(&folders[0].join(file)).unwrap_or_default();
    let (cpu, memory) = (text("cpu.stat"), text("memory.events"));
    let seconds = |key: &str| keyed(&cpu, key).map(|n| n as f64 * USEC);
    Usage {
        memory_limit_bytes: lowest(&folders, |folder| number(folder, "memory.max")),
        memory_usage_bytes: number(&folders[0], "memory.current"),
        oom_kills: keyed(&memory, "oom_kill"),
        cpu_limit_cores: lowest(&folders, cpu_limit),
        cpu_usage_seconds: seconds("usage_usec"),
        cpu_throttled_seconds: seconds("throttled_usec"),
        cpu_throttled_periods: keyed(&cpu, "nr_throttled"),
    }
}

/// `cpu.max` is `<quota> <period>`, or `max <period>` without a limit.
fn cpu_limit(folder: &Path) -> Option<f64> {
    let text = roots::read(&folder.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| quota as f64 / period as f64)
}
