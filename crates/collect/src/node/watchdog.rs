//! watchdog: the timers that reset a host which has stopped answering.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, entries};
use super::table::{Column, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

const COLUMNS: &[Column] = &[
    Column::gauge("access_cs0", "node_watchdog_access_cs0", "1 when booted from the first chip."),
    Column::gauge("bootstatus", "node_watchdog_bootstatus", "Why the host was reset, as bits."),
    Column::gauge("fw_version", "node_watchdog_fw_version", "The timer's firmware."),
    Column::gauge("nowayout", "node_watchdog_nowayout", "1 when it cannot be stopped."),
    Column::gauge("pretimeout", "node_watchdog_pretimeout_seconds", "Warning before the reset."),
    Column::gauge("timeleft", "node_watchdog_timeleft_seconds", "Time until the reset."),
    Column::gauge("timeout", "node_watchdog_timeout_seconds", "Silence that leads to a reset."),
];

pub(super) struct Watchdog {
    roots: Arc<Roots>,
}

impl Watchdog {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Watchdog {
    fn name(&self) -> &'static str {
        "watchdog"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/watchdog");
        let mut info = Family::gauge("node_watchdog_info", "The timer in words, always 1.");
        let mut table = Table::new(COLUMNS);
        for timer in entries(&dir)? {
            let Some(files) = Attributes::open(&dir.join(&timer)) else {
                continue;
            };
            let word = |name: &str| files.text(name).unwrap_or_default();
            info.push_with(
                [
                    ("name", &timer),
                    ("identity", &word("identity")),
                    ("options", &word("options")),
                    ("pretimeout_governor", &word("pretimeout_governor")),
                    ("state", &word("state")),
                    ("status", &word("status")),
                ],
                1.0,
            );
            table.row(&labels([("name", &timer)]), |column| files.number(column.source));
        }
        if !info.points.is_empty() {
            out.push(info);
        }
        table.finish(out);
        Ok(())
    }
}
