//! The head: the newest samples, compressed in memory, and the series they belong to.
//!
//! A series has a slot, which leads to everything about it: its labels (`identity`), the bytes
//! by which senders name it (`spellings`), its line and its samples (`shard`). Samples stand in
//! epochs (`epoch`), in chains (`chain`) of small pages (`pages`).
//!
//! The log has a sample before the head does, and both take samples in the same order, so that a
//! replay ends where the process ended. The head never reads the clock or the disk.

mod chain;
mod epoch;
mod histograms;
mod identity;
mod pages;
mod present;
mod scan;
mod shard;
mod sources;
mod spellings;

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::{HistogramSample, Labels, Matcher, Sample};
use parking_lot::{Mutex, MutexGuard, RwLock};
use stdx::Randomness;

use crate::block::Columns;
pub(crate) use epoch::{Epoch, Wanted, merge};
pub(crate) use identity::{Found, Identities};
pub(crate) use scan::{Asked, HeadScan};
pub(crate) use shard::Captured;
use shard::{Appended, LINE_BYTES, LINES_PER_PART, Shard};
pub(crate) use sources::Sources;
pub(crate) use spellings::{Fingerprint, NO_SLOT, Spellings};

/// Appends hold one shard at a time, so a reader waits for none for long.
const N_SHARDS: usize = 16;

/// See the head of this file.
///
/// Locks are taken in the order of the fields, and slots go only while nobody appends.
pub(crate) struct Head {
    identities: RwLock<Identities>,
    spellings: RwLock<Spellings>,
    sources: Mutex<Sources>,
    shards: Vec<Mutex<Shard>>,
    /// The first epoch that it has samples of.
    first_epoch: u32,
    /// The newest sample of a series that was let go, Unix milliseconds.
    forgotten_ms: AtomicI64,
}

/// How old the newest sample of a series may be, Unix milliseconds.
pub(crate) type FloorOf<'f> = &'f dyn Fn(&Labels) -> i64;

/// What an append of many samples did.
#[derive(Debug, Default)]
pub(crate) struct Took {
    /// Samples that were not newer than all before them in their series.
    pub(crate) n_late: u64,
    /// Which of them, counted from 0, rising, were not taken because others have their times.
    pub(crate) refused: Vec<usize>,
    /// Slots whose first sample in the live epoch was among them, in the order of the append.
    pub(crate) entered: Vec<u32>,
    /// Memory taken for samples.
    pub(crate) grown_bytes: i64,
}

impl AddAssign for Took {
    fn add_assign(&mut self, more: Self) {
        self.n_late += more.n_late;
        self.refused.extend(more.refused);
        self.entered.extend(more.entered);
        self.grown_bytes += more.grown_bytes;
    }
}

/// Memory that the head takes, bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeadBytes {
    /// By series: labels, spellings, lines.
    pub(crate) series: usize,
    /// By samples, the frozen ones included.
    pub(crate) samples: usize,
}

impl Head {
    /// An empty head; its live epoch has this number.
    pub(crate) fn new(epoch: u32, randomness: &dyn Randomness) -> Self {
        let mut key = [0; spellings::KEY_BYTES];
        for part in key.chunks_exact_mut(8) {
            part.copy_from_slice(&randomness.next_u64().to_le_bytes());
        }
        Self {
            identities: RwLock::new(Identities::new(randomness.next_u64())),
            spellings: RwLock::new(Spellings::new(key)),
            sources: Mutex::default(),
            shards: (0..N_SHARDS).map(|_| Mutex::new(Shard::new(epoch))).collect(),
            first_epoch: epoch,
            forgotten_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// The labels of the series.
    pub(crate) fn identities(&self) -> &RwLock<Identities> {
        &self.identities
    }

    /// The first epoch that it has samples of: whatever blocks have of later ones came through it.
    pub(crate) fn first_epoch(&self) -> u32 {
        self.first_epoch
    }

    /// No series that it once had and let go has a sample that is newer, Unix milliseconds.
    pub(crate) fn forgotten_ms(&self) -> i64 {
        self.forgotten_ms.load(Ordering::Acquire)
    }

    /// How senders name the series.
    pub(crate) fn spellings(&self) -> &RwLock<Spellings> {
        &self.spellings
    }

    /// Who began the series.
    pub(crate) fn sources(&self) -> &Mutex<Sources> {
        &self.sources
    }

    /// Takes samples, in this order, each with its slot.
    pub(crate) fn append<'s>(&self, samples: impl Iterator<Item = (u32, &'s Sample)>) -> Took {
        self.append_each(samples, Shard::append)
    }

