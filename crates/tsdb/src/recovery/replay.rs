//! Replay: what the log of earlier processes holds, back into memory.
//!
//! It fills a head of its own while the store already takes writes, so answers are not whole until
//! it ends; then its head is an epoch like any other that waits to be flushed. Two passes: the
//! first learns where each segment begins and ends, the second puts series and samples into the
//! head, in the order of the log.

use std::ops::Range;
use std::sync::Arc;

use model::{HistogramSample, Sample};
use parking_lot::Mutex;
use stdx::Env;

use crate::dir::DataDir;
use crate::head::{Head, Took};
use crate::meter::RecoveryMeter;
use crate::notes::Notes;
use crate::recovery::{open_segment, unreadable};
use crate::wal::histogram_record::Histograms;
use crate::wal::{Damage, Definitions, FrameKind, RefMap, Samples, SegmentId, SeriesRef};
use crate::{Meter, OpenError};

/// A log to be read.
pub(crate) struct Replay<'a> {
    pub(crate) dir: &'a DataDir,
    pub(crate) env: &'a Env,
    pub(crate) meter: &'a Meter,
    /// Older samples are left out, Unix milliseconds.
    pub(crate) floor_ms: i64,
    /// Where the rest goes.
    pub(crate) head: Arc<Head>,
    /// Where goes what came beside samples, and how many exemplars may stay there.
    pub(crate) notes: &'a Mutex<Notes>,
    pub(crate) exemplars_max: usize,
}

/// What the first pass learns of a segment.
struct Scanned {
    id: SegmentId,
    first_lsn: Option<u64>,
    last_lsn: u64,
    durable_lsn: u64,
}

/// Samples of a frame that are left out.
#[derive(Default)]
struct Left {
    n_expired: u64,
    n_orphans: u64,
}

/// The slot of each reference in the log.
type Slots = RefMap<u32>;

