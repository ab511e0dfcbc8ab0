//! Store: what samples cost each server that takes remote write, ours and its peers, when all get
//! the same bytes over the same connections in the same run. Only the servers' processor time
//! counts; the loader renders its requests before.

mod churn;
pub(crate) mod compare;
pub(crate) mod contender;
mod decode;
mod disk_use;
mod fleet;
mod history;
mod ingest;
pub(crate) mod load;
mod many;
mod page;
pub(crate) mod random;
pub(crate) mod remote_write;
mod sender;
mod small;

pub(crate) use churn::measure as measure_churn;
pub(crate) use decode::{Programs as DecodePrograms, measure as measure_decode};
pub(crate) use disk_use::measure as measure_disk_use;
pub(crate) use ingest::measure as measure_ingest;
pub(crate) use many::measure as measure_many;
pub(crate) use small::measure as measure_small;

use contender::{Contender, ensure_equal};

/// How large the loads are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// For development: small enough for three minutes.
    pub(crate) quick: bool,
}

/// What must be there after a load.
struct Arrived<'a> {
    selector: &'a str,
    n_series: usize,
    /// Not asked for when counting would take too long.
    n_samples: Option<u64>,
    last_ms: i64,
}

impl Arrived<'_> {
    /// # Errors
    /// When something else is there.
    fn check(&self, contender: &Contender<'_>) -> anyhow::Result<()> {
        let Self { selector, n_series, n_samples, last_ms } = *self;
        let n_there = contender.query(&format!("count({selector})"), last_ms)?;
        ensure_equal("series", n_there, n_series as f64)?;
        if let Some(n_samples) = n_samples {
            let expression = format!("sum(count_over_time({selector}[2d]))");
            ensure_equal("samples", contender.query(&expression, last_ms)?, n_samples as f64)?;
        }
        Ok(())
    }
}