    /// The same, but for samples that differ from what is at hand of their times.
    pub(crate) fn append_unless_other<'s>(
        &self,
        samples: impl Iterator<Item = (u32, &'s Sample)>,
    ) -> Took {
        self.append_each(samples, Shard::append_unless_other)
    }

    /// The same for native histograms.
    pub(crate) fn append_histograms_unless_other<'s>(
        &self,
        samples: impl Iterator<Item = (u32, &'s HistogramSample)>,
    ) -> Took {
        self.append_each(samples, Shard::append_histogram_unless_other)
    }

    /// Takes native histograms, in this order, each with its slot.
    pub(crate) fn append_histograms<'s>(
        &self,
        samples: impl Iterator<Item = (u32, &'s HistogramSample)>,
    ) -> Took {
        self.append_each(samples, Shard::append_histogram)
    }

    fn append_each<S>(
        &self,
        samples: impl Iterator<Item = (u32, S)>,
        append: impl Fn(&mut Shard, usize, u32, S) -> Appended,
    ) -> Took {
        let mut took = Took::default();
        let mut held: Option<(usize, MutexGuard<'_, Shard>)> = None;
        for (ordinal, (slot, sample)) in samples.enumerate() {
            let (nth, at) = place(slot);
            let shard = match &mut held {
                Some((held_nth, shard)) if *held_nth == nth => shard,
                other => {
                    // One at a time: the last one is given back before.
                    *other = None;
                    &mut other.insert((nth, self.shards[nth].lock())).1
                }
            };
            let appended = append(shard, at, slot, sample);
            took.grown_bytes += appended.grown_bytes;
            took.n_late += u64::from(appended.is_late);
            if appended.is_first {
                took.entered.push(slot);
            }
            if appended.is_refused {
                took.refused.push(ordinal);
            }
        }
        took
    }

    /// Whether a series has a sample in the live epoch, so that its definition is in the log.
    pub(crate) fn is_live(&self, slot: u32) -> bool {
        let (nth, at) = place(slot);
        self.shards[nth].lock().is_live(at)
    }

    /// Ends the live epoch. Nobody may append meanwhile.
    pub(crate) fn freeze(&self) {
        for shard in &self.shards {
            shard.lock().freeze();
        }
    }

    /// The frozen epoch, its series in the order of their labels.
    pub(crate) fn frozen(&self) -> FrozenEpoch {
        let shards = self.shards.iter().enumerate();
        let (mut epochs, mut firsts) = (Vec::new(), Vec::new());
        for (nth, shard) in shards {
            let shard = shard.lock();
            epochs.extend(shard.frozen().cloned());
            let chains = shard.frozen_chains().into_iter();
            firsts.extend(chains.map(|(at, first)| (slot_of(nth, at), first)));
        }
        firsts.sort_unstable();
        let mut slots: Vec<u32> = firsts.iter().map(|(slot, _)| *slot).collect();
        self.identities.read().sort_by_labels(&mut slots);
        let first_of = |slot: u32| {
            let at = firsts.binary_search_by_key(&slot, |(slot, _)| *slot);
            (slot, firsts[at.expect("both have the same slots")].1)
        };
        FrozenEpoch { epochs, series: slots.into_iter().map(first_of).collect() }
    }

    /// Forgets the frozen epoch: blocks have it.
    pub(crate) fn forget_frozen(&self) {
        for shard in &self.shards {
            shard.lock().forget_frozen();
        }
    }

    /// The slots, rising, of series that match, have no sample here and none newer than a moment
    /// anywhere. They may have one again when this returns.
    pub(crate) fn idle(&self, matchers: &[Matcher], before_ms: i64) -> Vec<u32> {
        let mut idle = Vec::new();
        for (nth, shard) in self.shards.iter().enumerate() {
            let places = shard.lock().idle(before_ms).into_iter();
            idle.extend(places.map(|at| slot_of(nth, at)));
        }
        idle.sort_unstable();
        if !matchers.is_empty() && !idle.is_empty() {
            let matching = self.identities.read().matching(matchers);
            idle.retain(|slot| matching.binary_search(slot).is_ok());
        }
        idle
    }

    /// Lets those of the series go, rising by slot, that are still idle. Nobody may append
    /// meanwhile.
    pub(crate) fn forget_idle(&self, slots: &[u32], before_ms: i64) {
        let is_idle = |slot: &u32| {
            let (nth, at) = place(*slot);
            let mut shard = self.shards[nth].lock();
            let is_idle = shard.is_idle(at, before_ms);
            if is_idle {
                let newest_ms = shard.newest_ms(at).unwrap_or(i64::MIN);
                self.forgotten_ms.fetch_max(newest_ms, Ordering::AcqRel);
                shard.reset(at);
            }
            is_idle
        };
        let dead: Vec<u32> = slots.iter().copied().filter(is_idle).collect();
        self.identities.write().remove(&dead);
        self.sources.lock().remove(&dead);
        self.spellings.write().remove(&dead);
    }

    /// Lets series go that never had a sample.
    pub(crate) fn forget_unused(&self) {
        let mut identities = self.identities.write();
        let has_no_sample = |slot: &u32| {
            let (nth, at) = place(*slot);
            self.shards[nth].lock().newest_ms(at).is_none()
        };
        let unused: Vec<u32> = identities.matching(&[]).into_iter().filter(has_no_sample).collect();
        identities.remove(&unused);
        self.spellings.write().remove(&unused);
    }

    /// Takes hold of the samples that are wanted of the series that match, in the order of their
    /// labels.
    pub(crate) fn capture(&self, matchers: &[Matcher], wanted: Wanted) -> Vec<(Labels, Captured)> {
        let identities = self.identities.read();
        let mut slots = identities.matching(matchers);
        identities.sort_by_labels(&mut slots);
        let captured = slots.into_iter().map(|slot| {
            let (nth, at) = place(slot);
            (slot, self.shards[nth].lock().capture(at, slot, wanted))
        });
        let some = captured.filter(|(_, captured)| !captured.is_empty());
        some.map(|(slot, captured)| (identities.labels(slot), captured)).collect()
    }

    /// The values of one label, sorted, each once. If some series may be outdated, `floor_of` says
    /// how old the newest sample of a series may be, Unix milliseconds.
    pub(crate) fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        floor_of: Option<FloorOf<'_>>,
    ) -> Vec<String> {
        let identities = self.identities.read();
        let Some(floor_of) = floor_of else {
            return identities.label_values(name, matchers);
        };
        let kept = self.kept(&identities, matchers, floor_of);
        let value_of = |slot: u32| identities.pairs(slot).find(|(n, _)| *n == name).map(|(_, v)| v);
        let values: BTreeSet<&str> = kept.filter_map(value_of).collect();
        values.into_iter().map(str::to_owned).collect()
    }

