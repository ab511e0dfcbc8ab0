//! Groups: all that were pushed and not deleted, in memory and in the records.
//!
//! A change is checked, stored, noted in the records and made in memory under one lock, in this
//! order, so that two pushes of one group cannot be half of each. Nothing in it waits for the disk:
//! that is awaited outside of the lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use model::{
    Histogram, HistogramSample, Labels, METRIC_NAME, Metadata, MetadataKind, STALE_MARKER_BITS,
    Sample,
};
use parking_lot::Mutex;
use storage::{
    Batch as _, Commit, GroupWrite, Ingest, LimitError, RecordWrite, Records, RecordsCommit,
    Rejected, SpelledBatch,
};
use wire::pushgateway::{PushedPage, PushedValue};

use super::group::Group;
use crate::error::ApiError;

/// Groups, and bytes of all of them.
const GROUPS_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 << 20;

/// Where a change goes, who makes it, and when.
pub(super) struct Doors<'a> {
    pub(super) ingest: &'a Ingest,
    pub(super) records: &'a dyn Records,
    pub(super) source: &'a str,
    pub(super) now_ms: i64,
}

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Groups(Mutex<All>);

#[derive(Default)]
struct All {
    groups: BTreeMap<Labels, Group>,
    /// What the metrics of a name are, and how many groups have some.
    kinds: HashMap<String, (MetadataKind, usize)>,
    n_bytes: usize,
}

/// A change that is made, and not yet known to be durable.
#[derive(Debug)]
pub(super) struct Waiting {
    samples: Vec<Commit>,
    records: Option<RecordsCommit>,
}

impl Waiting {
    pub(super) async fn durable(self) -> Result<(), ApiError> {
        for commit in self.samples {
            commit.await?;
        }
        if let Some(commit) = self.records {
            commit.await?;
        }
        Ok(())
    }
}

impl Groups {
    /// The groups that the records have. One that cannot be read is left out.
    pub(crate) fn load(records: &dyn Records) -> Self {
        let kept = records.groups().unwrap_or_else(|error| {
            tracing::error!(%error, "pushed groups cannot be read; those of before are lost");
            Vec::new()
        });
        let mut all = All::default();
        for (key, text) in kept {
            match Group::read(&text) {
                Some((labels, group)) => all.set(&labels, Some(group)),
                None => tracing::error!(key, "a pushed group cannot be read"),
            }
        }
        Self(Mutex::new(all))
    }

    /// Takes a push: all of it, or nothing.
    pub(super) fn push(
        &self,
        doors: &Doors<'_>,
        labels: &Labels,
        page: PushedPage,
        replaces: bool,
    ) -> Result<Waiting, ApiError> {
        let metadata = metadata(&page);
        let mut all = self.0.lock();
        let before = all.groups.get(labels).cloned().unwrap_or_default();
        let mut after = before.pushed(page, replaces, doors.now_ms);
        let text = after.write(labels);
        after.n_bytes = text.len();
        all.check(doors.ingest, labels, &before, &after)?;
        let samples = doors.change(labels, &before, &mut after)?;
        let metadata: Vec<_> =
            metadata.iter().map(|(name, said)| (name.as_str(), said.clone())).collect();
        let metadata = doors.ingest.append_metadata(&metadata)?;
        let records = doors.keep(labels, Some(text))?;
        all.set(labels, Some(after));
        Ok(Waiting { samples: vec![samples, metadata], records: Some(records) })
    }

    /// Notes that a push was refused. A group that never was comes into being by it, as long as there
    /// is room. What cannot be noted is not noted: the refusal is answered anyway.
    pub(super) fn note_failure(&self, doors: &Doors<'_>, labels: &Labels) {
        let mut all = self.0.lock();
        let before = all.groups.get(labels).cloned().unwrap_or_default();
        let mut after = Group { failed_ms: doors.now_ms, ..before.clone() };
        let text = after.write(labels);
        after.n_bytes = text.len();
        let noted = all.check(doors.ingest, labels, &before, &after).and_then(|()| {
            doors.change(labels, &before, &mut after)?;
            doors.keep(labels, Some(text))
        });
        match noted {
            Ok(_) => all.set(labels, Some(after)),
            Err(error) => tracing::debug!(?error, "a refused push was not noted"),
        }
    }

