//! vmstat: paging, swapping, faults and out-of-memory kills, untyped as dashboards expect them.

use std::sync::Arc;

use model::{Family, MetricKind};

use super::families::Families;
use super::kernel::{metric_word, number};
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct VmStat {
    roots: Arc<Roots>,
}

impl VmStat {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for VmStat {
    fn name(&self) -> &'static str {
        "vmstat"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("vmstat")?;
        let mut families = Families::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(' ') else {
                continue;
            };
            if let Some(value) = number(value.trim()).filter(|_| is_shown(key)) {
                let name = format!("node_vmstat_{}", metric_word(key));
                families.set(name, ("A line of /proc/vmstat.", MetricKind::Untyped), value);
            }
        }
        families.finish(out);
        Ok(())
    }
}

/// Of the file's more than 150 lines: `oom_kill*`, `pgpg*`, `pswp*` and `pg*fault*`.
fn is_shown(key: &str) -> bool {
    let starts = ["oom_kill", "pgpg", "pswp"].iter().any(|word| key.starts_with(word));
    starts || (key.starts_with("pg") && key.contains("fault"))
}
