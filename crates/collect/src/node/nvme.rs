//! nvme: model, firmware and state of each NVMe controller.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, entries};
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct Nvme {
    roots: Arc<Roots>,
}

impl Nvme {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Nvme {
    fn name(&self) -> &'static str {
        "nvme"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/nvme");
        let mut info = Family::gauge("node_nvme_info", "The controller in words, always 1.");
        for device in entries(&dir)? {
            let Some(files) = Attributes::open(&dir.join(&device)) else {
                continue;
            };
            let word = |name: &str| files.text(name).unwrap_or_default();
            info.push_with(
                [
                    ("device", &device),
                    ("firmware_revision", &word("firmware_rev")),
                    ("model", &word("model")),
                    ("serial", &word("serial")),
                    ("state", &word("state")),
                ],
                1.0,
            );
        }
        if !info.points.is_empty() {
            out.push(info);
        }
        Ok(())
    }
}
