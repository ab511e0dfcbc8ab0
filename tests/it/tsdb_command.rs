//! `pharos tsdb`, and the flush and compaction that an administrator asks for.

use std::fs;
use std::path::PathBuf;

use e2e::{Server, pharos};
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
