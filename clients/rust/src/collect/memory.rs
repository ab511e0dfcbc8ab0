//! Memory and swap in bytes and percent, and the pages that went out to swap and came back.

use serde_json::{Value, json};
use sysinfo::System;

use super::{Collected, Collector, Figure, percent};

/// Reads memory and swap.
#[derive(Debug, Default)]
pub struct MemoryCollector {
    system: System,
}

impl MemoryCollector {
    /// One that has read nothing yet.
    pub fn new() -> Self {
        Self { system: System::new() }
    }
}

impl Collector for MemoryCollector {
    fn name(&self) -> &str {
        "memory"
    }

    fn collect(&mut self) -> Collected {
        self.system.refresh_memory();
        let system = &self.system;
        let (total, available) = (system.total_memory(), system.available_memory());
        let (swap, swap_used) = (system.total_swap(), system.used_swap());
        let (sin, sout) = pages(&std::fs::read_to_string("/proc/vmstat").unwrap_or_default());
        let json = json!({
            "virtual": {
                "total": total, "available": available, "used": system.used_memory(),
                "free": system.free_memory(),
                "percent": percent(total.saturating_sub(available) as f64, total as f64),
            },
            "swap": {
                "total": swap, "used": swap_used, "free": system.free_swap(),
                "percent": percent(swap_used as f64, swap as f64), "sin": sin, "sout": sout,
            },
        });
        Collected { figures: figures(&json), json }
    }
}

fn figures(json: &Value) -> Vec<Figure> {
    let (memory, swap) = (&json["virtual"], &json["swap"]);
    let gauges = [
        ("memory_virtual_total_bytes", &memory["total"]),
        ("memory_virtual_available_bytes", &memory["available"]),
        ("memory_virtual_used_bytes", &memory["used"]),
        ("memory_virtual_free_bytes", &memory["free"]),
        ("memory_virtual_percent", &memory["percent"]),
        ("memory_swap_total_bytes", &swap["total"]),
        ("memory_swap_used_bytes", &swap["used"]),
        ("memory_swap_free_bytes", &swap["free"]),
        ("memory_swap_percent", &swap["percent"]),
    ];
    let counters =
        [("memory_swap_sin_total", &swap["sin"]), ("memory_swap_sout_total", &swap["sout"])];
    let gauge = |(name, value): (_, &Value)| Some(Figure::gauge(name, value.as_f64()?));
    let counter = |(name, value): (_, &Value)| Some(Figure::counter(name, value.as_f64()?));
    let gauges = gauges.into_iter().filter_map(gauge);
    gauges.chain(counters.into_iter().filter_map(counter)).collect()
}

/// Pages swapped in and out in the text of `/proc/vmstat`.
fn pages(vmstat: &str) -> (Option<u64>, Option<u64>) {
    let of = |key: &str| {
        vmstat.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok())
    };
    (of("pswpin"), of("pswpout"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_by_their_whole_names() {
        assert_eq!(pages("pswpinx 1\npswpin 5\npswpout 7\n"), (Some(5), Some(7)));
        assert_eq!(pages("nr_free_pages 1\n"), (None, None));
    }
}
