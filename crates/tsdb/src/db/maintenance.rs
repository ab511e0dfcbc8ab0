//! Maintenance: what a person may ask of the store, as the seam between crates has it.

use std::path::Path;

use model::Matcher;
use storage::{Maintenance, MaintenanceError};

use crate::db::Db;

impl Maintenance for Db {
    fn flush(&self) -> Result<(), MaintenanceError> {
        self.core.flush_all().map_err(failed)
    }

    fn compact(&self) -> Result<u64, MaintenanceError> {
        let mut n_merged = 0;
        while self.core.compact(self.core.env.clock.now_ms()).map_err(failed)? {
            n_merged += 1;
        }
        Ok(n_merged)
    }

    fn delete_series(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), MaintenanceError> {
        self.core.delete_series(matchers, start_ms, end_ms).map_err(failed)
    }

    fn clean_tombstones(&self) -> Result<u64, MaintenanceError> {
        self.core.clean_tombstones().map_err(failed)
    }

    fn snapshot(&self) -> Result<String, MaintenanceError> {
        let path = self.core.snapshot(None).map_err(failed)?;
        let name = path.file_name().map(Path::new).map(|name| name.display().to_string());
        Ok(name.expect("a snapshot is a folder with a name"))
    }
}

fn failed(error: impl std::fmt::Display) -> MaintenanceError {
    MaintenanceError { reason: error.to_string() }
}