    /// The names of labels, sorted, each once; `floor_of` as for their values.
    pub(crate) fn label_names(
        &self,
        matchers: &[Matcher],
        floor_of: Option<FloorOf<'_>>,
    ) -> Vec<String> {
        let identities = self.identities.read();
        let Some(floor_of) = floor_of else {
            return identities.label_names(matchers);
        };
        let kept = self.kept(&identities, matchers, floor_of);
        let names: BTreeSet<&str> =
            kept.flat_map(|slot| identities.pairs(slot).map(|(name, _)| name)).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The slots of series that match and are not outdated.
    fn kept<'i>(
        &'i self,
        identities: &'i Identities,
        matchers: &[Matcher],
        floor_of: FloorOf<'i>,
    ) -> impl Iterator<Item = u32> + 'i {
        identities.matching(matchers).into_iter().filter(move |slot| {
            let (nth, at) = place(*slot);
            let newest_ms = self.shards[nth].lock().newest_ms(at);
            newest_ms >= Some(floor_of(&identities.labels(*slot)))
        })
    }

    /// Whether all samples of some series, wherever they are, are older than a moment.
    pub(crate) fn has_expired(&self, floor_ms: i64) -> bool {
        self.shards.iter().any(|shard| shard.lock().has_expired(floor_ms))
    }

    /// How many series there are.
    pub(crate) fn n_series(&self) -> usize {
        self.identities.read().n_series()
    }

    /// How many chains there are, and about the first and the last moment of their samples.
    pub(crate) fn extent(&self) -> (usize, Option<(i64, i64)>) {
        let of_shards = self.shards.iter().map(|shard| shard.lock().extent());
        of_shards.fold((0, None), |(n, times), (n_more, more)| {
            let joined = match (times, more) {
                (Some((a, b)), Some((c, d))) => Some((i64::min(a, c), i64::max(b, d))),
                (some, other) => some.or(other),
            };
            (n + n_more, joined)
        })
    }

    /// Memory in use. What series that are gone have left behind is not counted: it is used again
    /// before more is taken.
    pub(crate) fn bytes(&self) -> HeadBytes {
        let identities = self.identities.read();
        let (n_series, n_slots) = (identities.n_series(), identities.slots_end() as usize);
        let labels = identities.bytes() as u64 * n_series as u64 / n_slots.max(1) as u64;
        let lines = n_series * LINE_BYTES;
        HeadBytes {
            series: labels as usize + self.spellings.read().bytes() + lines,
            samples: self.shards.iter().map(|shard| shard.lock().sample_bytes()).sum(),
        }
    }
}

