//! Waiting for a reason, and running out of patience.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use storage::RecordsCommit;

use super::{Queue, Refusal, Unit, Work};

fn work() -> Work {
    let (answer, _commit) = RecordsCommit::pending();
    Work { unit: Unit::Writes(Vec::new()), answer }
}

/// Has one thread wait while another gives it a reason.
fn check(give_reason: fn(&Queue)) {
    let queue = Arc::new(Queue::new(10));
    let waiting = Arc::clone(&queue);
    let waiter = thread::spawn(move || waiting.wait(Duration::from_secs(30)));
    give_reason(&queue);
    assert!(waiter.join().unwrap());
}

#[test]
fn work_a_wake_and_the_end_are_reasons() {
    check(Queue::wake);
    check(Queue::close);
    check(|queue| assert_eq!(queue.push(work()), Ok(())));
}

#[test]
fn a_wake_counts_once_and_is_not_lost() {
    let queue = Queue::new(10);
    queue.wake();
    assert!(queue.wait(Duration::from_secs(30)));
    assert!(!queue.wait(Duration::ZERO));
}

#[test]
fn the_end_comes_after_the_last_unit() {
    let queue = Queue::new(10);
    assert_eq!(queue.push(work()), Ok(()));
    queue.close();
    assert!(!queue.is_finished());
    assert_eq!(queue.take(100).len(), 1);
    assert!(queue.is_finished());
}

#[test]
fn what_stays_still_takes_room() {
    let queue = Queue::new(3);
    for _ in 0..3 {
        assert_eq!(queue.push(work()), Ok(()));
    }
    assert_eq!(queue.take(1).len(), 1);
    assert_eq!(queue.n_writes(), 2);
    assert_eq!(queue.push(work()), Ok(()));
    assert_eq!(queue.push(work()), Err(Refusal::Full));
}
