//! What comes beside samples: exemplars, and what metrics are. It survives what samples survive.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;
use std::time::Duration;

use model::{Exemplar, Labels, Matcher, Metadata, MetadataKind, Sample};
use stdx::{Clock as _, Disk as _};
use storage::{Appender as _, Batch, LimitError, Querier, Speller};
use testkit::{Faults, SIM_START_MS, SimWorld, manual, open_warm, sim_env};
use tsdb::{Archive, Db, Health};

const NOTES: &str = "/data/notes.log";

fn open(world: &SimWorld) -> Arc<Db> {
    open_warm(manual(), &world.env).unwrap()
}

/// One series of remote write: its job, and samples or exemplars.
#[derive(Default)]
struct Sent(Vec<(&'static str, Vec<Sample>, Vec<Exemplar>)>);

impl Batch for Sent {
    fn speller(&self) -> Speller {
        Speller::RemoteWrite
    }

    fn source(&self) -> &str {
        "test"
    }

    fn n_series(&self) -> usize {
        self.0.len()
    }

    fn spelling(&self, series: usize) -> &[u8] {
        self.0[series].0.as_bytes()
    }

    fn samples(&self, series: usize) -> &[Sample] {
        &self.0[series].1
    }

    fn has_exemplars(&self) -> bool {
        true
    }

    fn exemplars(&self, series: usize) -> &[Exemplar] {
        &self.0[series].2
    }

    fn labels<'b>(
        &'b self,
        series: usize,
        labels: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), LimitError> {
        labels.extend([("__name__", "latency"), ("job", self.0[series].0)]);
        Ok(())
    }
}

fn sample() -> Vec<Sample> {
    vec![Sample::new(SIM_START_MS, 1.0)]
}

fn exemplar(t_ms: i64) -> Exemplar {
    let labels = Labels::new([("trace_id", format!("{t_ms:x}"))]).unwrap();
    Exemplar { labels, value: t_ms as f64, t_ms: SIM_START_MS + t_ms }
}

fn append(db: &Db, sent: &Sent) {
    let appended = db.append_batch(sent).unwrap();
    assert_eq!(db.commit_once(), Health::Writable);
    appended.commit.wait().unwrap();
}

/// Job and times of all exemplars.
fn told(querier: &dyn Querier) -> Vec<(String, Vec<i64>)> {
    let all = querier.exemplars(&[], i64::MIN, i64::MAX).unwrap();
    let of_series = |series: storage::SeriesExemplars| {
        let times = series.exemplars.iter().map(|exemplar| {
            assert!(exemplar.same_bits(&self::exemplar(exemplar.t_ms - SIM_START_MS)));
            exemplar.t_ms - SIM_START_MS
        });
        (series.labels.get("job").unwrap().to_owned(), times.collect())
    };
    all.into_iter().map(of_series).collect()
}

fn said(help: &str) -> Metadata {
    Metadata { kind: MetadataKind::Counter, help: help.to_owned(), unit: "seconds".to_owned() }
}

fn append_metadata(db: &Db, metrics: &[(&str, Metadata)]) {
    let commit = db.append_metadata(metrics).unwrap();
    assert_eq!(db.commit_once(), Health::Writable);
    commit.wait().unwrap();
}

#[test]
fn exemplars_are_found_by_series_and_time() {
    let world = sim_env(1);
    let db = open(&world);
    append(
        &db,
        &Sent(vec![("a", sample(), vec![exemplar(5)]), ("b", sample(), vec![exemplar(7)])]),
    );
    // As Prometheus sends them: a series for each thing there is to say.
    append(&db, &Sent(vec![("a", Vec::new(), vec![exemplar(3), exemplar(5)])]));
    append(&db, &Sent(vec![("nobody knows", Vec::new(), vec![exemplar(1)])]));
    assert_eq!(told(db.as_ref()), [("a".into(), vec![3, 5]), ("b".into(), vec![7])]);
    assert_eq!(db.meter().appended_exemplars.get(), 3, "the same one is kept once");
    assert_eq!(db.meter().rejected_exemplars.get(), 1);
    let job = Matcher::equal("job", "a");
    let found = db.exemplars(&[job], SIM_START_MS + 4, SIM_START_MS + 7).unwrap();
    assert_eq!((found.len(), found[0].exemplars.len()), (1, 1));
    assert!(db.label_values("job", &[Matcher::equal("job", "nobody knows")]).unwrap().is_empty());
}

#[test]
fn exemplars_and_metadata_survive_power_cuts_flushes_and_both() {
    let world = sim_env(1);
    let mut db = open(&world);
    let mut expected = Vec::new();
    for round in 0..6 {
        let samples = if round == 0 { sample() } else { Vec::new() };
        append(&db, &Sent(vec![("a", samples, vec![exemplar(round)])]));
        append_metadata(&db, &[("latency", said(&format!("Round {round}.")))]);
        expected.push(round);
        if round % 2 == 1 {
            db.flush(world.clock.now_ms()).unwrap();
        }
        if round != 3 {
            drop(db);
            world.disk.crash();
            db = open(&world);
            assert_eq!(db.meter().recovery.orphan_samples.get(), 0);
            // A series that has no sample in memory takes no exemplars.
            append(&db, &Sent(vec![("a", sample(), Vec::new())]));
        }
        assert_eq!(told(db.as_ref()), [("a".into(), expected.clone())], "round {round}");
        let metadata = db.metadata(Some("latency")).unwrap();
        assert_eq!(metadata, [("latency".to_owned(), said(&format!("Round {round}.")))]);
    }
    assert!(db.metadata(Some("other")).unwrap().is_empty());
    assert_eq!(db.metadata(None).unwrap().len(), 1);
    db.close().unwrap();
    drop(db);
    let archive = Archive::open(std::path::Path::new("/data"), &world.env).unwrap();
    assert_eq!(told(&archive), [("a".into(), expected)]);
    assert_eq!(archive.metadata(None).unwrap().len(), 1);
}

#[test]
fn the_power_may_go_anywhere_in_a_flush() {
    for stop in 1..30 {
        let world = sim_env(stop);
        let db = open(&world);
        append(&db, &Sent(vec![("a", sample(), vec![exemplar(1), exemplar(2)])]));
        append_metadata(&db, &[("latency", said("Help."))]);
        world.disk.stop_after(stop);
        let _stopped = db.flush(world.clock.now_ms());
        drop(db);
        world.disk.crash();
        let db = open(&world);
        assert_eq!(told(db.as_ref()), [("a".into(), vec![1, 2])], "stopped after {stop}");
        assert_eq!(db.metadata(None).unwrap().len(), 1, "stopped after {stop}");
    }
}

#[test]
fn a_file_that_cannot_be_written_keeps_the_log() {
    let world = sim_env(1);
    let db = open(&world);
    append(&db, &Sent(vec![("a", sample(), vec![exemplar(1)])]));
    world.disk.set_faults(Faults { names: 1000, ..Faults::default() });
    assert!(db.flush(world.clock.now_ms()).is_err());
    world.disk.set_faults(Faults::default());
    db.commit_once();
    db.flush(world.clock.now_ms()).unwrap();
    drop(db);
    world.disk.crash();
    assert_eq!(told(open(&world).as_ref()), [("a".into(), vec![1])]);
}

#[test]
fn who_sends_none_has_no_file_and_an_unchanged_one_is_not_written() {
    let world = sim_env(1);
    let db = open(&world);
    append(&db, &Sent(vec![("a", sample(), Vec::new())]));
    db.flush(world.clock.now_ms()).unwrap();
    let notes = std::path::Path::new(NOTES);
    assert!(!world.disk.paths().iter().any(|path| path == notes));
    append_metadata(&db, &[("latency", said("Help."))]);
    db.flush(world.clock.now_ms()).unwrap();
    assert!(world.disk.paths().iter().any(|path| path == notes));
    world.disk.remove(notes).unwrap();
    append_metadata(&db, &[("latency", said("Help."))]);
    append(&db, &Sent(vec![("a", sample(), Vec::new())]));
    db.flush(world.clock.now_ms()).unwrap();
    assert!(!world.disk.paths().iter().any(|path| path == notes));
}

#[test]
fn damage_of_the_file_costs_what_it_hits_and_is_counted() {
    let world = sim_env(1);
    let db = open(&world);
    append(&db, &Sent(vec![("a", sample(), vec![exemplar(1)])]));
    append_metadata(&db, &[("latency", said("Help."))]);
    db.flush(world.clock.now_ms()).unwrap();
    drop(db);
    let whole = world.disk.read(std::path::Path::new(NOTES)).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        world.disk.put(std::path::Path::new(NOTES), &bytes);
        let db = open(&world);
        let n_left = told(db.as_ref()).len() + db.metadata(None).unwrap().len();
        let counts = &db.meter().recovery;
        let n_counted = counts.corrupt_frames.get() + counts.orphan_samples.get();
        assert!(n_counted > 0 || n_left == 2, "a flipped bit at {at} is not told");
        db.close().unwrap();
    }
}

