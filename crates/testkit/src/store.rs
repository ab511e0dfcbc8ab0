//! A store as most tests want it: moved by hand, with one metric whose series differ by their job.

use std::sync::Arc;

use model::{Labels, Matcher, Sample};
use stdx::Env;
use storage::{Querier, Row, Select};
use tsdb::{Config, Db, Driver, OpenError};

/// Settings of a store in `/data` in which nothing happens by itself.
pub fn manual() -> Config {
    Config { driver: Driver::Manual, ..Config::new("/data") }
}

/// Opens a sample store whose answers are whole: what its log holds has been read back.
///
/// # Errors
/// Those of [`Db::open`] and [`Db::warm`].
pub fn open_warm(config: Config, env: &Env) -> Result<Arc<Db>, OpenError> {
    let db = Db::open(config, env)?;
    db.warm()?;
    Ok(db)
}

/// A sample of `up{job="..."}`.
///
/// # Panics
/// When the job is no label's value.
pub fn row(job: &str, t_ms: i64, value: f64) -> Row {
    Row {
        labels: Labels::of_metric("up", [("job", job)]).expect("a short text"),
        sample: Sample::new(t_ms, value),
    }
}

/// The values that series with this job have, in the order of their times.
///
/// # Panics
/// When the store cannot be read.
pub fn values(db: &Db, job: &str) -> Vec<f64> {
    let select = Select::floats(vec![Matcher::equal("job", job)], i64::MIN, i64::MAX);
    let series = db.select(&select).expect("a selection");
    let samples = series.flat_map(|series| series.expect("a series").samples);
    samples.map(|sample| sample.value).collect()
}
