//! entropy: the kernel's store of randomness.

use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::Attributes;
use super::table::{Column, Table};
use crate::{CollectError, Collector, Moment, Roots};

const COLUMNS: &[Column] = &[
    Column::gauge("entropy_avail", "node_entropy_available_bits", "Bits of entropy available."),
    Column::gauge("poolsize", "node_entropy_pool_size_bits", "Bits the entropy pool can hold."),
];

pub(super) struct Entropy {
    roots: Arc<Roots>,
}

impl Entropy {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Entropy {
    fn name(&self) -> &'static str {
        "entropy"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.proc.join("sys/kernel/random");
        let random = Attributes::open(&dir).ok_or(CollectError::Absent)?;
        let mut table = Table::new(COLUMNS);
        table.row(&Labels::default(), |column| random.number(column.source));
        table.finish(out);
        Ok(())
    }
}
