//! When the writer is called, and what it is handed.

use storage::Commit;

use super::*;

const START: Duration = Duration::from_secs(100);

fn with_frame(at: Duration) -> Pending {
    let mut pending = Pending::new(7);
    assert_eq!(pending.push(FrameKind::Samples, b"payload", at), 7);
    pending
}

#[test]
fn a_commit_that_is_waited_for_is_due_at_once() {
    let mut pending = with_frame(START);
    let (sender, commit) = Commit::pending();
    pending.add_waiter(sender);
    assert_eq!(pending.due(START), Due::Now);
    drop(commit);
    assert_eq!(pending.due(START), Due::In(UNWAITED_SYNC_AFTER));
}

#[test]
fn rows_that_nobody_waits_for_are_due_by_their_oldest() {
    let mut pending = with_frame(START);
    let half = UNWAITED_SYNC_AFTER / 2;
    pending.push(FrameKind::Samples, b"later", START + half);
    assert_eq!(pending.due(START + half), Due::In(half));
    assert_eq!(pending.due(START + UNWAITED_SYNC_AFTER), Due::Now);
    pending.take();
    assert_eq!(pending.due(START + UNWAITED_SYNC_AFTER), Due::OnAppend);
    pending.push(FrameKind::Samples, b"next", START + 2 * UNWAITED_SYNC_AFTER);
    assert_eq!(pending.due(START + 2 * UNWAITED_SYNC_AFTER), Due::In(UNWAITED_SYNC_AFTER));
}

#[test]
fn what_was_taken_counts_until_it_is_durable() {
    let mut pending = with_frame(START);
    let n_bytes = pending.undurable_bytes();
    let batch = pending.take();
    assert_eq!((batch.frames.len(), batch.last_lsn), (n_bytes, 7));
    pending.push(FrameKind::Samples, b"payload", START);
    assert_eq!(pending.undurable_bytes(), 2 * n_bytes);
    pending.settled();
    assert_eq!(pending.undurable_bytes(), n_bytes);
}

#[test]
fn batches_join_in_order() {
    let mut pending = with_frame(START);
    let mut kept = pending.take();
    pending.push(FrameKind::Samples, b"later", START);
    let later = pending.take();
    let expected = [&kept.frames[..], &later.frames[..]].concat();
    kept.absorb(later);
    assert_eq!((kept.frames, kept.last_lsn), (expected, 8));
    let empty = pending.take();
    assert_eq!((empty.frames.len(), empty.last_lsn), (0, 8));
}
