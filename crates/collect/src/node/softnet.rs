//! softnet: what each CPU did with the packets it received.

use std::sync::Arc;

use model::Family;

use super::table::{Column, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

/// Each column with its place in a line of hexadecimal words; later kernels write longer lines.
const COLUMNS: &[Column] = &[
    Column::counter("0", "node_softnet_processed_total", "Packets processed."),
    Column::counter("1", "node_softnet_dropped_total", "Packets dropped, the backlog was full."),
    Column::counter(
        "2",
        "node_softnet_times_squeezed_total",
        "Times the work was cut short with packets left.",
    ),
    Column::counter(
        "8",
        "node_softnet_cpu_collision_total",
        "Times another CPU held the device's transmit lock.",
    ),
    Column::counter(
        "9",
        "node_softnet_received_rps_total",
        "Times another CPU woke this one to receive packets.",
    ),
    Column::counter(
        "10",
        "node_softnet_flow_limit_count_total",
        "Times one flow was held back in favour of the others.",
    ),
    Column::gauge("11", "node_softnet_backlog_len", "Packets in the backlog."),
];

/// The word that holds the CPU's number, since Linux 5.10.
const CPU_WORD: usize = 12;

pub(super) struct Softnet {
    roots: Arc<Roots>,
}

impl Softnet {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Softnet {
    fn name(&self) -> &'static str {
        "softnet"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("net/softnet_stat")?;
        let mut table = Table::new(COLUMNS);
        for (row, line) in text.lines().enumerate() {
            let words = line.split_ascii_whitespace();
            let words: Vec<u32> =
                words.map_while(|word| u32::from_str_radix(word, 16).ok()).collect();
            let cpu = words.get(CPU_WORD).map_or(row, |cpu| *cpu as usize);
            let labels = labels([("cpu", &cpu.to_string())]);
            if !table.begins(&labels) {
                continue;
            }
            table.row(&labels, |column| {
                let word = words.get(column.source.parse::<usize>().ok()?)?;
                Some(f64::from(*word))
            });
        }
        table.finish(out);
        Ok(())
    }
}
