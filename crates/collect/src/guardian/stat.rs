//! `/proc/stat`: what the CPUs did since boot. See `proc_stat(5)`.

use crate::CollectError;

/// Time since boot, in clock ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ticks {
    /// Everything but idling and waiting for a disk.
    pub(super) busy: u64,
    /// Everything.
    pub(super) all: u64,
}

/// The numbers of `/proc/stat` that the guardian family shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) total: Ticks,
    /// By the number of each online logical CPU, rising.
    pub(super) cores: Vec<(u32, Ticks)>,
    pub(super) ctx_switches: Option<u64>,
    pub(super) interrupts: Option<u64>,
    pub(super) soft_interrupts: Option<u64>,
}

impl Stat {
    /// # Errors
    /// When there is no line for all CPUs together.
    pub(super) fn parse(text: &str) -> Result<Self, CollectError> {
        let mut stat = Self::default();
        let mut has_total = false;
        for line in text.lines() {
            let Some((key, rest)) = line.split_once(' ') else {
                continue;
            };
            match key {
                "cpu" => {
                    has_total = true;
                    stat.total = Ticks::parse(rest);
                }
                "ctxt" => stat.ctx_switches = first_number(rest),
                "intr" => stat.interrupts = first_number(rest),
                "softirq" => stat.soft_interrupts = first_number(rest),
                _ => {
                    let core = key.strip_prefix("cpu").and_then(|n| n.parse().ok());
                    stat.cores.extend(core.map(|core| (core, Ticks::parse(rest))));
                }
            }
        }
        if !has_total {
            return Err(CollectError::Malformed {
                source_name: "/proc/stat".into(),
                reason: "no line \"cpu\"".into(),
            });
        }
        stat.cores.sort_unstable_by_key(|(core, _)| *core);
        stat.cores.dedup_by_key(|(core, _)| *core);
        Ok(stat)
    }
}

impl Ticks {
    /// Columns: user nice system idle iowait irq softirq steal, then guest and guest_nice, which
    /// user and nice already contain.
    fn parse(columns: &str) -> Self {
        let mut ticks = Self::default();
        for (i, column) in columns.split_ascii_whitespace().take(8).enumerate() {
            let n: u64 = column.parse().unwrap_or(0);
            ticks.all = ticks.all.saturating_add(n);
            let idle = i == 3 || i == 4;
            ticks.busy = ticks.busy.saturating_add(if idle { 0 } else { n });
        }
        ticks
    }

    /// The busy share of the time since `earlier`, in percent; 0 when no time passed.
    pub(super) fn busy_percent_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all);
        // Idle and waiting time can step back, and the busy share then seems to exceed the whole.
        let busy = self.busy.saturating_sub(earlier.busy).min(all);
        if all == 0 {
            return 0.0;
        }
        busy as f64 / all as f64 * 100.0
    }
}

fn first_number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}
