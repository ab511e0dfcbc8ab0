//! Append: from a sender's batch into the log and the head.
//!
//! First each series of the batch gets its slot: most are known by their spelling, the others are
//! read and made. Then the samples are encoded for the log. Both go, under one lock, into the
//! pending part of the log and into the head, so that the two have everything in one order. A
//! series that enters an epoch with this batch is defined in the log before its samples, so the
//! log of an epoch can be read without any other. What comes beside samples: `notes`.

mod notes;

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{HistogramSample, METRIC_NAME, Metadata, Sample};
use storage::{
    AppendError, Appender, Batch, BatchAppended, Commit, LimitError, Rejected, Row, RowsBatch,
    SeriesLimits,
};

use crate::conflicts::{Conflicts, Taken, is_in};
use crate::db::{Core, Db, Health};
use crate::head::{Fingerprint, Found, Identities, NO_SLOT, Sources, Took};
use crate::wal::histogram_record::{BeforeHistogram, encode_histogram, histogram_bytes};
use crate::wal::{
    Before, FRAME_PAYLOAD_BYTES_MAX, FrameKind, Pending, SeriesRef, definition_bytes,
    encode_definition, encode_sample,
};

/// Samples in one frame at most: 38 bytes each at worst, so far below what a frame takes.
const FRAME_SAMPLES_MAX: usize = 16_384;
/// Histograms in one frame take at most about so many bytes.
const FRAME_HISTOGRAM_BYTES: usize = 1 << 20;
/// A frame of definitions is ended when it has this size.
const FRAME_DEFINITION_BYTES: usize = 256 << 10;
/// The source of rows that name none.
const ROWS_SOURCE: &str = "rows";
/// When to come back after the log was too far behind, or the head too large.
const RETRY_LOG_AFTER: Duration = Duration::from_secs(1);
const RETRY_HEAD_AFTER: Duration = Duration::from_secs(60);

/// The slots of a batch's series.
#[derive(Default)]
struct Resolved {
    /// In the order of the batch; [`NO_SLOT`] for what has no sample to append or was rejected.
    slots: Vec<u32>,
    rejected: Vec<Rejected>,
}

/// A batch's samples as payloads of frames, and what was seen on the way.
#[derive(Default)]
struct Encoded {
    payloads: Vec<Vec<u8>>,
    histogram_payloads: Vec<Vec<u8>>,
    /// Both kinds.
    n_samples: u64,
}

impl Encoded {
    fn is_empty(&self) -> bool {
        self.payloads.is_empty() && self.histogram_payloads.is_empty()
    }
}

impl Appender for Db {
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        let batch = RowsBatch::new(ROWS_SOURCE, &rows);
        self.core.append(&batch, true).map(|appended| appended.commit)
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        self.core.append(batch, false)
    }

    fn forget_spellings(&self) {
        self.core.head.spellings().write().clear();
    }

    fn append_metadata(&self, metrics: &[(&str, Metadata)]) -> Result<Commit, AppendError> {
        self.core.append_metadata(metrics)
    }
}

impl Core {
    /// Appends a batch: all of it or nothing, or all but what was rejected.
    fn append(&self, batch: &dyn Batch, or_nothing: bool) -> Result<BatchAppended, AppendError> {
        let _gate = self.gate.read();
        self.admit()?;
        let floor_ms = self.floor_ms.load(Ordering::Acquire);
        let resolved = self.resolve(batch, floor_ms, or_nothing);
        if or_nothing && let Some(Rejected { index, cause }) = resolved.rejected.first().cloned() {
            return Err(AppendError::Refused { index, cause });
        }
        let since = (floor_ms, self.live_epoch());
        let mut encoded = encode(batch, &resolved.slots, since, &[]);
        if batch.has_histograms() {
            encode_histograms(batch, &resolved.slots, since, (&mut encoded, &[]));
        }
        #[cfg(feature = "planted-bugs")]
        self.freeze_now_if_planted();
        let mut taken = Taken::of(batch, &resolved.rejected);
        self.meter.expired_samples.add(taken.n_samples - encoded.n_samples);
        let mut rejected = resolved.rejected;
        let mut commit = Commit::done();
        if !encoded.is_empty() {
            let conflicts;
            (commit, conflicts) = self.append_encoded(batch, &resolved.slots, encoded, floor_ms);
            taken.leave_out(&conflicts);
            conflicts.note(batch, (&resolved.slots, floor_ms), &mut rejected);
        }
        self.meter.appended_samples.add(taken.n_samples);
        let mut n_exemplars = 0;
        if batch.has_exemplars() {
            let appended;
            (n_exemplars, appended) = self.append_exemplars(batch, floor_ms);
            // The log has them behind the samples, so who waits for them waits for all.
            commit = appended.unwrap_or(commit);
        }
        let Taken { n_samples, n_histograms } = taken;
        Ok(BatchAppended { commit, n_samples, n_histograms, n_exemplars, rejected })
    }

