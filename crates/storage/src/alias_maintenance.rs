//! Alias, where stored series are spoken of and not read: a pushed metric that can be asked for by
//! its plain name is deleted and kept by that name too.

use std::sync::Arc;

use model::Matcher;

use crate::alias::aliased;
use crate::{Maintenance, MaintenanceError};

/// Matchers, and those of the stored series behind a plain name, if they name one.
pub fn with_stored_names(matchers: &[Matcher]) -> Vec<Vec<Matcher>> {
    let stored = aliased(matchers).map(|(_, stored)| stored);
    std::iter::once(matchers.to_vec()).chain(stored).collect()
}

/// Maintenance that deletes `service_metric{metric_type="cpu",...}` along with `cpu{...}`.
pub struct AliasMaintenance(Arc<dyn Maintenance>);

impl AliasMaintenance {
    /// Aliases over another store.
    pub fn new(inner: Arc<dyn Maintenance>) -> Self {
        Self(inner)
    }
}

impl Maintenance for AliasMaintenance {
    fn flush(&self) -> Result<(), MaintenanceError> {
        self.0.flush()
    }

    fn compact(&self) -> Result<u64, MaintenanceError> {
        self.0.compact()
    }

    fn delete_series(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), MaintenanceError> {
        let all = with_stored_names(matchers);
        all.iter().try_for_each(|matchers| self.0.delete_series(matchers, start_ms, end_ms))
    }

    fn clean_tombstones(&self) -> Result<u64, MaintenanceError> {
        self.0.clean_tombstones()
    }

    fn snapshot(&self) -> Result<String, MaintenanceError> {
        self.0.snapshot()
    }
}

#[cfg(test)]
mod tests {
    use model::{METRIC_NAME, Matcher};

    use super::with_stored_names;

    #[test]
    fn a_plain_name_stands_for_the_stored_series_too() {
        let name = |name: &str| Matcher::equal(METRIC_NAME, name);
        let service = Matcher::not_equal("service", "a");
        let stored =
            vec![name("service_metric"), Matcher::equal("metric_type", "cpu"), service.clone()];
        let plain = vec![name("cpu"), service.clone()];
        assert_eq!(with_stored_names(&plain), [plain.clone(), stored.clone()]);
        assert_eq!(with_stored_names(&stored), [stored]);
        assert_eq!(with_stored_names(std::slice::from_ref(&service)), [vec![service.clone()]]);
    }
}
