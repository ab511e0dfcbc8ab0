use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use model::{
    Alert, Histogram, Labels, METRIC_NAME, Matcher, MetadataKind, Pipeline, Service,
    is_stale_marker,
};
use parking_lot::Mutex;
use stdx::Clock;
use storage::memory::MemoryStore;
use storage::{
    AlertFilter, GroupWrite, Ingest, Limits, PipelineFilter, Querier as _, RecordWrite, Records,
    RecordsCommit, RecordsError, Select, ServiceFilter,
};
use wire::openmetrics::Dialect;
use wire::pushgateway::{PushedFamily, PushedValue, read_page};

use super::{Doors, Groups};

struct StoppedClock;

impl Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Records that know groups alone.
#[derive(Default)]
struct GroupRecords(Mutex<BTreeMap<String, String>>);

impl Records for GroupRecords {
    fn write(&self, unit: Vec<RecordWrite>) -> Result<RecordsCommit, RecordsError> {
        let (answer, commit) = RecordsCommit::pending();
        for write in unit {
            match write {
                RecordWrite::Group(GroupWrite { labels, page: Some(page) }) => {
                    self.0.lock().insert(labels, page);
                }
                RecordWrite::Group(GroupWrite { labels, page: None }) => {
                    self.0.lock().remove(&labels);
                }
                other => panic!("{other:?}"),
            }
        }
        answer.send(Ok(Vec::new())).unwrap();
        Ok(commit)
    }

    fn saw_service(&self, _: &str, _: i64) -> Result<Option<RecordsCommit>, RecordsError> {
        Ok(None)
    }

    fn services(&self, _: &ServiceFilter) -> Result<Vec<Service>, RecordsError> {
        Ok(Vec::new())
    }

    fn pipelines(&self, _: &PipelineFilter) -> Result<Vec<Pipeline>, RecordsError> {
        Ok(Vec::new())
    }

    fn alerts(&self, _: &AlertFilter) -> Result<Vec<Alert>, RecordsError> {
        Ok(Vec::new())
    }

    fn groups(&self) -> Result<Vec<(String, String)>, RecordsError> {
        Ok(self.0.lock().clone().into_iter().collect())
    }
}

struct World {
    store: Arc<MemoryStore>,
    ingest: Ingest,
    records: GroupRecords,
    groups: Groups,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let ingest = Ingest::new(store.clone(), Limits::default(), Arc::new(StoppedClock));
        Self { store, ingest, records: GroupRecords::default(), groups: Groups::default() }
    }

    fn doors(&self, now_ms: i64) -> Doors<'_> {
        Doors { ingest: &self.ingest, records: &self.records, source: "test", now_ms }
    }

    /// The status of a push; 200 if it is taken.
    fn push(&self, now_ms: i64, job: &str, page: &str, replaces: bool) -> u16 {
        let page = read_page(page.as_bytes(), Dialect::Prometheus).unwrap();
        let pushed = self.groups.push(&self.doors(now_ms), &group(job), page, replaces);
        pushed.map_or_else(|error| error.into_response().status().as_u16(), |_| 200)
    }

    fn put(&self, now_ms: i64, job: &str, page: &str) -> u16 {
        self.push(now_ms, job, page, true)
    }

    fn refresh(&self, now_ms: i64, expire_after_s: u64) {
        self.groups.refresh(&self.doors(now_ms), Duration::from_secs(expire_after_s));
    }

    /// Times and values of a series; an end is `None`.
    fn stored(&self, metric: &str, job: &str) -> Vec<(i64, Option<f64>)> {
        let matchers = vec![Matcher::equal(METRIC_NAME, metric), Matcher::equal("job", job)];
        let found = self.store.select(&Select::floats(matchers, i64::MIN, i64::MAX)).unwrap();
        let samples = found.flat_map(|series| series.unwrap().samples.to_vec());
        samples.map(|s| (s.t_ms, Some(s.value).filter(|v| !is_stale_marker(*v)))).collect()
    }
}

fn group(job: &str) -> Labels {
    Labels::new([("job", job)]).unwrap()
}

#[test]
fn put_replaces_the_group_and_post_what_has_the_same_name() {
    let world = World::new();
    assert_eq!(world.put(1000, "a", "m{x=\"1\"} 1\nm{x=\"2\"} 2\nn 3\n"), 200);
    assert_eq!(world.push(2000, "a", "m{x=\"1\"} 4\n", false), 200);
    let m = world.stored("m", "a");
    assert_eq!(m, [(1000, Some(1.0)), (2000, Some(4.0)), (1000, Some(2.0)), (2000, None)]);
    assert_eq!(world.stored("n", "a"), [(1000, Some(3.0)), (2000, Some(3.0))]);
    assert_eq!(world.put(3000, "a", "n 5\n"), 200);
    assert_eq!(world.stored("n", "a").last(), Some(&(3000, Some(5.0))));
    assert_eq!(world.stored("m", "a")[2], (3000, None));
    assert_eq!(world.stored("push_time_seconds", "a").last(), Some(&(3000, Some(3.0))));
    assert_eq!(world.stored("push_failure_time_seconds", "a").last(), Some(&(3000, Some(0.0))));
    assert_eq!(world.put(4000, "a", ""), 200, "an empty body clears, and is a push");
    assert_eq!(world.stored("n", "a").last(), Some(&(4000, None)));
    assert_eq!(world.stored("push_time_seconds", "a").last(), Some(&(4000, Some(4.0))));
}