    /// Whether samples are taken now.
    pub(crate) fn admit(&self) -> Result<(), AppendError> {
        let unavailable = |reason: String| {
            self.meter.unavailable_appends.inc();
            Err(AppendError::Unavailable { reason })
        };
        let overloaded = |reason: String, retry_after| {
            self.meter.overloaded_appends.inc();
            Err(AppendError::Overloaded { reason, retry_after })
        };
        if self.stopped.load(Ordering::Acquire) {
            return unavailable("the store is closed".to_owned());
        }
        if let Health::Stalled { reason } = &*self.health.read() {
            return unavailable(reason.clone());
        }
        let max = self.config.pending_bytes_max;
        if self.pending.lock().undurable_bytes() >= max {
            let reason = format!("{max} bytes of log are waiting for the disk");
            return overloaded(reason, RETRY_LOG_AFTER);
        }
        let max = self.config.head_bytes_max;
        if self.meter.head_bytes.get() >= max as i64 {
            let reason = format!("samples in memory take all of the {max} bytes they may");
            return overloaded(reason, RETRY_HEAD_AFTER);
        }
        Ok(())
    }

    /// Finds the slot of each series that has a sample to append; new series are made, all or, if
    /// one is rejected and it is all `or_nothing`, none.
    fn resolve(&self, batch: &dyn Batch, floor_ms: i64, or_nothing: bool) -> Resolved {
        let mut resolved = Resolved::default();
        let mut unknown: Vec<(usize, Fingerprint)> = Vec::new();
        resolved.slots.reserve(batch.n_series());
        let spellings = self.head.spellings().read();
        let (speller, mut guess) = (batch.speller(), 0);
        let has_histograms = batch.has_histograms();
        for index in 0..batch.n_series() {
            let mut slot = NO_SLOT;
            let is_kept = batch.samples(index).iter().any(|sample| sample.t_ms >= floor_ms)
                || has_histograms
                    && batch.histograms(index).iter().any(|sample| sample.t_ms >= floor_ms);
            if is_kept {
                let spelling = spellings.fingerprint(speller, batch.spelling(index));
                match spellings.find(spelling, guess) {
                    Some(found) => {
                        slot = found;
                        guess = slot.wrapping_add(1);
                    }
                    None if spellings.is_dropped(spelling) => {
                        resolved.rejected.push(Rejected { index, cause: LimitError::Relabel });
                    }
                    None => unknown.push((index, spelling)),
                }
            }
            resolved.slots.push(slot);
        }
        drop(spellings);
        if !unknown.is_empty() {
            self.make_known(batch, &unknown, or_nothing, &mut resolved);
        }
        resolved
    }

    /// Reads the labels of series whose spelling is new, and makes those that are new themselves.
    fn make_known(
        &self,
        batch: &dyn Batch,
        unknown: &[(usize, Fingerprint)],
        or_nothing: bool,
        resolved: &mut Resolved,
    ) {
        let mut identities = self.head.identities().write();
        let mut spellings = self.head.spellings().write();
        let (mut pairs, mut made) = (Vec::new(), Vec::new());
        for (index, spelling) in unknown {
            pairs.clear();
            let found = batch
                .labels(*index, &mut pairs)
                .and_then(|()| self.find_or_make(&mut identities, &pairs, batch.source()));
            match found {
                Ok(Found { slot, is_new }) => {
                    resolved.slots[*index] = slot;
                    made.extend(is_new.then_some(slot));
                    // The batch may have it twice.
                    if spellings.find(*spelling, slot).is_none() {
                        spellings.add(*spelling, slot);
                    }
                }
                Err(cause) => {
                    if cause == LimitError::Relabel {
                        spellings.add_dropped(*spelling);
                    }
                    resolved.rejected.push(Rejected { index: *index, cause });
                    if or_nothing {
                        break;
                    }
                }
            }
        }
        if or_nothing && !resolved.rejected.is_empty() && !made.is_empty() {
            // Nobody has seen them: both locks were held since before they were made.
            made.sort_unstable();
            identities.remove(&made);
            self.head.sources().lock().remove(&made);
            spellings.remove(&made);
        }
        drop((identities, spellings));
        self.measure_head();
    }

