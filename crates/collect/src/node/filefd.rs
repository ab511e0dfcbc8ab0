//! filefd: how many files the whole host has open, and may have.

use std::sync::Arc;

use model::Family;

use super::kernel::number;
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct FileFd {
    roots: Arc<Roots>,
}

impl FileFd {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for FileFd {
    fn name(&self) -> &'static str {
        "filefd"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        // Allocated, allocated but unused (0 since Linux 2.6), maximum.
        let text = self.roots.read_proc("sys/fs/file-nr")?;
        let numbers: Vec<f64> = text.split_ascii_whitespace().map_while(number).collect();
        let [allocated, _, maximum] = numbers[..] else {
            return Err(CollectError::Malformed {
                source_name: "sys/fs/file-nr".into(),
                reason: "not three numbers".into(),
            });
        };
        out.push(
            Family::gauge("node_filefd_allocated", "Files the host has open.")
                .with_value(allocated),
        );
        out.push(
            Family::gauge("node_filefd_maximum", "Files the host may have open.")
                .with_value(maximum),
        );
        Ok(())
    }
}
