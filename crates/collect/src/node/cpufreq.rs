//! cpufreq: how fast each CPU runs and may run.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, numbered};
use super::table::{Column, Scale, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

/// The kernel says kHz.
const KILOHERTZ: Scale = Scale::Times(1000.0);

const COLUMNS: &[Column] = &[
    Column::gauge("cpuinfo_cur_freq", "node_cpu_frequency_hertz", "Frequency, by the hardware.")
        .scaled(KILOHERTZ),
    Column::gauge("cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "The most it can do.")
        .scaled(KILOHERTZ),
    Column::gauge("cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "The least it can do.")
        .scaled(KILOHERTZ),
    Column::gauge("scaling_cur_freq", "node_cpu_scaling_frequency_hertz", "Frequency now.")
        .scaled(KILOHERTZ),
    Column::gauge("scaling_max_freq", "node_cpu_scaling_frequency_max_hertz", "The most allowed.")
        .scaled(KILOHERTZ),
    Column::gauge("scaling_min_freq", "node_cpu_scaling_frequency_min_hertz", "The least allowed.")
        .scaled(KILOHERTZ),
];

pub(super) struct CpuFreq {
    roots: Arc<Roots>,
}

impl CpuFreq {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for CpuFreq {
    fn name(&self) -> &'static str {
        "cpufreq"
    }

    /// A virtual machine has nothing to show and nothing wrong.
    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut governor = Family::gauge(
            "node_cpu_scaling_governor",
            "1 for the governor that decides the CPU's frequency.",
        );
        let mut table = Table::new(COLUMNS);
        for (cpu, dir) in numbered(&self.roots.sys.join("devices/system/cpu"), "cpu") {
            let Some(files) = Attributes::open(&dir.join("cpufreq")) else {
                continue;
            };
            let cpu = cpu.to_string();
            let labels = labels([("cpu", &cpu)]);
            table.row(&labels, |column| files.number(column.source));
            let Some(current) = files.text("scaling_governor") else {
                continue;
            };
            let available = files.text("scaling_available_governors").unwrap_or_default();
            for word in available.split_ascii_whitespace() {
                let is_current = if word == current { 1.0 } else { 0.0 };
                governor.push_with([("cpu", &*cpu), ("governor", word)], is_current);
            }
        }
        table.finish(out);
        if !governor.points.is_empty() {
            out.push(governor);
        }
        Ok(())
    }
}