    /// A series' slot; one that is not there is made unless there are too many.
    fn find_or_make(
        &self,
        identities: &mut Identities,
        pairs: &[(&str, &str)],
        source: &str,
    ) -> Result<Found, LimitError> {
        let limits = &self.config.series;
        if *limits == SeriesLimits::default() {
            check_definition(pairs)?;
            return Ok(identities.find_or_add(pairs));
        }
        if let Some(slot) = identities.find(pairs) {
            return Ok(Found { slot, is_new: false });
        }
        check_definition(pairs)?;
        let mut sources = self.head.sources().lock();
        check_room(limits, identities, &sources, pairs, source)?;
        let found = identities.find_or_add(pairs);
        sources.add(source, found.slot);
        Ok(found)
    }

    /// Logs the samples and puts them into the head.
    fn append_encoded(
        &self,
        batch: &dyn Batch,
        slots: &[u32],
        mut encoded: Encoded,
        floor_ms: i64,
    ) -> (Commit, Conflicts) {
        let now = self.env.clock.monotonic();
        let (sender, commit) = Commit::pending();
        let mut pending = self.pending.lock();
        let (took, conflicts) = self.append_to_head(batch, (slots, floor_ms), &encoded);
        if !conflicts.is_empty() {
            let since = (floor_ms, self.live_epoch());
            encoded = encode(batch, slots, since, &conflicts.samples);
            encode_histograms(batch, slots, since, (&mut encoded, &conflicts.histograms));
            if encoded.is_empty() {
                return (Commit::done(), conflicts);
            }
        }
        self.define(&mut pending, &took.entered);
        for payload in &encoded.payloads {
            pending.push(FrameKind::Samples, payload, now);
        }
        for payload in &encoded.histogram_payloads {
            pending.push(FrameKind::Histograms, payload, now);
        }
        pending.add_waiter(sender);
        self.meter.pending_bytes.set(pending.undurable_bytes() as i64);
        drop(pending);
        self.wake.notify_all();
        self.meter.out_of_order_samples.add(took.n_late);
        self.meter.head_bytes.add(took.grown_bytes);
        (commit, conflicts)
    }

    /// Puts the samples of a batch into the head, all but those that others have the times of, if
    /// the batch wants it so.
    fn append_to_head(
        &self,
        batch: &dyn Batch,
        (slots, floor_ms): (&[u32], i64),
        encoded: &Encoded,
    ) -> (Took, Conflicts) {
        let (samples, keeps_first) = (kept(batch, slots, floor_ms), batch.keeps_first());
        let mut took = match keeps_first {
            true => self.head.append_unless_other(samples),
            false => self.head.append(samples),
        };
        let samples = std::mem::take(&mut took.refused);
        let mut conflicts = Conflicts { samples, histograms: Vec::new() };
        if !encoded.histogram_payloads.is_empty() {
            let samples = kept_histograms(batch, slots, floor_ms);
            took += match keeps_first {
                true => self.head.append_histograms_unless_other(samples),
                false => self.head.append_histograms(samples),
            };
            conflicts.histograms = std::mem::take(&mut took.refused);
        }
        (took, conflicts)
    }

    /// Logs what series are that entered the live epoch.
    pub(crate) fn define(&self, pending: &mut Pending, slots: &[u32]) {
        if slots.is_empty() {
            return;
        }
        let now = self.env.clock.monotonic();
        let epoch = self.live_epoch();
        let identities = self.head.identities().read();
        let mut payload = Vec::new();
        for slot in slots {
            let bytes = definition_bytes(identities.pairs(*slot));
            let is_full = payload.len() >= FRAME_DEFINITION_BYTES
                || payload.len() + bytes > FRAME_PAYLOAD_BYTES_MAX;
            if is_full && !payload.is_empty() {
                pending.push(FrameKind::Series, &payload, now);
                payload.clear();
            }
            put_definition(&mut payload, &identities, SeriesRef::new(epoch, *slot), *slot);
        }
        pending.push(FrameKind::Series, &payload, now);
    }

    /// Measures series and memory from scratch.
    pub(crate) fn measure_head(&self) {
        let mut bytes = self.head.bytes();
        if let Some(recovered) = &*self.recovered.read() {
            let recovered = recovered.bytes();
            bytes.series += recovered.series;
            bytes.samples += recovered.samples;
        }
        self.meter.head_bytes.set((bytes.series + bytes.samples) as i64);
        self.meter.series_bytes.set(bytes.series as i64);
        self.meter.series.set(self.head.n_series() as i64);
    }
}

fn put_definition(payload: &mut Vec<u8>, identities: &Identities, reference: SeriesRef, slot: u32) {
    encode_definition(payload, reference, identities.pairs(slot));
}

