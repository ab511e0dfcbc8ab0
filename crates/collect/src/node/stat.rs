//! stat: boot time, interrupts, context switches, forks, running and blocked processes.

use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::number;
use super::table::{Column, Table};
use crate::{CollectError, Collector, Moment, Roots};

const COLUMNS: &[Column] = &[
    Column::gauge("btime", "node_boot_time_seconds", "When this host booted, Unix time."),
    Column::counter("ctxt", "node_context_switches_total", "Context switches since boot."),
    Column::counter("processes", "node_forks_total", "Processes and threads started since boot."),
    Column::counter("intr", "node_intr_total", "Interrupts served since boot."),
    Column::gauge("procs_blocked", "node_procs_blocked", "Processes that wait for I/O."),
    Column::gauge("procs_running", "node_procs_running", "Processes that run or could run."),
];

pub(super) struct Stat {
    roots: Arc<Roots>,
}

impl Stat {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Stat {
    fn name(&self) -> &'static str {
        "stat"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("stat")?;
        let mut table = Table::new(COLUMNS);
        // The line of interrupts goes on with one number per interrupt; the first is their sum.
        let first_number = |word: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            let (_, rest) = lines.find(|(key, _)| *key == word)?;
            number(rest.split_ascii_whitespace().next()?)
        };
        table.row(&Labels::default(), |column| first_number(column.source));
        table.finish(out);
        Ok(())
    }
}
