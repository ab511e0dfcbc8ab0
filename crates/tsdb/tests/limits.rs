//! Bounds on series: what is beyond one is refused, alone or with the call it came in, and leaves
//! nothing behind.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::time::Duration;

use stdx::Clock as _;
use storage::{AppendError, Appender, Querier, Row, RowsBatch, SeriesLimits};
use testkit::{SIM_START_MS, manual, open_warm, row, sim_env, values};
use tsdb::{Config, Db};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_series_beyond_a_bound_is_refused_alone_until_others_have_gone() {
    let world = sim_env(1);
    let rejected = |db: &Db, source: &str, jobs: &[&str]| -> Vec<(usize, &'static str)> {
        let rows: Vec<Row> = jobs.iter().map(|job| row(job, world.clock.now_ms(), 1.0)).collect();
        let appended = db.append_batch(&RowsBatch::new(source, &rows)).unwrap();
        db.commit_once();
        appended.commit.wait().unwrap();
        appended.rejected.iter().map(|r| (r.index, r.cause.reason())).collect()
    };
    let with = |series: SeriesLimits| {
        let config = Config { series, ..manual() };
        open_warm(config, &sim_env(1).env).unwrap()
    };
    let total = with(SeriesLimits { total: Some(3), ..SeriesLimits::default() });
    assert_eq!(rejected(&total, "x", &["a", "b", "a", "c", "d"]), [(4, "series_limit")]);
    assert_eq!(rejected(&total, "x", &["c", "e", "b"]), [(1, "series_limit")]);
    assert_eq!(values(&total, "c"), [1.0]);
    assert_eq!(values(&total, "e"), []);
    let metric = with(SeriesLimits { per_metric: Some(1), ..SeriesLimits::default() });
    assert_eq!(rejected(&metric, "x", &["a", "b"]), [(1, "metric_series_limit")]);
    let per_source = with(SeriesLimits { per_source: Some(2), ..SeriesLimits::default() });
    assert_eq!(rejected(&per_source, "x", &["a", "b", "c"]), [(2, "source_series_limit")]);
    assert_eq!(rejected(&per_source, "y", &["a", "b", "c", "d"]), []);
    // Its own series have gone, the other's have not.
    world.clock.advance(HOUR * 2);
    assert_eq!(rejected(&per_source, "y", &["c", "d"]), []);
    per_source.flush(world.clock.now_ms()).unwrap();
    assert_eq!(rejected(&per_source, "y", &["e"]), [(0, "source_series_limit")]);
    assert_eq!(rejected(&per_source, "x", &["e", "f", "g"]), [(2, "source_series_limit")]);
    // Rows are taken together or not at all.
    let refused = per_source.append(vec![row("c", SIM_START_MS, 2.0), row("g", SIM_START_MS, 2.0)]);
    assert!(refused.is_ok(), "rows are another source");
    let refused = total.append(vec![row("c", SIM_START_MS + 9, 2.0), row("g", SIM_START_MS, 2.0)]);
    assert!(matches!(refused, Err(AppendError::Refused { index: 1, .. })));
    assert_eq!(values(&total, "c"), [1.0]);
}

#[test]
fn labels_that_fit_no_frame_are_refused_whole() {
    let db = open_warm(manual(), &sim_env(1).env).unwrap();
    let huge = "x".repeat(17 << 20);
    let refused = db.append(vec![row("a", SIM_START_MS, 1.0), row(&huge, SIM_START_MS, 1.0)]);
    assert!(matches!(refused, Err(AppendError::Refused { index: 1, .. })));
    assert_eq!(values(&db, "a"), []);
    // Many that fill several frames are taken.
    let large = |i: usize| row(&format!("{i}{}", "x".repeat(3 << 20)), SIM_START_MS, 1.0);
    let commit = db.append((0..8).map(large).collect()).unwrap();
    db.commit_once();
    commit.wait().unwrap();
}

/// The series in memory, and the labels that are listed of them.
fn known(db: &Db) -> (i64, usize, Vec<String>) {
    let n_series = db.cardinality(10).unwrap().n_series;
    (db.meter().series.get(), n_series, db.label_values("job", &[]).unwrap())
}

#[test]
fn a_call_that_is_refused_leaves_no_series_behind() {
    let limits = [
        SeriesLimits { total: Some(3), ..SeriesLimits::default() },
        SeriesLimits { per_metric: Some(3), ..SeriesLimits::default() },
        SeriesLimits { per_source: Some(3), ..SeriesLimits::default() },
    ];
    for series in limits {
        let world = sim_env(1);
        let db = open_warm(Config { series, ..manual() }, &world.env).unwrap();
        let append = |jobs: &[&str], value: f64| {
            let t_ms = SIM_START_MS + value as i64;
            db.append(jobs.iter().map(|job| row(job, t_ms, value)).collect())
        };
        append(&["a"], 1.0).unwrap();
        let before = known(&db);
        for _ in 0..3 {
            let refused = append(&["b", "a", "c", "b", "d", "e"], 2.0);
            assert!(matches!(refused, Err(AppendError::Refused { index: 4, .. })), "{refused:?}");
            assert_eq!(known(&db), before);
        }
        // The room is still there, for these or for others, and each gets its own samples.
        append(&["c", "b", "a"], 3.0).unwrap();
        assert!(append(&["d"], 4.0).is_err());
        append(&["b", "c"], 5.0).unwrap();
        assert_eq!((values(&db, "a"), values(&db, "b")), (vec![1.0, 3.0], vec![3.0, 5.0]));
        assert_eq!(values(&db, "c"), [3.0, 5.0]);
        db.commit_once();
        drop(db);
        world.disk.crash();
        let db = open_warm(manual(), &world.env).unwrap();
        assert_eq!(db.label_values("job", &[]).unwrap(), ["a", "b", "c"]);
        assert_eq!(values(&db, "b"), [3.0, 5.0]);
    }
}
