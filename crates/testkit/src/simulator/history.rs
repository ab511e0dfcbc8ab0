//! History: what was ever written at one time of one series, and therefore what may be there.
//!
//! A promised write has happened; any other one may have. A deletion that failed happened for
//! everything that it concerns, or for nothing. So the states that are allowed after a crash are
//! those that some choice among the failed deletions and the unpromised writes leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Labels, Matcher, Sample, is_stale_marker};
use storage::{Row, Series};

use super::checks::sample_at;

/// One call of append.
pub(super) type BatchId = usize;
/// A deletion that failed.
type DeletionId = usize;

/// What an acknowledgement is worth after a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The process died: what the kernel has is there.
    Kill,
    /// What the disk has is there.
    PowerCut,
}

/// What happened at one time of one series.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// `None` once it is known to be durable.
    Written(Sample, Option<BatchId>),
    /// Perhaps.
    Deleted(DeletionId),
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct History {
    series: BTreeMap<Labels, BTreeMap<i64, Vec<Event>>>,
    sizes: Vec<usize>,
    /// These survive the process.
    acknowledged: BTreeSet<BatchId>,
    /// These survive everything.
    durable: BTreeSet<BatchId>,
    /// Acknowledged by the living process when the kernel had them, and when that was.
    aging: Vec<(BatchId, Duration)>,
    /// The same of the process before, which is gone: the next start makes them durable.
    left: Vec<BatchId>,
    n_unsure_deletions: usize,
    /// Whether a failed pass of retention may have dropped something for size.
    may_lack: bool,
}

/// So many deletions may be in doubt at once: their outcomes are tried one by one.
const UNSURE_DELETIONS_MAX: usize = 3;
/// What is acknowledged without a sync becomes durable after this time.
const SYNC_AFTER: Duration = Duration::from_secs(1);

impl History {
    /// Notes rows that the store has taken.
    pub(super) fn append(&mut self, rows: &[Row]) -> BatchId {
        let batch = self.sizes.len();
        self.sizes.push(rows.len());
        for Row { labels, sample } in rows {
            let times = self.series.entry(labels.clone()).or_default();
            times.entry(sample.t_ms).or_default().push(Event::Written(*sample, Some(batch)));
        }
        batch
    }

    /// Notes that rows survive everything, and says how many.
    pub(super) fn acknowledge(&mut self, batch: BatchId) -> usize {
        self.acknowledged.insert(batch);
        self.durable.insert(batch);
        self.sizes[batch]
    }

    /// Notes that rows survive the process, since this monotonic time, and says how many.
    pub(super) fn acknowledge_written(&mut self, batch: BatchId, now: Duration) -> usize {
        self.acknowledged.insert(batch);
        self.aging.push((batch, now));
        self.sizes[batch]
    }

