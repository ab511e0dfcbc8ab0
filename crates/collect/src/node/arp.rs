//! arp: how many neighbours each network device knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Family;

use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct Arp {
    roots: Arc<Roots>,
}

impl Arp {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Arp {
    fn name(&self) -> &'static str {
        "arp"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("net/arp")?;
        // IP address, HW type, flags, HW address, mask, device.
        let devices = text.lines().skip(1);
        let devices = devices.filter_map(|line| line.split_ascii_whitespace().nth(5));
        let mut n_by_device = BTreeMap::<&str, u32>::new();
        for device in devices {
            *n_by_device.entry(device).or_default() += 1;
        }
        let mut entries = Family::gauge("node_arp_entries", "Entries of the ARP table.");
        for (device, n) in n_by_device {
            entries.push_with([("device", device)], f64::from(n));
        }
        if !entries.points.is_empty() {
            out.push(entries);
        }
        Ok(())
    }
}
