//! Append of what comes beside samples: exemplars, and what metrics are. It goes into the log and
//! into memory under the lock that samples go under, so that a flush finds both.

use model::{Exemplar, Metadata};
use parking_lot::MutexGuard;
use storage::{AppendError, Batch, Commit};

use crate::db::Core;
use crate::head::NO_SLOT;
use crate::notes::encode_exemplars;
use crate::wal::metadata_record::encode_metadata;
use crate::wal::{FrameKind, Pending, SeriesRef};

/// A payload of metadata is ended when it has this size.
const FRAME_METADATA_BYTES: usize = 256 << 10;

impl Core {
    /// Takes the exemplars of a batch whose series are known: how many there are, and when they are
    /// durable; `None` if none was new. The gate is held.
    pub(crate) fn append_exemplars(
        &self,
        batch: &dyn Batch,
        floor_ms: i64,
    ) -> (u64, Option<Commit>) {
        let known = self.known_exemplars(batch, floor_ms);
        let n_known = known.len() as u64;
        let mut pending = self.pending.lock();
        let mut notes = self.notes.lock();
        let identities = self.head.identities().read();
        let n_max = self.config.exemplars_max;
        let is_new = |(slot, exemplar): &(u32, &Exemplar)| {
            notes.add_exemplar(&identities.labels(*slot), exemplar, n_max)
        };
        let new: Vec<(u32, &Exemplar)> = known.into_iter().filter(is_new).collect();
        drop((identities, notes));
        if new.is_empty() {
            return (n_known, None);
        }
        self.meter.appended_exemplars.add(new.len() as u64);
        let mut undefined: Vec<u32> = new.iter().map(|(slot, _)| *slot).collect();
        undefined.sort_unstable();
        undefined.dedup();
        undefined.retain(|slot| !self.head.is_live(*slot));
        self.define(&mut pending, &undefined);
        let epoch = self.live_epoch();
        let of_slots = new.iter().map(|(slot, one)| (SeriesRef::new(epoch, *slot), *one));
        let payloads = encode_exemplars(of_slots);
        (n_known, Some(self.log_notes(pending, FrameKind::Exemplars, &payloads)))
    }

    /// The exemplars of a batch that are kept, each with the slot of its series; others are counted.
    fn known_exemplars<'b>(&self, batch: &'b dyn Batch, floor_ms: i64) -> Vec<(u32, &'b Exemplar)> {
        let (spellings, speller) = (self.head.spellings().read(), batch.speller());
        let (mut known, mut n_left_out) = (Vec::new(), 0);
        for series in 0..batch.n_series() {
            let exemplars = batch.exemplars(series);
            if exemplars.is_empty() {
                continue;
            }
            let spelling = spellings.fingerprint(speller, batch.spelling(series));
            let slot = spellings.find(spelling, NO_SLOT);
            for exemplar in exemplars {
                match slot.filter(|_| exemplar.t_ms >= floor_ms) {
                    Some(slot) => known.push((slot, exemplar)),
                    None => n_left_out += 1,
                }
            }
        }
        self.meter.rejected_exemplars.add(n_left_out);
        known
    }

    /// See [`storage::Appender::append_metadata`].
    pub(crate) fn append_metadata(
        &self,
        metrics: &[(&str, Metadata)],
    ) -> Result<Commit, AppendError> {
        let _gate = self.gate.read();
        self.admit()?;
        let pending = self.pending.lock();
        let mut notes = self.notes.lock();
        let mut payloads: Vec<Vec<u8>> = Vec::new();
        for (metric, metadata) in metrics {
            match notes.add_metadata(metric, metadata) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    self.meter.rejected_metadata.inc();
                    continue;
                }
            }
            match payloads.last_mut().filter(|payload| payload.len() < FRAME_METADATA_BYTES) {
                Some(payload) => encode_metadata(payload, metric, metadata),
                None => {
                    let mut payload = Vec::new();
                    encode_metadata(&mut payload, metric, metadata);
                    payloads.push(payload);
                }
            }
        }
        drop(notes);
        match payloads.is_empty() {
            true => Ok(Commit::done()),
            false => Ok(self.log_notes(pending, FrameKind::Metadata, &payloads)),
        }
    }

    fn log_notes(
        &self,
        mut pending: MutexGuard<'_, Pending>,
        kind: FrameKind,
        payloads: &[Vec<u8>],
    ) -> Commit {
        let now = self.env.clock.monotonic();
        let (sender, commit) = Commit::pending();
        for payload in payloads {
            pending.push(kind, payload, now);
        }
        pending.add_waiter(sender);
        self.meter.pending_bytes.set(pending.undurable_bytes() as i64);
        drop(pending);
        self.wake.notify_all();
        commit
    }
}