/// An epoch that nobody appends to any more.
#[derive(Debug)]
pub(crate) struct FrozenEpoch {
    epochs: Vec<Arc<Epoch>>,
    /// Slot and first page, in the order of labels.
    series: Vec<(u32, u32)>,
}

impl FrozenEpoch {
    /// Whether it has no sample.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Shows each of its series, in the order of their labels: the slot, the numbers and the
    /// histograms, each in rising time, no time in both.
    ///
    /// # Errors
    /// The first one of `visit`.
    pub(crate) fn visit<E>(
        &self,
        mut visit: impl FnMut(u32, &Columns, &[HistogramSample]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut bytes, mut columns) = (Vec::new(), Columns::default());
        let mut histograms = Vec::new();
        for (slot, first) in &self.series {
            let (nth, _) = place(*slot);
            bytes.clear();
            columns.clear();
            histograms.clear();
            let rows = (&mut columns, &mut histograms);
            self.epochs[nth].columns((*slot, *first), &mut bytes, rows);
            visit(*slot, &columns, &histograms)?;
        }
        Ok(())
    }
}

/// Shard and place in it. Slots that follow each other are mostly in one shard, so that a request
/// changes shards rarely.
fn place(slot: u32) -> (usize, usize) {
    let (part, at) = (slot as usize / LINES_PER_PART, slot as usize % LINES_PER_PART);
    (part % N_SHARDS, part / N_SHARDS * LINES_PER_PART + at)
}

/// The reverse of [`place`].
fn slot_of(nth: usize, place: usize) -> u32 {
    let part = place / LINES_PER_PART * N_SHARDS + nth;
    (part * LINES_PER_PART + place % LINES_PER_PART) as u32
}

#[cfg(test)]
mod tests;
