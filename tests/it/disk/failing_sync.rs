//! Failing syncs: after one, nobody knows what is on the disk. The log gives the file up and goes
//! on in another, and says so while it cannot.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Server, Starting, compile_c, eventually, root};
use serde_json::json;
use tempfile::TempDir;

use crate::durability::{LOAD_MAX, Load, check, restart};
use crate::shared::{SOON, page};

use super::{expect_all_refused, expect_readable_and_not_ready, expect_writable};

/// What a failed sync says, and what SQLite makes of it.
const NO_SYNC: [&str; 2] = ["Input/output error", "disk I/O error"];
const N_REQUESTS: u64 = 1000;

/// A folder with the library that lets syncs fail, the files that tell it to, and a server's data.
struct Faults(TempDir);

impl Faults {
    /// `None` says why not and counts as skipped.
    fn new() -> Option<Self> {
        let faults = Self(tempfile::tempdir().unwrap());
        let source = root().join("tests/it/disk/failing_sync.c");
        compile_c(&source, &faults.library(), &[])?;
        Some(faults)
    }

    fn library(&self) -> PathBuf {
        self.0.path().join("failing_sync.so")
    }

    fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A server whose syncs can be made to fail.
    fn server(&self) -> Server {
        let text = |path: &Path| path.to_str().expect("paths of tests are text").to_owned();
        Starting::default()
            .env("LD_PRELOAD", &text(&self.library()))
            .env("FAIL_SYNC_DIR", &text(self.0.path()))
            .data_dir(&self.data_dir())
            .start()
    }

    /// Lets every sync fail from now on.
    fn fail_all(&self) {
        fs::write(self.0.path().join("all"), b"").unwrap();
    }

    fn heal(&self) {
        fs::remove_file(self.0.path().join("all")).unwrap();
    }

    /// Lets the next sync of the log fail, and no other.
    fn fail_next(&self) {
        fs::write(self.0.path().join("next"), b"").unwrap();
    }

    /// The syncs of log segments so far, and whether each one failed.
    fn segment_syncs(&self) -> Vec<(String, bool)> {
        let log = fs::read_to_string(self.0.path().join("log")).unwrap();
        let sync = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let failed = words.next()? == "failed";
            let path = words.nth(1)?.to_owned();
            path.ends_with(".wal").then_some((path, failed))
        };
        log.lines().filter_map(sync).collect()
    }

    /// Says which segments were given up after a failed sync and which was the last one; no segment
    /// may have been synced again.
    fn expect_no_sync_repeated(&self) -> (BTreeSet<String>, String) {
        let syncs = self.segment_syncs();
        let mut given_up = BTreeSet::new();
        for (path, failed) in &syncs {
            assert!(!given_up.contains(path), "{path} was synced again after a failure");
            if *failed {
                given_up.insert(path.clone());
            }
        }
        let (last, _) = syncs.last().cloned().expect("there were syncs");
        (given_up, last)
    }
}

#[test]
fn a_failed_sync_is_not_repeated_and_loses_nothing() {
    let Some(faults) = Faults::new() else { return };
    let mut server = faults.server();
    let client = server.client();
    let load = Load::start(&server, 1, 11);
    load.wait(N_REQUESTS, LOAD_MAX);
    faults.fail_next();
    eventually(SOON, "a sync fails", || {
        page(&client).only("pharos_tsdb_wal_sync_failures_total") == 1.0
    });
    let n_failed = load.n_acknowledged();
    eventually(SOON, "the load goes on", || load.n_acknowledged() >= n_failed + N_REQUESTS);
    client.get("/-/ready").expect(200);
    assert_eq!(page(&client).only("pharos_tsdb_stalls_total"), 0.0);
    server.kill();
    let round = load.end();
    assert!(round.refusals().is_empty(), "a new segment was there: {:?}", round.refusals());
    let (given_up, last) = faults.expect_no_sync_repeated();
    assert_eq!(given_up.len(), 1, "{given_up:?}");
    assert!(given_up.iter().all(|path| *path < last), "{last} does not follow {given_up:?}");
    let (server, _) = restart(&faults.data_dir());
    check(&server.client(), &round).expect_whole().expect_load();
}

#[test]
fn a_disk_that_cannot_sync_is_told_and_left_alone_until_it_can() {
    let Some(faults) = Faults::new() else { return };
    let mut server = faults.server();
    let client = server.client();
    let load = Load::start(&server, 1, 13);
    load.wait(N_REQUESTS, LOAD_MAX);
    faults.fail_all();
    expect_all_refused(&client, &NO_SYNC);
    expect_readable_and_not_ready(&client, &NO_SYNC);
    let counts = page(&client);
    assert!(counts.only("pharos_tsdb_wal_sync_failures_total") >= 1.0);
    assert!(counts.only("pharos_tsdb_stalls_total") >= 1.0);
    faults.heal();
    expect_writable(&client);
    let n_healed = load.n_acknowledged();
    eventually(SOON, "the load goes on", || load.n_acknowledged() >= n_healed + N_REQUESTS);
    server.kill();
    let round = load.end();
    assert_eq!(round.refusals().keys().collect::<Vec<_>>(), [&503]);
    let (given_up, last) = faults.expect_no_sync_repeated();
    println!("given up: {given_up:?}, last: {last}");
    assert!(!given_up.is_empty() && !given_up.contains(&last), "{given_up:?}, {last}");
    let (server, _) = restart(&faults.data_dir());
    check(&server.client(), &round).expect_whole().expect_load();
}

/// A push that is answered while nothing else goes on: each failure costs it a segment, not a word.
#[test]
fn each_failed_sync_costs_a_segment() {
    let Some(faults) = Faults::new() else { return };
    let server = faults.server();
    let client = server.client();
    let metric = json!({ "service": "probe", "metric_type": "probe", "value": 1 });
    client.post("/metrics/", &metric).expect(200);
    for _ in 0..3 {
        faults.fail_next();
        client.post("/metrics/", &metric).expect(200);
        client.post("/metrics/", &metric).expect(200);
    }
    let (given_up, _) = faults.expect_no_sync_repeated();
    assert_eq!(given_up.len(), 3, "{given_up:?}");
    assert_eq!(page(&client).only("pharos_tsdb_wal_segments"), 4.0);
}