impl Replay<'_> {
    /// Reads these segments, rising, and freezes the head.
    ///
    /// # Errors
    /// The disk cannot be read. The head has a part of the log then.
    pub(crate) fn run(&self, live: &[SegmentId]) -> Result<(), OpenError> {
        self.meter.recovery.segments_left.set(live.len() as i64);
        let mut segments = Vec::new();
        for id in live {
            segments.push(self.scan(*id)?);
        }
        self.count_missing_frames(&segments);
        let mut slots = Slots::default();
        let mut reached_lsn = 0;
        for (at, scanned) in segments.iter().enumerate() {
            // A failed write is repeated in a later segment. Taking the frames from there keeps
            // the order of the log even where the failed attempt has holes. But a repetition that
            // was interrupted has less than what it repeats.
            let later = segments[at + 1..].iter().filter(|s| s.last_lsn >= scanned.last_lsn);
            let end_lsn = later.filter_map(|s| s.first_lsn).min().unwrap_or(u64::MAX);
            self.replay_segment(&mut slots, scanned.id, reached_lsn + 1..end_lsn)?;
            reached_lsn = reached_lsn.max(scanned.last_lsn.min(end_lsn - 1));
            self.meter.recovery.segments_left.add(-1);
        }
        // All samples of a series may be older than retention.
        self.head.forget_unused();
        self.head.freeze();
        self.counts().series.add(self.head.n_series() as u64);
        Ok(())
    }

    fn counts(&self) -> &RecoveryMeter {
        &self.meter.recovery
    }

    fn scan(&self, id: SegmentId) -> Result<Scanned, OpenError> {
        let mut reader = open_segment(self.dir, self.env, id)?;
        let durable_lsn = reader.durable_lsn();
        let mut scanned = Scanned { id, first_lsn: None, last_lsn: 0, durable_lsn };
        while let Some(frame) = reader.next_frame().map_err(|e| unreadable(self.dir, id, e))? {
            scanned.first_lsn.get_or_insert(frame.lsn);
            scanned.last_lsn = frame.lsn;
            let kind = FrameKind::from_number(frame.kind).filter(|_| frame.flags == 0);
            self.counts().unknown_frames.add(u64::from(kind.is_none()));
        }
        self.count_damage(reader.damage());
        Ok(scanned)
    }

    fn count_damage(&self, damage: Damage) {
        let counts = self.counts();
        counts.damaged_headers.add(u64::from(damage.header));
        counts.corrupt_frames.add(damage.corrupt_places);
        counts.torn_tails.add(u64::from(damage.torn_tail));
    }

    /// A segment says what was durable when it was begun: those before it must reach as far. That
    /// can be told only where none of them was removed.
    fn count_missing_frames(&self, segments: &[Scanned]) {
        let mut reach = None;
        let mut next_id = None;
        for segment in segments {
            if next_id != Some(segment.id) {
                reach = None;
            }
            if let Some(reach) = reach {
                self.counts().missing_frames.add(segment.durable_lsn.saturating_sub(reach));
            }
            // Zero: nothing in the file can be read.
            let own = segment.last_lsn.max(segment.durable_lsn);
            reach = reach.max((own > 0).then_some(own));
            next_id = Some(segment.id + 1);
        }
    }

    /// Takes the frames of a segment that stand at these places in the log.
    fn replay_segment(
        &self,
        slots: &mut Slots,
        id: SegmentId,
        places: Range<u64>,
    ) -> Result<(), OpenError> {
        let mut reader = open_segment(self.dir, self.env, id)?;
        while let Some(frame) = reader.next_frame().map_err(|e| unreadable(self.dir, id, e))? {
            if !places.contains(&frame.lsn) {
                self.counts().superseded_frames.inc();
                continue;
            }
            match FrameKind::from_number(frame.kind).filter(|_| frame.flags == 0) {
                Some(FrameKind::Series) => self.replay_definitions(slots, frame.payload),
                Some(FrameKind::Samples) => self.replay_samples(slots, frame.payload),
                Some(FrameKind::Histograms) => self.replay_histograms(slots, frame.payload),
                Some(FrameKind::Exemplars) => self.replay_exemplars(slots, frame.payload),
                Some(FrameKind::Metadata) => {
                    self.notes.lock().take_metadata(frame.payload, self.counts());
                }
                None => {}
            }
        }
        Ok(())
    }

    fn replay_definitions(&self, slots: &mut Slots, payload: &[u8]) {
        let mut identities = self.head.identities().write();
        let mut definitions = Definitions::new(payload);
        let mut pairs = Vec::new();
        while let Some(defined) = definitions.next_into(&mut pairs) {
            let Ok(reference) = defined else {
                self.counts().corrupt_frames.inc();
                return;
            };
            slots.insert(reference, identities.find_or_add(&pairs).slot);
        }
    }

    fn replay_samples(&self, slots: &Slots, payload: &[u8]) {
        let mut samples: Vec<(u32, Sample)> = Vec::new();
        let mut left = Left::default();
        for record in Samples::new(payload) {
            let Ok((reference, sample)) = record else {
                self.counts().corrupt_frames.inc();
                break;
            };
            if let Some(slot) = self.slot(slots, reference, sample.t_ms, &mut left) {
                samples.push((slot, sample));
            }
        }
        let took = self.head.append(samples.iter().map(|(slot, sample)| (*slot, sample)));
        self.count(samples.len(), &left, &took);
    }

    fn replay_histograms(&self, slots: &Slots, payload: &[u8]) {
        let mut samples: Vec<(u32, HistogramSample)> = Vec::new();
        let mut left = Left::default();
        for record in Histograms::new(payload) {
            let Ok((reference, sample)) = record else {
                self.counts().corrupt_frames.inc();
                break;
            };
            if let Some(slot) = self.slot(slots, reference, sample.t_ms, &mut left) {
                samples.push((slot, sample));
            }
        }
        let all = samples.iter().map(|(slot, sample)| (*slot, sample));
        let took = self.head.append_histograms(all);
        self.count(samples.len(), &left, &took);
    }

    fn replay_exemplars(&self, slots: &Slots, payload: &[u8]) {
        let identities = self.head.identities().read();
        let labels_of = |reference| slots.get(&reference).map(|slot| identities.labels(*slot));
        let mut notes = self.notes.lock();
        notes.take_exemplars(payload, self.exemplars_max, labels_of, self.counts());
    }

    /// Where a sample goes; one that goes nowhere is counted.
    fn slot(&self, slots: &Slots, of: SeriesRef, t_ms: i64, left: &mut Left) -> Option<u32> {
        if t_ms < self.floor_ms {
            left.n_expired += 1;
            return None;
        }
        let slot = slots.get(&of).copied();
        left.n_orphans += u64::from(slot.is_none());
        slot
    }

    fn count(&self, n_samples: usize, left: &Left, took: &Took) {
        let counts = self.counts();
        counts.samples.add(n_samples as u64);
        counts.expired_samples.add(left.n_expired);
        counts.orphan_samples.add(left.n_orphans);
        self.meter.out_of_order_samples.add(took.n_late);
    }
}
