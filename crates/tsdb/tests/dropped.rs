//! What rules drop is looked at once: its spelling is remembered until the rules change.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::cell::Cell;
use std::sync::Arc;

use model::Sample;
use storage::{Appender as _, Batch, LimitError, Rejected, Speller};
use testkit::{SIM_START_MS, SimWorld, sim_env};
use tsdb::{Config, Db, Driver};

/// Series of which every third is dropped, and how often somebody asked for labels.
struct Sent {
    names: Vec<String>,
    samples: Vec<Sample>,
    n_asked: Cell<usize>,
    drops: bool,
}

impl Sent {
    fn new(n_series: usize, t_ms: i64) -> Self {
        Self {
            names: (0..n_series).map(|i| format!("m{i}")).collect(),
            samples: vec![Sample::new(SIM_START_MS + t_ms, 1.0)],
            n_asked: Cell::new(0),
            drops: true,
        }
    }
}

impl Batch for Sent {
    fn speller(&self) -> Speller {
        Speller::RemoteWrite
    }

    fn source(&self) -> &str {
        "test"
    }

    fn n_series(&self) -> usize {
        self.names.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        self.names[series].as_bytes()
    }

    fn samples(&self, _series: usize) -> &[Sample] {
        &self.samples
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        self.n_asked.set(self.n_asked.get() + 1);
        if self.drops && series.is_multiple_of(3) {
            return Err(LimitError::Relabel);
        }
        labels.push(("__name__", &self.names[series]));
        Ok(())
    }
}

fn open(world: &SimWorld) -> Arc<Db> {
    let mut config = Config::new("/data");
    config.driver = Driver::Manual;
    let db = Db::open(config, &world.env).unwrap();
    db.warm().unwrap();
    db
}

/// Which series were dropped, how many samples were taken, and how often labels were asked for.
fn append(db: &Db, sent: &Sent) -> (Vec<usize>, u64, usize) {
    let appended = db.append_batch(sent).unwrap();
    let dropped = appended.rejected.iter().map(|Rejected { index, cause }| {
        assert_eq!(*cause, LimitError::Relabel);
        *index
    });
    (dropped.collect(), appended.n_samples, sent.n_asked.get())
}

#[test]
fn what_is_dropped_is_looked_at_once() {
    let world = sim_env(1);
    let db = open(&world);
    assert_eq!(append(&db, &Sent::new(7, 0)), (vec![0, 3, 6], 4, 7));
    assert_eq!(append(&db, &Sent::new(7, 1)), (vec![0, 3, 6], 4, 0));
    assert_eq!(append(&db, &Sent::new(8, 2)), (vec![0, 3, 6], 5, 1), "one is new");
}

#[test]
fn other_rules_look_again() {
    let world = sim_env(1);
    let db = open(&world);
    append(&db, &Sent::new(7, 0));
    db.forget_spellings();
    let all = Sent { drops: false, ..Sent::new(7, 1) };
    assert_eq!(append(&db, &all), (vec![], 7, 7));
    db.forget_spellings();
    assert_eq!(append(&db, &Sent::new(7, 2)), (vec![0, 3, 6], 4, 7));
}
