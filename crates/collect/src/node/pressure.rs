//! pressure: time lost to waiting for CPU, memory, I/O and interrupts (PSI).

use std::sync::Arc;

use model::Family;

use super::kernel::number;
use crate::{CollectError, Collector, Moment, Roots};

/// The file below /proc/pressure, the line in it, and the family it becomes.
const TOTALS: [(&str, &str, &str, &str); 6] = [
    (
        "cpu",
        "some",
        "node_pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a CPU.",
    ),
    (
        "io",
        "some",
        "node_pressure_io_waiting_seconds_total",
        "Time in which some task waited for I/O.",
    ),
    (
        "io",
        "full",
        "node_pressure_io_stalled_seconds_total",
        "Time in which every task waited for I/O.",
    ),
    (
        "memory",
        "some",
        "node_pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory.",
    ),
    (
        "memory",
        "full",
        "node_pressure_memory_stalled_seconds_total",
        "Time in which every task waited for memory.",
    ),
    (
        "irq",
        "full",
        "node_pressure_irq_stalled_seconds_total",
        "Time in which interrupts kept every task from running.",
    ),
];

pub(super) struct Pressure {
    roots: Arc<Roots>,
}

impl Pressure {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut shown = 0;
        for file in ["cpu", "io", "memory", "irq"] {
            // A kernel started with psi=0 has the files and refuses to read them.
            let Ok(text) = self.roots.read_proc(&format!("pressure/{file}")) else {
                continue;
            };
            for (_, line, name, help) in TOTALS.iter().filter(|total| total.0 == file) {
                if let Some(seconds) = total_seconds(&text, line) {
                    out.push(Family::counter(*name, *help).with_value(seconds));
                    shown += 1;
                }
            }
        }
        if shown == 0 {
            return Err(CollectError::Absent);
        }
        Ok(())
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=8582256`, the total in microseconds.
fn total_seconds(text: &str, word: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    let (_, total) = line.split_once("total=")?;
    Some(number(total.trim())? / 1e6)
}