/// Refuses a new series where there are too many already.
fn check_room(
    limits: &SeriesLimits,
    identities: &Identities,
    sources: &Sources,
    pairs: &[(&str, &str)],
    source: &str,
) -> Result<(), LimitError> {
    if let Some(max) = limits.total
        && identities.n_series() as u64 >= max
    {
        return Err(LimitError::SeriesTotal { max });
    }
    let metric = pairs.iter().find(|(name, _)| *name == METRIC_NAME).map_or("", |(_, name)| name);
    if let Some(max) = limits.per_metric
        && identities.n_series_with(METRIC_NAME, metric) as u64 >= max
    {
        return Err(LimitError::SeriesOfMetric { metric: metric.to_owned(), max });
    }
    match limits.per_source {
        Some(max) if sources.n_series(source) >= max => {
            Err(LimitError::SeriesOfSource { source_name: source.to_owned(), max })
        }
        _ => Ok(()),
    }
}

/// Refuses labels that no frame could hold. Ingest's limits are far below.
fn check_definition(pairs: &[(&str, &str)]) -> Result<(), LimitError> {
    let given = definition_bytes(pairs.iter().copied());
    if given <= FRAME_PAYLOAD_BYTES_MAX {
        return Ok(());
    }
    let reason = format!(
        "the labels of one series take {given} bytes, \
         a log frame holds {FRAME_PAYLOAD_BYTES_MAX}"
    );
    Err(LimitError::BadLabels { reason })
}

/// The samples of a batch that are kept, each with its slot.
fn kept<'b>(
    batch: &'b dyn Batch,
    slots: &'b [u32],
    floor_ms: i64,
) -> impl Iterator<Item = (u32, &'b Sample)> {
    let with_slot = slots.iter().copied().enumerate().filter(|(_, slot)| *slot != NO_SLOT);
    with_slot.flat_map(move |(index, slot)| {
        let samples = batch.samples(index).iter().filter(move |s| s.t_ms >= floor_ms);
        samples.map(move |sample| (slot, sample))
    })
}

/// The samples of a batch that are kept, as payloads of sample frames; `refused` ones, counted
/// from 0 and rising, are left out.
fn encode(
    batch: &dyn Batch,
    slots: &[u32],
    (floor_ms, epoch): (i64, u32),
    refused: &[usize],
) -> Encoded {
    let mut encoded = Encoded::default();
    let mut payload = Vec::with_capacity(14 * slots.len());
    let (mut before, mut in_frame) = (Before::default(), 0);
    for (ordinal, (slot, sample)) in kept(batch, slots, floor_ms).enumerate() {
        if is_in(refused, ordinal) {
            continue;
        }
        if in_frame == FRAME_SAMPLES_MAX {
            encoded.payloads.push(std::mem::take(&mut payload));
            (before, in_frame) = (Before::default(), 0);
        }
        encode_sample(&mut payload, &mut before, SeriesRef::new(epoch, slot), sample);
        in_frame += 1;
        encoded.n_samples += 1;
    }
    if in_frame > 0 {
        encoded.payloads.push(payload);
    }
    encoded
}

/// The same for native histograms.
fn kept_histograms<'b>(
    batch: &'b dyn Batch,
    slots: &'b [u32],
    floor_ms: i64,
) -> impl Iterator<Item = (u32, &'b HistogramSample)> {
    let with_slot = slots.iter().copied().enumerate().filter(|(_, slot)| *slot != NO_SLOT);
    with_slot.flat_map(move |(index, slot)| {
        let samples = batch.histograms(index).iter().filter(move |s| s.t_ms >= floor_ms);
        samples.map(move |sample| (slot, sample))
    })
}

/// The native histograms of a batch that are kept, as payloads of frames.
fn encode_histograms(
    batch: &dyn Batch,
    slots: &[u32],
    (floor_ms, epoch): (i64, u32),
    (encoded, refused): (&mut Encoded, &[usize]),
) {
    let (mut payload, mut before) = (Vec::new(), BeforeHistogram::default());
    for (ordinal, (slot, sample)) in kept_histograms(batch, slots, floor_ms).enumerate() {
        if is_in(refused, ordinal) {
            continue;
        }
        if payload.len() + histogram_bytes(&sample.histogram) > FRAME_HISTOGRAM_BYTES
            && !payload.is_empty()
        {
            encoded.histogram_payloads.push(std::mem::take(&mut payload));
            before = BeforeHistogram::default();
        }
        encode_histogram(&mut payload, &mut before, SeriesRef::new(epoch, slot), sample);
        encoded.n_samples += 1;
    }
    if !payload.is_empty() {
        encoded.histogram_payloads.push(payload);
    }
}