    /// The committer has done its work at this monotonic time.
    pub(super) fn age(&mut self, now: Duration) {
        let is_synced = |at: &Duration| now.saturating_sub(*at) >= SYNC_AFTER;
        let (synced, aging): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.aging).into_iter().partition(|(_, at)| is_synced(at));
        self.durable.extend(synced.into_iter().map(|(batch, _)| batch));
        self.aging = aging;
    }

    /// The process is gone. What it wrote becomes durable with the next start, unless a sync has
    /// failed: then nobody knows what the system has dropped.
    pub(super) fn end_process(&mut self, has_failed_sync: bool) {
        let aging = std::mem::take(&mut self.aging).into_iter();
        self.left = aging.map(|(batch, _)| batch).filter(|_| !has_failed_sync).collect();
    }

    /// A start has made durable, or not, what the process before had written.
    pub(super) fn begin_process(&mut self, is_synced: bool) {
        let left = std::mem::take(&mut self.left).into_iter();
        self.durable.extend(left.filter(|_| is_synced));
    }

    /// Forgets what is not kept any more.
    pub(super) fn retain(&mut self, keeps: impl Fn(&Labels, i64) -> bool) {
        self.series.retain(|labels, times| {
            times.retain(|t_ms, _| keeps(labels, *t_ms));
            !times.is_empty()
        });
    }

    /// Notes a deletion of everything that was there.
    pub(super) fn delete(&mut self, matchers: &[Matcher], start_ms: i64, end_ms: i64) {
        self.retain(|labels, t_ms| {
            let matches = matchers.iter().all(|matcher| matcher.matches(labels));
            !(matches && (start_ms..=end_ms).contains(&t_ms))
        });
    }

    /// Whether what is seen is all there may be.
    pub(super) fn has_no_doubt(&self) -> bool {
        self.n_unsure_deletions == 0 && !self.may_lack
    }

    /// Whether another deletion may fail.
    pub(super) fn has_room_for_doubt(&self) -> bool {
        self.n_unsure_deletions < UNSURE_DELETIONS_MAX
    }

    /// Notes a deletion that may come into force with the next start.
    pub(super) fn delete_perhaps(&mut self, matchers: &[Matcher], start_ms: i64, end_ms: i64) {
        let id = self.n_unsure_deletions;
        self.n_unsure_deletions += 1;
        for (labels, times) in &mut self.series {
            if start_ms <= end_ms && matchers.iter().all(|matcher| matcher.matches(labels)) {
                for events in times.range_mut(start_ms..=end_ms).map(|(_, events)| events) {
                    events.push(Event::Deleted(id));
                }
            }
        }
    }

    /// Notes that any sample may have been dropped, and a stale marker may be left of it.
    pub(super) fn doubt_everything(&mut self) {
        self.may_lack = true;
    }

    /// Says what of this must not be, if anything; what is not kept is not looked for.
    pub(super) fn judge(
        &self,
        found: &[Series],
        after: Stop,
        keeps: &dyn Fn(&Labels, i64) -> bool,
    ) -> Result<(), String> {
        self.judge_strangers(found)?;
        let choices = 0..1_usize << self.n_unsure_deletions;
        let mut verdicts =
            choices.map(|happened| self.judge_choice(found, (after, happened), keeps));
        let first = verdicts.next().expect("nothing happened is a choice");
        if verdicts.any(|verdict| verdict.is_ok()) { Ok(()) } else { first }
    }

    /// Says which of this nobody appended, or somebody deleted.
    fn judge_strangers(&self, found: &[Series]) -> Result<(), String> {
        for Series { labels, samples, .. } in found {
            let times = self.series.get(labels);
            for sample in samples {
                if times.is_none_or(|times| !times.contains_key(&sample.t_ms)) {
                    return Err(format!("{labels} has {sample:?}, which nobody appended"));
                }
            }
        }
        Ok(())
    }

    /// The same when these deletions have happened, a bit for each.
    fn judge_choice(
        &self,
        found: &[Series],
        (after, happened): (Stop, usize),
        keeps: &dyn Fn(&Labels, i64) -> bool,
    ) -> Result<(), String> {
        for (labels, times) in &self.series {
            let samples = samples_of(found, labels);
            for (t_ms, events) in times.iter().filter(|(t_ms, _)| keeps(labels, **t_ms)) {
                let at = samples.binary_search_by_key(t_ms, |s| s.t_ms);
                let found = at.ok().map(|at| samples[at]);
                let is_stale = found.is_none_or(|sample| is_stale_marker(sample.value));
                let is_lack = self.may_lack && is_stale;
                let states = self.allowed(events, after, happened);
                if !is_lack && !states.iter().any(|state| same(*state, found)) {
                    return Err(format!(
                        "{labels} at {t_ms} is {found:?} after {events:?}, of which {:?} \
                         are promised after a {after:?}",
                        self.promised(events, after)
                    ));
                }
            }
        }
        Ok(())
    }

    /// What there is when this was found on the disk, where no deletion is in doubt: that, and, of
    /// what is too old to be seen, what was known before and is promised: of that rollups may be
    /// all there is. The disk may even have an older value of it, from a file that goes later than
    /// the one with the newer value. Says what must not be, if anything.
    pub(super) fn complete(
        &self,
        (found, known): (&[Series], &[Series]),
        after: Stop,
        keeps: &dyn Fn(&Labels, i64) -> bool,
    ) -> Result<Vec<Series>, String> {
        self.judge_strangers(found)?;
        let mut all = Vec::new();
        for (labels, times) in &self.series {
            let mut kept = Vec::new();
            for (t_ms, events) in times {
                let found = sample_at(found, labels, *t_ms);
                let known = sample_at(known, labels, *t_ms).filter(|_| !keeps(labels, *t_ms));
                let states = self.allowed(events, after, 0);
                let is_allowed = |one| states.iter().any(|state| same(*state, one));
                kept.extend(match (is_allowed(found), known) {
                    (true, _) => found,
                    (false, Some(known)) if is_allowed(Some(known)) => Some(known),
                    _ => return Err(format!("{labels} at {t_ms} is {found:?} after {events:?}")),
                });
            }
            if !kept.is_empty() {
                all.push(Series::of_floats(labels.clone(), kept));
            }
        }
        Ok(all)
    }

    /// What was found is durable and all there is.
    pub(super) fn settle(&mut self, found: &[Series]) {
        self.series.clear();
        (self.n_unsure_deletions, self.may_lack) = (0, false);
        for Series { labels, samples, .. } in found {
            let times = self.series.entry(labels.clone()).or_default();
            for sample in samples {
                times.insert(sample.t_ms, vec![Event::Written(*sample, None)]);
            }
        }
    }

    /// What is seen is durable: it was flushed. While a deletion is in doubt nothing is learned.
    pub(super) fn settle_flushed(&mut self, seen: &[Series]) {
        if self.has_no_doubt() {
            self.settle(seen);
        }
    }

    fn is_promised(&self, batch: Option<BatchId>, after: Stop) -> bool {
        let promises = match after {
            Stop::Kill => &self.acknowledged,
            Stop::PowerCut => &self.durable,
        };
        batch.is_none_or(|batch| promises.contains(&batch))
    }

    fn promised(&self, events: &[Event], after: Stop) -> Vec<bool> {
        let promised = |event: &Event| match event {
            Event::Written(_, batch) => self.is_promised(*batch, after),
            Event::Deleted(_) => false,
        };
        events.iter().map(promised).collect()
    }

    fn allowed(&self, events: &[Event], after: Stop, happened: usize) -> Vec<Option<Sample>> {
        let mut states = vec![None];
        for event in events {
            let (sample, batch) = match event {
                Event::Written(sample, batch) => (sample, batch),
                Event::Deleted(id) => {
                    if happened >> id & 1 == 1 {
                        states = vec![None];
                    }
                    continue;
                }
            };
            let mut next: Vec<Option<Sample>> = Vec::new();
            for state in states {
                let taken = Some(written_over(state, *sample));
                let skipped = (!self.is_promised(*batch, after)).then_some(state);
                for state in [Some(taken), skipped].into_iter().flatten() {
                    if !next.iter().any(|known| same(*known, state)) {
                        next.push(state);
                    }
                }
            }
            states = next;
        }
        states
    }
}

/// A value beats a stale marker, otherwise the later write wins.
fn written_over(before: Option<Sample>, sample: Sample) -> Sample {
    match before {
        Some(before) if is_stale_marker(sample.value) && !is_stale_marker(before.value) => before,
        _ => sample,
    }
}

fn same(a: Option<Sample>, b: Option<Sample>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.same_bits(&b),
        _ => false,
    }
}

fn samples_of<'f>(found: &'f [Series], labels: &Labels) -> &'f [Sample] {
    let at = found.binary_search_by(|s| s.labels.cmp(labels));
    at.map_or(&[], |at| &found[at].samples)
}
