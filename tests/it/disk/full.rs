//! Full disks: pushes are refused with the reason until there is room, and everything else goes on.

use std::time::{Duration, Instant};

use e2e::{Server, Starting, eventually};

use crate::durability::{LOAD_MAX, Load, check, restart};
use crate::shared::{SOON, page};

use super::loop_disk::LoopDisk;
use super::{NO_ROOM, expect_all_refused, expect_readable_and_not_ready, expect_writable};

const DISK_MEBIBYTES: u64 = 64;
/// Room for the load until the disk is full: a second's, or a few where much else goes on.
const ROOM_MEBIBYTES: u64 = 3;
/// How many requests are acknowledged before and after the disk was full.
const N_REQUESTS: u64 = 1000;

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let Some(disk) = LoopDisk::mount(DISK_MEBIBYTES) else { return };
    disk.leave(ROOM_MEBIBYTES);
    let (mut server, _) = restart(&disk.data_dir());
    let client = server.client();
    expect_writable(&client);
    let load = Load::start(&server, 1, 3);
    eventually(SOON, "the load fills the disk", || client.get("/-/ready").status == 503);
    let n_before = load.n_acknowledged();
    disk.fill();
    expect_all_refused(&client, &NO_ROOM);
    expect_readable_and_not_ready(&client, &NO_ROOM);
    expect_counted(&server);
    let freed = Instant::now();
    disk.free();
    expect_writable(&client);
    println!("full after {n_before} requests, writes taken {:.1?} after", freed.elapsed());
    let n_freed = load.n_acknowledged();
    eventually(SOON, "the load goes on", || load.n_acknowledged() >= n_freed + N_REQUESTS);
    server.kill();
    let round = load.end();
    println!("refusals by status: {:?}", round.refusals());
    assert_eq!(round.refusals().keys().collect::<Vec<_>>(), [&503]);
    let (server, _) = restart(&disk.data_dir());
    check(&server.client(), &round).expect_whole().expect_load();
}

/// The server's own counts of what a disk refused.
fn expect_counted(server: &Server) {
    let page = page(&server.client());
    for name in [
        "pharos_tsdb_wal_write_failures_total",
        "pharos_tsdb_stalls_total",
        "pharos_tsdb_appends_unavailable_total",
        "pharos_ingest_unavailable_total",
        "pharos_records_transactions_failed_total",
    ] {
        assert!(page.only(name) >= 1.0, "{name} is {}", page.only(name));
    }
}

#[test]
fn a_stop_on_a_full_disk_ends_in_time_and_says_what_is_missing() {
    let Some(disk) = LoopDisk::mount(DISK_MEBIBYTES) else { return };
    let (mut server, _) = restart(&disk.data_dir());
    let client = server.client();
    expect_writable(&client);
    disk.fill();
    expect_all_refused(&client, &NO_ROOM);
    let asked = Instant::now();
    let status = server.stop();
    assert!(asked.elapsed() < Duration::from_secs(10), "took {:?}", asked.elapsed());
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("the last samples were not written"), "{}", server.log());
}

#[test]
fn a_killed_server_starts_on_a_full_disk() {
    starts_on_a_full_disk(Server::kill);
}

#[test]
fn a_stopped_server_starts_on_a_full_disk() {
    starts_on_a_full_disk(|server| assert!(server.stop().success(), "{}", server.log()));
}

fn starts_on_a_full_disk(end: impl FnOnce(&mut Server)) {
    let Some(disk) = LoopDisk::mount(DISK_MEBIBYTES) else { return };
    let (mut server, _) = restart(&disk.data_dir());
    let load = Load::start(&server, 1, 5);
    load.wait(N_REQUESTS, LOAD_MAX);
    end(&mut server);
    let round = load.end();
    disk.fill();
    let server = Starting::default().data_dir(&disk.data_dir()).start();
    let client = server.client();
    expect_all_refused(&client, &NO_ROOM);
    expect_readable_and_not_ready(&client, &NO_ROOM);
    check(&client, &round).expect_whole().expect_load();
    disk.free();
    expect_writable(&client);
    drop(server);
    let (server, _) = restart(&disk.data_dir());
    check(&server.client(), &round).expect_whole().expect_load();
}
