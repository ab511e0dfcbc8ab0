//! bonding: how many devices each bond has, and how many of them work.

use std::sync::Arc;

use model::Family;

use super::kernel::Attributes;
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct Bonding {
    roots: Arc<Roots>,
}

impl Bonding {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Bonding {
    fn name(&self) -> &'static str {
        "bonding"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let masters = self.roots.read_sys("class/net/bonding_masters")?;
        let net = self.roots.sys.join("class/net");
        let mut slaves = Family::gauge("node_bonding_slaves", "Devices the bond consists of.");
        let mut active = Family::gauge("node_bonding_active", "Devices of the bond that work.");
        for master in masters.split_ascii_whitespace() {
            let dir = net.join(master);
            let list =
                Attributes::open(&dir.join("bonding")).and_then(|files| files.text("slaves"));
            let list = list.unwrap_or_default();
            let devices = list.split_ascii_whitespace();
            let works = |device: &&str| {
                let slave = dir.join(format!("lower_{device}/bonding_slave"));
                let status = Attributes::open(&slave).and_then(|files| files.text("mii_status"));
                status.as_deref() == Some("up")
            };
            slaves.push_with([("master", master)], devices.clone().count() as f64);
            active.push_with([("master", master)], devices.filter(works).count() as f64);
        }
        let filled = |family: &Family| !family.points.is_empty();
        out.extend([slaves, active].into_iter().filter(filled));
        Ok(())
    }
}
