//! The processors: how many, how fast, how busy, and what the kernel counts.

use serde_json::{Value, json};
use sysinfo::System;

use super::{Collected, Collector, Figure, percent};

/// Reads the processors; percents are since the reading before.
#[derive(Debug)]
pub struct CpuCollector {
    system: System,
}

/// What the kernel has counted since it started.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    ctx_switches: Option<u64>,
    interrupts: Option<u64>,
    soft_interrupts: Option<u64>,
}

impl CpuCollector {
    /// Sets the mark that the first reading counts from.
    pub fn new() -> Self {
        let mut system = System::new();
        system.refresh_cpu_all();
        Self { system }
    }
}

impl Default for CpuCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector for CpuCollector {
    fn name(&self) -> &str {
        "cpu"
    }

    fn collect(&mut self) -> Collected {
        self.system.refresh_cpu_all();
        let cpus = self.system.cpus();
        let rounded = |value: f32| percent(f64::from(value), 100.0);
        let per_cpu: Vec<f64> = cpus.iter().map(|cpu| rounded(cpu.cpu_usage())).collect();
        let total = rounded(self.system.global_cpu_usage());
        let physical = System::physical_core_count();
        let current = cpus.iter().map(|cpu| cpu.frequency()).max().filter(|mhz| *mhz > 0);
        let (min, max) = (limit_mhz("cpuinfo_min_freq"), limit_mhz("cpuinfo_max_freq"));
        let counted = counted(&std::fs::read_to_string("/proc/stat").unwrap_or_default());
        let json = json!({
            "count": { "physical": physical, "logical": cpus.len() },
            "frequency": { "current": current, "min": min, "max": max },
            "percent": { "total": total, "per_cpu": per_cpu },
            // Linux counts no system calls.
            "stats": {
                "ctx_switches": counted.ctx_switches, "interrupts": counted.interrupts,
                "soft_interrupts": counted.soft_interrupts, "syscalls": 0,
            },
        });
        Collected { figures: figures(&json), json }
    }
}

/// By the names that the guardian family documents. What this system does not tell has none.
fn figures(json: &Value) -> Vec<Figure> {
    let gauges = [
        ("cpu_physical_count", &json["count"]["physical"]),
        ("cpu_logical_count", &json["count"]["logical"]),
        ("cpu_frequency_current_mhz", &json["frequency"]["current"]),
        ("cpu_frequency_min_mhz", &json["frequency"]["min"]),
        ("cpu_frequency_max_mhz", &json["frequency"]["max"]),
        ("cpu_percent_total", &json["percent"]["total"]),
    ];
    let counters = [
        ("cpu_ctx_switches_total", &json["stats"]["ctx_switches"]),
        ("cpu_interrupts_total", &json["stats"]["interrupts"]),
        ("cpu_soft_interrupts_total", &json["stats"]["soft_interrupts"]),
        ("cpu_syscalls_total", &json["stats"]["syscalls"]),
    ];
    let gauge = |(name, value): (_, &Value)| Some(Figure::gauge(name, value.as_f64()?));
    let counter = |(name, value): (_, &Value)| Some(Figure::counter(name, value.as_f64()?));
    let mut all: Vec<Figure> = gauges.into_iter().filter_map(gauge).collect();
    let per_cpu = json["percent"]["per_cpu"].as_array().into_iter().flatten().enumerate();
    all.extend(per_cpu.filter_map(|(core, value)| {
        Some(Figure::gauge("cpu_percent_per_cpu", value.as_f64()?).with("core", core.to_string()))
    }));
    all.extend(counters.into_iter().filter_map(counter));
    all
}

/// Of the first processor, in MHz; the kernel has kHz. A virtual machine has none.
fn limit_mhz(file: &str) -> Option<f64> {
    let path = format!("/sys/devices/system/cpu/cpu0/cpufreq/{file}");
    let khz: f64 = std::fs::read_to_string(path).ok()?.trim().parse().ok()?;
    Some(khz / 1000.0)
}

/// The kernel's counters in the text of `/proc/stat`.
fn counted(stat: &str) -> Counted {
    let first = |key: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Counted {
        ctx_switches: first("ctxt"),
        interrupts: first("intr"),
        soft_interrupts: first("softirq"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_counters_are_the_first_of_their_lines() {
        let text = "cpu  1 2 3\nintr 123 4 5 6\nctxt 77\nbtime 1\nsoftirq 9 1 8\n";
        let expected =
            Counted { ctx_switches: Some(77), interrupts: Some(123), soft_interrupts: Some(9) };
        assert_eq!(counted(text), expected);
        assert_eq!(counted("intrx 5\nctxt much\n"), Counted::default());
    }

    #[test]
    fn what_is_not_told_has_no_figure() {
        let json = json!({ "count": { "logical": 2 }, "percent": { "per_cpu": [1.0, 2.0] } });
        let names: Vec<_> = figures(&json).into_iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["cpu_logical_count", "cpu_percent_per_cpu", "cpu_percent_per_cpu"]);
    }
}