    /// Deletes a group, if it is there.
    pub(super) fn delete(&self, doors: &Doors<'_>, labels: &Labels) -> Result<Waiting, ApiError> {
        let mut all = self.0.lock();
        let Some(before) = all.groups.get(labels).cloned() else {
            return Ok(Waiting { samples: Vec::new(), records: None });
        };
        let samples = doors.end(labels, &before)?;
        let records = doors.keep(labels, None)?;
        all.set(labels, None);
        Ok(Waiting { samples: vec![samples], records: Some(records) })
    }

    /// Stores the values of all groups again, but for those that nobody pushed for `expire_after`:
    /// they are deleted. Zero lets none expire.
    pub(super) fn refresh(&self, doors: &Doors<'_>, expire_after: Duration) {
        let labels: Vec<Labels> = self.0.lock().groups.keys().cloned().collect();
        for labels in labels {
            // One group at a time, so that pushes have their turn.
            let is_old = self.refresh_one(doors, &labels, expire_after);
            let done = if is_old { self.delete(doors, &labels).map(drop) } else { Ok(()) };
            if let Err(error) = done {
                tracing::warn!(?error, %labels, "a pushed group has expired and stays for now");
            }
        }
    }

    /// Says whether the group has expired.
    fn refresh_one(&self, doors: &Doors<'_>, labels: &Labels, expire_after: Duration) -> bool {
        let mut all = self.0.lock();
        let Some(group) = all.groups.get_mut(labels) else { return false };
        let seen_ms = group.pushed_ms.max(group.failed_ms);
        let age_ms = u128::try_from(doors.now_ms.saturating_sub(seen_ms)).unwrap_or(0);
        if !expire_after.is_zero() && age_ms > expire_after.as_millis() {
            return true;
        }
        if let Err(error) = doors.store(labels, group) {
            tracing::warn!(?error, %labels, "a pushed group was not stored again");
        }
        false
    }
}

impl All {
    /// Whether a group may become this.
    fn check(
        &self,
        ingest: &Ingest,
        labels: &Labels,
        before: &Group,
        after: &Group,
    ) -> Result<(), ApiError> {
        let refuse = |detail: String| Err(ApiError::new(StatusCode::BAD_REQUEST, detail));
        for (name, family) in &after.page {
            let Some((kind, n_groups)) = self.kinds.get(name) else { continue };
            let n_others = n_groups - usize::from(before.page.contains_key(name));
            if n_others > 0 && *kind != family.kind {
                let (kind, given) = (kind.as_str(), family.kind.as_str());
                return refuse(format!(
                    "metric {name:?} is a {given} here and a {kind} in another group"
                ));
            }
        }
        if let Some(twice) = after.twice(labels) {
            return refuse(format!("{twice} is there twice, once the labels of the path are set"));
        }
        for series in after.series(labels).keys() {
            if let Err(cause) = ingest.check_labels(series) {
                ingest.count_rejected(&cause, 1);
                return refuse(of_metric(series.metric_name(), &cause));
            }
        }
        let is_new = !self.groups.contains_key(labels);
        if is_new && self.groups.len() == GROUPS_MAX {
            return refuse(format!("there are {GROUPS_MAX} groups already; delete some"));
        }
        if self.n_bytes - before.n_bytes + after.n_bytes > BYTES_MAX {
            return refuse(format!("groups would take more than {} MiB", BYTES_MAX >> 20));
        }
        Ok(())
    }

    /// Replaces a group, or removes it.
    fn set(&mut self, labels: &Labels, after: Option<Group>) {
        if let Some(before) = self.groups.remove(labels) {
            self.n_bytes -= before.n_bytes;
            for name in before.page.into_keys() {
                if let Some((_, n_groups)) = self.kinds.get_mut(&name) {
                    *n_groups -= 1;
                    if *n_groups == 0 {
                        self.kinds.remove(&name);
                    }
                }
            }
        }
        let Some(after) = after else { return };
        self.n_bytes += after.n_bytes;
        for (name, family) in &after.page {
            let entry = self.kinds.entry(name.clone()).or_insert((family.kind, 0));
            *entry = (family.kind, entry.1 + 1);
        }
        self.groups.insert(labels.clone(), after);
    }
}

