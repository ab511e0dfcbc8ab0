//! Which mounts are asked, and what happens when one does not answer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::mounts::parse;
use super::pool::{Answer, Room, StatPool};
use parking_lot::Mutex;

const ROOM: Room = Room {
    size_bytes: 4096.0,
    free_bytes: 2048.0,
    avail_bytes: 1024.0,
    files: 20.0,
    files_free: 10.0,
};

fn points(text: &str, root: &str) -> Vec<String> {
    let mounts = parse(text, Path::new(root));
    mounts.into_iter().map(|mount| mount.point).collect()
}

#[test]
fn mounts_without_data_of_their_own_are_left_out() {
    let text = "/dev/sda1 / ext4 rw 0 0\n\
                proc /proc proc rw 0 0\n\
                tmpfs /run tmpfs rw 0 0\n\
                tmpfs /run/user/1000 tmpfs rw 0 0\n\
                tmpfs /runner tmpfs rw 0 0\n\
                devtmpfs /elsewhere devtmpfs rw 0 0\n\
                /dev/sdb1 /var/lib/docker ext4 rw 0 0\n\
                /dev/sdb1 /var/lib/docker/volumes/a ext4 rw 0 0\n\
                /dev/sdc1 /mnt/data xfs rw 0 0\n\
                /dev/sdc1 /mnt/data xfs rw 0 0\n\
                overlay /var/lib/thing overlay rw 0 0\n\
                garbage\n";
    assert_eq!(points(text, "/"), ["/", "/runner", "/var/lib/docker", "/mnt/data"]);
}

#[test]
fn blanks_and_the_container_s_prefix_are_undone() {
    assert_eq!(points("/dev/sda1 /my\\040disk\\134 ext4 rw 0 0", "/"), ["/my disk\\"]);
    let mounts = parse("/dev/sda1 /host/data ext4 ro,noatime 0 0", Path::new("/host"));
    assert_eq!(mounts[0].point, "/data");
    assert_eq!(mounts[0].path, Path::new("/host/data"));
    assert!(mounts[0].readonly);
    assert_eq!(points("/dev/sda1 /hostage ext4 rw 0 0", "/host"), ["/hostage"]);
    assert_eq!(points("/dev/sda1 /host ext4 rw 0 0", "/host"), ["/"]);
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

#[test]
fn answers_stand_in_the_order_of_the_paths() {
    let mut pool = StatPool::new(Duration::from_secs(60), |path| {
        if path == Path::new("/refused") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(ROOM)
    });
    for _ in 0..3 {
        assert_eq!(
            pool.ask(paths(&["/a", "/refused", "/b"])),
            [Answer::Room(ROOM), Answer::Failed, Answer::Room(ROOM)]
        );
    }
}

/// For rounds that end by their deadline, because somebody does not answer.
const SHORT: Duration = Duration::from_millis(20);
/// For rounds in which everybody who is asked answers.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_stuck_mount_is_skipped_until_it_answers() {
    let (asked, questions) = sync_channel(16);
    let (release, released) = sync_channel::<()>(0);
    let released = Mutex::new(released);
    let mut pool = StatPool::new(SHORT, move |path| {
        if path == Path::new("/dead") {
            let _ = asked.send(());
            let _ = released.lock().recv(); // returns when the test drops the other end
        }
        Ok(ROOM)
    });
    let dead = paths(&["/dead"]);
    while questions.try_recv().is_err() {
        assert_eq!(pool.ask(dead.clone()), [Answer::Stuck]);
    }
    // Not asked again while the first call hangs, and the other mount does not wait for it.
    pool.set_deadline(LONG);
    let both = paths(&["/dead", "/alive"]);
    for _ in 0..3 {
        assert_eq!(pool.ask(both.clone()), [Answer::Stuck, Answer::Room(ROOM)]);
    }
    assert!(questions.try_recv().is_err(), "a stuck mount was asked again");

    drop(release);
    pool.wait_until_idle();
    assert_eq!(pool.ask(both), [Answer::Room(ROOM), Answer::Room(ROOM)]);
}

#[test]
fn stuck_mounts_leave_threads_for_the_living_up_to_a_bound() {
    let (release, released) = sync_channel::<()>(0);
    let released = Mutex::new(released);
    let mut pool = StatPool::new(SHORT, move |path| {
        if path.starts_with("/dead") {
            let _ = released.lock().recv();
        }
        Ok(ROOM)
    });
    let alive = paths(&["/alive"]);
    let dead: Vec<PathBuf> = (0..16).map(|i| format!("/dead/{i}").into()).collect();
    for (four, n_stuck) in dead.chunks(4).zip([4, 8, 12, 16]) {
        pool.set_deadline(SHORT);
        while pool.n_asking() < n_stuck {
            assert_eq!(pool.ask(four.to_vec()), [Answer::Stuck; 4]);
        }
        pool.set_deadline(LONG);
        let answer = if n_stuck < 16 { Answer::Room(ROOM) } else { Answer::Stuck };
        assert_eq!(pool.ask(alive.clone()), [answer], "{n_stuck} mounts are stuck");
    }
    drop(release);
    pool.wait_until_idle();
    assert_eq!(pool.ask(dead), [Answer::Room(ROOM); 16]);
    assert_eq!(pool.n_threads(), 16);
}
