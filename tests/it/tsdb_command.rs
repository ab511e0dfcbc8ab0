//! `pharos tsdb`, and the flush and compaction that an administrator asks for.

use std::fs;
use std::path::PathBuf;

use e2e::{Server, Starting, pharos};
use serde_json::json;

/// The block files of a server.
fn blocks(server: &Server) -> Vec<PathBuf> {
    let entries = fs::read_dir(server.data_dir().join("blk")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A server whose samples are all in blocks, the number of flushes of them.
fn flushed(n_flushes: i64) -> Server {
    let server = Server::start();
    for i in 0..n_flushes {
        let metric = json!({"service": "trainer", "metric_type": "loss", "value": i});
        server.client().post("/metrics", &metric).expect(200);
        let answer = server.client().post("/api/v1/admin/tsdb/flush", &json!({}));
        assert_eq!(answer.expect(200).json()["status"], "success");
    }
    server
}

#[test]
fn flush_writes_blocks_and_compact_merges_them() {
    let server = flushed(5);
    let n_before = blocks(&server).len();
    let answer = server.client().post("/api/v1/admin/tsdb/compact", &json!({}));
    let merged = answer.expect(200).json()["merged"].as_u64().unwrap();
    assert!(merged > 0 && blocks(&server).len() < n_before, "{merged} merges of {n_before}");
    let kept = server.client().json("/metrics?service=trainer&hours=1");
    assert_eq!(kept.as_array().unwrap().len(), 5);
}

#[test]
fn deleted_samples_are_gone_and_a_snapshot_still_has_them() {
    let server = flushed(2);
    let client = server.client();
    let ask = |what: &str| client.post(&format!("/api/v1/admin/tsdb/{what}"), &json!({}));
    let made = ask("snapshot").expect(200).json();
    assert_eq!(made["status"], "success");
    let copy = server.data_dir().join("snapshots").join(made["data"]["name"].as_str().unwrap());

    let refused = ask("delete_series?match[]=loss{service=}").expect(400).json();
    assert_eq!((&refused["status"], &refused["errorType"]), (&json!("error"), &json!("bad_data")));
    let place = "invalid parameter \"match[]\": 1:14: parse error: unexpected \"}\"";
    assert!(refused["error"].as_str().unwrap().contains(place), "{refused}");
    let kept = "/metrics?service=trainer&hours=1";
    assert_eq!(client.json(kept).as_array().unwrap().len(), 2);
    // By the name that it was pushed under.
    ask("delete_series?match[]=loss{service=%22trainer%22}").expect(204);
    assert_eq!(client.json(kept), json!([]));
    ask("clean_tombstones").expect(204);
    assert_eq!(client.json(kept), json!([]));

    let other = Starting::default().data_dir(&copy).arg("--no-collect").start();
    assert_eq!(other.client().json(kept).as_array().unwrap().len(), 2);
}

#[test]
fn deletions_and_snapshots_are_asked_for_in_forms_too() {
    let server = flushed(2);
    let client = server.client();
    let form = |method: &str, what: &str, body: &str| {
        let request = client.request(method, &format!("/api/v1/admin/tsdb/{what}"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body(body).send()
    };
    let n_kept = || client.json("/metrics?service=trainer&hours=1").as_array().unwrap().len();
    for method in ["POST", "PUT"] {
        let made = form(method, "snapshot", "skip_head=true").expect(200).json();
        let name = made["data"]["name"].as_str().unwrap();
        assert!(server.data_dir().join("snapshots").join(name).is_dir(), "{name}");
        for (what, body, says) in [
            ("snapshot", "skip_head=maybe", "unable to parse boolean"),
            ("delete_series", "", "no match[] parameter provided"),
            ("delete_series", "match[]=loss&begin=5", "unknown parameter \"begin\""),
            ("delete_series", "match[]=loss&start=soon", "cannot parse \"soon\""),
        ] {
            let refused = form(method, what, body).expect(400).json();
            assert_eq!(refused["errorType"], "bad_data", "{refused}");
            assert!(refused["error"].as_str().unwrap().contains(says), "{refused}");
        }
        form(method, "delete_series", "match[]=loss&start=0&end=5").expect(204);
        assert_eq!(n_kept(), 2, "the samples are younger");
        form(method, "clean_tombstones", "").expect(204);
    }
    // The parameters of both are taken together.
    form("PUT", "delete_series?start=0", "match%5B%5D=loss").expect(204);
    assert_eq!(n_kept(), 0);
}

#[test]
fn stats_and_verify_run_beside_the_server_and_damage_is_named() {
    let server = flushed(1);
    let dir = server.data_dir().to_str().unwrap();
    let stats = pharos(&["tsdb", "stats", "--data-dir", dir], &[]);
    assert_eq!(stats.code, Some(0), "{}", stats.stderr);
    assert!(stats.stdout.contains("__name__: "), "{}", stats.stdout);
    let verify = pharos(&["tsdb", "verify", "--data-dir", dir], &[]);
    assert_eq!(verify.code, Some(0), "{}", verify.stdout);
    assert!(verify.stdout.ends_with(" 0 damaged\n"), "{}", verify.stdout);

    let block = blocks(&server).remove(0);
    let mut bytes = fs::read(&block).unwrap();
    bytes[100] ^= 1;
    fs::write(&block, bytes).unwrap();
    let verify = pharos(&["tsdb", "verify", "--data-dir", dir], &[]);
    assert_eq!(verify.code, Some(1), "{}", verify.stdout);
    let name = block.file_name().unwrap().to_str().unwrap();
    assert!(verify.stdout.contains(name), "{}", verify.stdout);
    assert!(verify.stdout.ends_with(" 1 damaged\n"), "{}", verify.stdout);
}

#[test]
fn a_folder_without_data_is_named() {
    let verify = pharos(&["tsdb", "verify", "--data-dir", "/nowhere"], &[]);
    assert_eq!(verify.code, Some(1));
    assert!(verify.stderr.contains("/nowhere is no data directory"), "{}", verify.stderr);
}