impl Doors<'_> {
    /// Stores what a group becomes: its values, and the ends of the series that leave it.
    fn change(
        &self,
        labels: &Labels,
        before: &Group,
        after: &mut Group,
    ) -> Result<Commit, ApiError> {
        let (old, new) = (before.series(labels), after.series(labels));
        let t_ms = self.time(before);
        let stays = new.iter().map(|(series, value)| (series, value.clone()));
        let was_stored = before.stored_ms > 0;
        let leaves = old.iter().filter(|(series, _)| was_stored && !new.contains_key(*series));
        let all = stays.chain(leaves.map(|(series, value)| (series, end_of(value))));
        let (commit, refused) = self.append(all, t_ms)?;
        if let Some(detail) = refused {
            // Nothing of a push may be there if not all is.
            let added = new.iter().filter(|(series, _)| !old.contains_key(*series));
            self.append(added.map(|(series, value)| (series, end_of(value))), t_ms + 1)?;
            return Err(ApiError::new(StatusCode::BAD_REQUEST, detail));
        }
        after.stored_ms = t_ms;
        Ok(commit)
    }

    /// Stores the values of a group again.
    fn store(&self, labels: &Labels, group: &mut Group) -> Result<(), ApiError> {
        let t_ms = self.time(group);
        let series = group.series(labels);
        // Nobody waits for this to be durable: it comes again.
        self.append(series.iter().map(|(series, value)| (series, value.clone())), t_ms)?;
        group.stored_ms = t_ms;
        Ok(())
    }

    /// Stores that all series of a group end.
    fn end(&self, labels: &Labels, group: &Group) -> Result<Commit, ApiError> {
        let series = group.series(labels);
        let ends = series.iter().map(|(series, value)| (series, end_of(value)));
        self.append(ends, self.time(group)).map(|(commit, _)| commit)
    }

    /// Now, or later than what the group has: of two samples at one time, only one would stay.
    fn time(&self, group: &Group) -> i64 {
        self.now_ms.max(group.stored_ms + 1)
    }

    /// Appends a sample of each series, and says why one was refused, if one was.
    fn append<'l>(
        &self,
        all: impl Iterator<Item = (&'l Labels, PushedValue)>,
        t_ms: i64,
    ) -> Result<(Commit, Option<String>), ApiError> {
        let mut batch = SpelledBatch::new(self.source.into());
        for (series, value) in all {
            let mut pairs: Vec<(&str, &str)> =
                series.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect();
            let number = match &value {
                PushedValue::Number(number) => Some(Sample::new(t_ms, *number)),
                PushedValue::Histogram(_) => None,
            };
            let pushed = batch.push(&mut pairs, number.as_slice());
            pushed.expect("labels are sorted and each is there once");
            if let PushedValue::Histogram(histogram) = value {
                batch.push_histogram(HistogramSample { t_ms, start_ms: 0, histogram });
            }
        }
        if batch.n_series() == 0 {
            return Ok((Commit::done(), None));
        }
        let appended = self.ingest.append_batch(&batch)?;
        let refused = appended.rejected.first().map(|Rejected { index, cause }| {
            let mut labels = Vec::new();
            // A batch that was spelled by labels has them all.
            let _ = batch.labels(*index, &mut labels);
            let name = labels.iter().find(|(name, _)| *name == METRIC_NAME);
            of_metric(name.map_or("", |(_, name)| name), cause)
        });
        Ok((appended.commit, refused))
    }

    fn keep(&self, labels: &Labels, page: Option<String>) -> Result<RecordsCommit, ApiError> {
        let write = GroupWrite { labels: labels.to_string(), page };
        Ok(self.records.write(vec![RecordWrite::Group(write)])?)
    }
}

/// Why a metric is refused.
fn of_metric(name: &str, cause: &LimitError) -> String {
    let name: String = name.chars().take(128).collect();
    format!("metric {name:?}: {cause}")
}

/// What ends a series that had this value.
fn end_of(value: &PushedValue) -> PushedValue {
    match value {
        PushedValue::Number(_) => PushedValue::Number(f64::from_bits(STALE_MARKER_BITS)),
        PushedValue::Histogram(_) => PushedValue::Histogram(Arc::new(Histogram::stale_marker())),
    }
}

/// What a push says of its metrics.
fn metadata(page: &PushedPage) -> Vec<(String, Metadata)> {
    let said = page.iter().filter(|(name, family)| {
        let is_short = name.len() <= 256 && family.help.len() <= 4096;
        is_short && (family.kind != MetadataKind::Unknown || !family.help.is_empty())
    });
    let metadata = |(name, family): (&String, &wire::pushgateway::PushedFamily)| {
        let said = Metadata { kind: family.kind, help: family.help.clone(), unit: String::new() };
        (name.clone(), said)
    };
    said.map(metadata).collect()
}

#[cfg(test)]
mod tests;
