//! dmi: what the firmware says about board, chassis and maker.

use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::Attributes;
use crate::{CollectError, Collector, Moment, Roots};

/// The file below /sys/class/dmi/id and the label it becomes. Serials are for root alone.
const WORDS: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("sys_vendor", "system_vendor"),
];

pub(super) struct Dmi {
    roots: Arc<Roots>,
    /// Read once: it does not change until the next boot.
    labels: Option<Labels>,
}

impl Dmi {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots), labels: None }
    }

    fn read(&self) -> Option<Labels> {
        let files = Attributes::open(&self.roots.sys.join("class/dmi/id"))?;
        let pairs = WORDS.iter().filter_map(|(file, label)| Some((*label, files.text(file)?)));
        Labels::new(pairs).ok().filter(|labels| !labels.is_empty())
    }
}

impl Collector for Dmi {
    fn name(&self) -> &'static str {
        "dmi"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        if self.labels.is_none() {
            self.labels = self.read();
        }
        let labels = self.labels.clone().ok_or(CollectError::Absent)?;
        let mut info = Family::gauge("node_dmi_info", "The machine in its firmware's words.");
        info.push(labels, 1.0);
        out.push(info);
        Ok(())
    }
}