#[test]
fn groups_stay_fresh_until_they_are_deleted() {
    let world = World::new();
    world.put(1000, "a", "m 1\n");
    world.refresh(16_000, 0);
    assert_eq!(world.stored("m", "a"), [(1000, Some(1.0)), (16_000, Some(1.0))]);
    world.groups.delete(&world.doors(16_000), &group("a")).unwrap();
    assert_eq!(world.stored("m", "a")[2], (16_001, None), "not hidden by the value before");
    assert_eq!(world.stored("push_time_seconds", "a").last(), Some(&(16_001, None)));
    world.refresh(31_000, 0);
    assert_eq!(world.stored("m", "a").len(), 3);
    assert_eq!(world.records.groups().unwrap(), []);
    world.groups.delete(&world.doors(40_000), &group("a")).unwrap();
}

/// A series of histograms ends as one of them, also where it ends because a push is taken back.
#[test]
fn histograms_are_stored_again_and_end() {
    let world = World::new();
    let push = |now_ms, job: &str, others: &str| {
        let mut page = read_page(others.as_bytes(), Dialect::Prometheus).unwrap();
        let histogram = Histogram { count: 2.0, zero_count: 2.0, ..Histogram::default() };
        let series = vec![(
            Labels::new([(METRIC_NAME, "h")]).unwrap(),
            PushedValue::Histogram(Arc::new(histogram)),
        )];
        let family = PushedFamily { kind: MetadataKind::Histogram, series, ..Default::default() };
        page.insert("h".to_owned(), family);
        world.groups.push(&world.doors(now_ms), &group(job), page, true)
    };
    let counts = |job: &str| {
        let matchers = vec![Matcher::equal(METRIC_NAME, "h"), Matcher::equal("job", job)];
        let found = world.store.select(&Select::both(matchers, i64::MIN, i64::MAX)).unwrap();
        let all = found.flat_map(|series| series.unwrap().histograms.to_vec());
        let count = |h: &model::HistogramSample| {
            (h.t_ms, Some(h.histogram.count).filter(|_| !h.histogram.is_stale_marker()))
        };
        all.map(|h| count(&h)).collect::<Vec<_>>()
    };
    push(1000, "a", "").unwrap();
    world.refresh(16_000, 0);
    assert_eq!(counts("a"), [(1000, Some(2.0)), (16_000, Some(2.0))]);
    assert_eq!(world.put(20_000, "a", "m 1\n"), 200);
    assert_eq!(counts("a").last(), Some(&(20_000, None)));
    assert_eq!(world.stored("h", "a"), [], "no number among histograms");
}

#[test]
fn groups_expire_where_that_is_set() {
    let world = World::new();
    world.put(1000, "a", "m 1\n");
    world.put(9000, "b", "m 1\n");
    world.refresh(12_000, 10);
    assert_eq!(world.stored("m", "a").last(), Some(&(12_000, None)));
    assert_eq!(world.stored("m", "b").last(), Some(&(12_000, Some(1.0))));
    assert_eq!(world.records.groups().unwrap().len(), 1);
}

#[test]
fn a_refused_push_changes_nothing_but_the_time_of_failure() {
    let world = World::new();
    world.put(1000, "a", "# TYPE m counter\nm 1\n");
    let long = format!("m{{x=\"{}\"}} 1\n", "y".repeat(5000));
    for (at, page) in
        [(2, "# TYPE m gauge\nm 1\n"), (3, "m{job=\"x\"} 1\nm{job=\"y\"} 1\n"), (4, &long)]
    {
        assert_eq!(world.put(at * 1000, "b", &format!("fine 1\n{page}")), 400, "{page}");
        assert_eq!(world.stored("fine", "b"), []);
        world.groups.note_failure(&world.doors(at * 1000), &group("b"));
        let failed = world.stored("push_failure_time_seconds", "b");
        assert_eq!(failed.last(), Some(&(at * 1000, Some(at as f64))));
    }
    assert_eq!(world.stored("push_time_seconds", "b").last(), Some(&(4000, Some(0.0))));
    assert_eq!(world.put(5000, "a", "# TYPE m gauge\nm 1\n"), 200, "its own type may change");
    assert_eq!(world.put(6000, "b", "# TYPE m gauge\nm 1\n"), 200);
    let failed = world.stored("push_failure_time_seconds", "b");
    assert_eq!(failed.last(), Some(&(6000, Some(4.0))), "the time of a failure stays");
}

#[test]
fn groups_are_there_after_a_restart() {
    let mut world = World::new();
    world.put(1000, "a", "# TYPE m counter\n# HELP m M.\nm{x=\"é\\n\"} 1.5\n");
    world.put(1000, "b", "n 2\n");
    world.groups.note_failure(&world.doors(2000), &group("b"));
    world.groups = Groups::load(&world.records);
    world.refresh(5000, 0);
    assert_eq!(world.stored("m", "a").last(), Some(&(5000, Some(1.5))));
    assert_eq!(world.stored("push_time_seconds", "b").last(), Some(&(5000, Some(1.0))));
    assert_eq!(world.stored("push_failure_time_seconds", "b").last(), Some(&(5000, Some(2.0))));
    assert_eq!(world.put(6000, "c", "# TYPE m gauge\nm 1\n"), 400, "types are known again");
    world.records.0.lock().insert("bad".to_owned(), "no page".to_owned());
    assert_eq!(Groups::load(&world.records).0.lock().groups.len(), 2);
}

#[test]
fn groups_are_bounded() {
    let world = World::new();
    for i in 0..super::GROUPS_MAX {
        let mut all = world.groups.0.lock();
        all.set(&group(&i.to_string()), Some(super::Group::default()));
    }
    assert_eq!(world.put(1000, "one more", "m 1\n"), 400);
    assert_eq!(world.put(1000, "7", "m 1\n"), 200);
    world.groups.0.lock().n_bytes = super::BYTES_MAX;
    assert_eq!(world.put(2000, "7", "m 1\nn 2\n"), 400);
}
