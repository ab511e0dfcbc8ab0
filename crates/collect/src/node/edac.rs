//! edac: memory errors that the memory controllers corrected, and those they could not.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, numbered};
use super::table::{Column, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

const CONTROLLER: &[Column] = &[
    Column::counter(
        "ce_count",
        "node_edac_correctable_errors_total",
        "Memory errors the controller corrected.",
    ),
    Column::counter(
        "ue_count",
        "node_edac_uncorrectable_errors_total",
        "Memory errors the controller could not correct.",
    ),
];

/// The controller's errors without a place are counted under the row `unknown`.
const CORRECTABLE: usize = 0;
const UNCORRECTABLE: usize = 1;
const ROW: &[Column] = &[
    Column::counter(
        "ce_count",
        "node_edac_csrow_correctable_errors_total",
        "Memory errors corrected in this row.",
    ),
    Column::counter(
        "ue_count",
        "node_edac_csrow_uncorrectable_errors_total",
        "Memory errors not corrected in this row.",
    ),
];

pub(super) struct Edac {
    roots: Arc<Roots>,
}

impl Edac {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Edac {
    fn name(&self) -> &'static str {
        "edac"
    }

    /// A host without such a controller has nothing to show and nothing wrong.
    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut controllers = Table::new(CONTROLLER);
        let mut rows = Table::new(ROW);
        for (controller, dir) in numbered(&self.roots.sys.join("devices/system/edac/mc"), "mc") {
            let Some(files) = Attributes::open(&dir) else {
                continue;
            };
            let controller = controller.to_string();
            let of_controller = labels([("controller", &controller)]);
            controllers.row(&of_controller, |column| files.number(column.source));

            let unknown = labels([("controller", &controller), ("csrow", "unknown")]);
            for (column, file) in
                [(CORRECTABLE, "ce_noinfo_count"), (UNCORRECTABLE, "ue_noinfo_count")]
            {
                if let Some(value) = files.number(file) {
                    rows.put(column, &unknown, value);
                }
            }
            for (row, dir) in numbered(&dir, "csrow") {
                if let Some(files) = Attributes::open(&dir) {
                    let row = row.to_string();
                    let labels = labels([("controller", &controller), ("csrow", &row)]);
                    rows.row(&labels, |column| files.number(column.source));
                }
            }
        }
        controllers.finish(out);
        rows.finish(out);
        Ok(())
    }
}
