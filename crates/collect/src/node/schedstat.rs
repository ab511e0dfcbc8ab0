//! schedstat: how long tasks ran and waited on each CPU.

use std::sync::Arc;

use model::Family;

use super::kernel::number;
use super::table::{Column, Scale, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

/// Fields 7 to 9 of a CPU's line, nanoseconds and a count.
const FIRST_FIELD: usize = 7;
const COLUMNS: &[Column] = &[
    Column::counter(
        "running",
        "node_schedstat_running_seconds_total",
        "Time tasks ran on this CPU.",
    )
    .scaled(Scale::Over(1e9)),
    Column::counter(
        "waiting",
        "node_schedstat_waiting_seconds_total",
        "Time tasks waited for this CPU.",
    )
    .scaled(Scale::Over(1e9)),
    Column::counter(
        "timeslices",
        "node_schedstat_timeslices_total",
        "Times a task was put on this CPU.",
    ),
];

pub(super) struct SchedStat {
    roots: Arc<Roots>,
}

impl SchedStat {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for SchedStat {
    fn name(&self) -> &'static str {
        "schedstat"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("schedstat")?;
        let mut table = Table::new(COLUMNS);
        for line in text.lines() {
            let Some(line) = line.strip_prefix("cpu") else {
                continue;
            };
            let mut fields = line.split_ascii_whitespace();
            let cpu = labels([("cpu", fields.next().unwrap_or_default())]);
            if !table.begins(&cpu) {
                continue;
            }
            let numbers = fields.skip(FIRST_FIELD - 1).map_while(number);
            for (column, value) in numbers.take(COLUMNS.len()).enumerate() {
                table.put(column, &cpu, value);
            }
        }
        table.finish(out);
        Ok(())
    }
}