#[test]
fn exemplars_have_a_bound_and_an_age() {
    let world = sim_env(1);
    let mut config = manual();
    config.exemplars_max = 3;
    config.retention = Some(Duration::from_secs(3600));
    let db = open_warm(config, &world.env).unwrap();
    append(&db, &Sent(vec![("a", sample(), (0..9).map(exemplar).collect())]));
    assert_eq!(told(db.as_ref()), [("a".into(), vec![6, 7, 8])]);
    world.clock.advance(Duration::from_secs(3600));
    db.enforce_retention(world.clock.now_ms() + 7).unwrap();
    assert_eq!(told(db.as_ref()), [("a".into(), vec![7, 8])]);
    append(&db, &Sent(vec![("a", vec![Sample::new(SIM_START_MS + 9, 1.0)], vec![exemplar(1)])]));
    assert_eq!(db.meter().rejected_exemplars.get(), 1);
}

#[test]
fn metrics_that_say_too_much_are_left_out() {
    let world = sim_env(1);
    let db = open(&world);
    let long = said(&"x".repeat(1 << 20));
    let names: Vec<String> = (0..20).map(|n| format!("m{n}")).collect();
    for name in &names {
        append_metadata(&db, &[(name, long.clone())]);
    }
    assert_eq!(db.metadata(None).unwrap().len(), 15);
    assert_eq!(db.meter().rejected_metadata.get(), 5);
    append_metadata(&db, &[("m0", said("Shorter.")), ("small", said("Fits."))]);
    assert_eq!(db.metadata(None).unwrap().len(), 16);
}
