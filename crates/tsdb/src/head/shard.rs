//! Shard: a part of the head's series, each with its line, and their samples by epoch.
//!
//! A line is all that an append touches of a series but the page it writes to: where its chain
//! grows and what the next sample is encoded against. It tells by number which epoch its chain
//! belongs to, so a freeze changes no line: the first append after it does.

use std::sync::Arc;

use hashbrown::HashMap;
use model::{HistogramSample, Sample, is_stale_marker};

use super::chain::{self, Before};
use super::epoch::{Epoch, Excerpt, Wanted};
use super::pages::Ends;
use super::scan::Chained;
use crate::query::mixed::Mixed;

/// Lines are taken from the allocator so many at a time, so that growing copies none of them.
pub(super) const LINES_PER_PART: usize = 1024;

/// One series.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// What the next sample is encoded against. Its time is that of the newest sample that ever
    /// went into a chain.
    before: Before,
    /// The chain in `epoch`.
    ends: Ends,
    /// The newest epoch that it had samples in; 0 for none.
    epoch: u32,
    /// The one before, and the first page of its chain there.
    last_epoch: u32,
    last_first: u32,
}

/// Memory of a series here, without its samples.
pub(super) const LINE_BYTES: usize = size_of::<Line>();

/// A series that nothing was appended to.
const NEW_LINE: Line = Line {
    before: Before { t_ms: i64::MIN, start_ms: 0, value_bits: 0, step_ms: 0, exponent: 0 },
    ends: Ends { first: 0, last: 0, used_bytes: 0 },
    epoch: 0,
    last_epoch: 0,
    last_first: 0,
};

/// What an append did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Appended {
    /// The sample was not newer than all before it.
    pub(super) is_late: bool,
    /// It was not taken: the series has another value at its time.
    pub(super) is_refused: bool,
    /// It is the series' first one in this epoch.
    pub(super) is_first: bool,
    /// Memory taken for it; below 0 if a histogram that gave way took more.
    pub(super) grown_bytes: i64,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Shard {
    lines: Vec<Box<[Line]>>,
    live: Epoch,
    frozen: Option<Arc<Epoch>>,
    /// By place: the time of the newest histogram that ever came, Unix milliseconds. Few series
    /// have one, so the line does not know of it.
    newest_histograms: HashMap<usize, i64, foldhash::fast::FixedState>,
    /// By place: the time of the newest number that came late to the time of the newest number of
    /// all, with another value or start, Unix milliseconds.
    disputed: HashMap<usize, i64, foldhash::fast::FixedState>,
}

impl Shard {
    pub(super) fn new(epoch: u32) -> Self {
        let newest_histograms = HashMap::default();
        let (lines, live) = (Vec::new(), Epoch::new(epoch));
        Self { lines, live, frozen: None, newest_histograms, disputed: HashMap::default() }
    }

    /// Takes a sample for the line at this place; `slot` is its name among all shards.
    pub(super) fn append(&mut self, at: usize, slot: u32, sample: &Sample) -> Appended {
        let is_first = self.enter(at);
        let line = &mut self.lines[at / LINES_PER_PART][at % LINES_PER_PART];
        let live = &mut self.live;
        let bytes = live.bytes();
        let is_late = sample.t_ms <= line.before.t_ms;
        if !live.histograms.is_empty() && !live.histograms.give_way(slot, sample) {
            return Appended { is_late: true, is_first, ..Appended::default() };
        }
        if is_late {
            let Before { t_ms, start_ms, value_bits, .. } = line.before;
            let is_other = (sample.value.to_bits(), sample.start_ms) != (value_bits, start_ms);
            if sample.t_ms == t_ms && is_other {
                self.disputed.insert(at, t_ms);
            }
            live.add_late(slot, *sample);
        } else {
            push(live, line, sample);
        }
        let grown_bytes = live.bytes() as i64 - bytes as i64;
        Appended { is_late, is_first, grown_bytes, is_refused: false }
    }

    /// The same, unless another value is known of its time: that of the newest sample, or of one
    /// that came late to the live epoch.
    pub(super) fn append_unless_other(
        &mut self,
        at: usize,
        slot: u32,
        sample: &Sample,
    ) -> Appended {
        let is_new = self.line(at).is_none_or(|line| sample.t_ms > line.before.t_ms);
        let may_be_there = !is_new || !self.live.histograms.is_empty();
        if may_be_there && self.has_other(at, slot, sample) {
            return Appended { is_refused: true, ..Appended::default() };
        }
        self.append(at, slot, sample)
    }

    fn has_other(&self, at: usize, slot: u32, sample: &Sample) -> bool {
        if is_stale_marker(sample.value) {
            return false;
        }
        let there = self.value_at(at, slot, sample.t_ms);
        there.is_some_and(|value| value.to_bits() != sample.value.to_bits())
            || self.live.histograms.has_at(slot, sample.t_ms)
    }

    /// What is known at hand of a line's number at a time; a stale marker is none.
    fn value_at(&self, at: usize, slot: u32, t_ms: i64) -> Option<f64> {
        let newest = || {
            let line = self.line(at).filter(|line| line.epoch != 0 && t_ms != i64::MIN)?;
            (line.before.t_ms == t_ms).then(|| f64::from_bits(line.before.value_bits))
        };
        let late = self.live.late_at(slot, t_ms).map(|sample| sample.value);
        late.or_else(newest).filter(|value| !is_stale_marker(*value))
    }

    fn line(&self, at: usize) -> Option<&Line> {
        self.lines.get(at / LINES_PER_PART).map(|part| &part[at % LINES_PER_PART])
    }

    /// Takes a native histogram as [`Self::append`] takes a number.
    pub(super) fn append_histogram(
        &mut self,
        at: usize,
        slot: u32,
        sample: &HistogramSample,
    ) -> Appended {
        let is_late = self.newest_ms(at).is_some_and(|newest_ms| sample.t_ms <= newest_ms);
        let is_first = self.enter(at);
        let bytes = self.live.bytes();
        self.live.histograms.add(slot, sample);
        let newest_ms = self.newest_histograms.entry(at).or_insert(sample.t_ms);
        *newest_ms = sample.t_ms.max(*newest_ms);
        let grown_bytes = self.live.bytes() as i64 - bytes as i64;
        Appended { is_late, is_first, grown_bytes, is_refused: false }
    }

    /// A native histogram, unless another value is known of its time.
    pub(super) fn append_histogram_unless_other(
        &mut self,
        at: usize,
        slot: u32,
        sample: &HistogramSample,
    ) -> Appended {
        let has_other = !sample.histogram.is_stale_marker()
            && (self.live.histograms.has_other(slot, sample)
                || self.value_at(at, slot, sample.t_ms).is_some());
        if has_other {
            return Appended { is_refused: true, ..Appended::default() };
        }
        self.append_histogram(at, slot, sample)
    }

    /// Makes sure that the line at this place belongs to the live epoch, and says whether it did
    /// not.
    fn enter(&mut self, at: usize) -> bool {
        let part = at / LINES_PER_PART;
        while self.lines.len() <= part {
            self.lines.push(vec![NEW_LINE; LINES_PER_PART].into_boxed_slice());
        }
        let line = &mut self.lines[part][at % LINES_PER_PART];
        let is_first = line.epoch != self.live.number;
        if is_first {
            line.last_epoch = line.epoch;
            line.last_first = line.ends.first;
            line.epoch = self.live.number;
            line.ends = Ends::default();
        }
        is_first
    }

    /// Forgets the lines at these places: their slots will be other series'.
    pub(super) fn reset(&mut self, at: usize) {
        if let Some(part) = self.lines.get_mut(at / LINES_PER_PART) {
            part[at % LINES_PER_PART] = NEW_LINE;
        }
        self.newest_histograms.remove(&at);
        self.disputed.remove(&at);
    }

    /// Whether the line at this place has a sample in the live epoch.
    pub(super) fn is_live(&self, at: usize) -> bool {
        let line = self.lines.get(at / LINES_PER_PART).map(|part| &part[at % LINES_PER_PART]);
        line.is_some_and(|line| line.epoch == self.live.number)
    }

    /// Ends the live epoch.
    pub(super) fn freeze(&mut self) {
        assert!(self.frozen.is_none(), "a freeze while one is still being written");
        let next = Epoch::new(self.live.number + 1);
        self.frozen = Some(Arc::new(std::mem::replace(&mut self.live, next)));
    }

    /// The frozen epoch.
    pub(super) fn frozen(&self) -> Option<&Arc<Epoch>> {
        self.frozen.as_ref()
    }

    /// Forgets the frozen epoch: blocks have it.
    pub(super) fn forget_frozen(&mut self) {
        self.frozen = None;
    }

    /// The lines that have samples in the frozen epoch: place and first page, 0 for none.
    pub(super) fn frozen_chains(&self) -> Vec<(usize, u32)> {
        let Some(frozen) = &self.frozen else { return Vec::new() };
        let lines = self.lines.iter().flat_map(|part| part.iter()).enumerate();
        lines.filter_map(|(at, line)| Some((at, line.first_in(frozen.number)?))).collect()
    }

    /// Places of the lines without a sample in the live or the frozen epoch and newer than a
    /// moment.
    pub(super) fn idle(&self, before_ms: i64) -> Vec<usize> {
        let lines = self.lines.iter().flat_map(|part| part.iter()).enumerate();
        lines.filter(|(at, l)| self.is_idle_line(*at, l, before_ms)).map(|(at, _)| at).collect()
    }

    /// Whether a line is one of those.
    pub(super) fn is_idle(&self, at: usize, before_ms: i64) -> bool {
        let part = self.lines.get(at / LINES_PER_PART);
        part.is_some_and(|p| self.is_idle_line(at, &p[at % LINES_PER_PART], before_ms))
    }

    fn is_idle_line(&self, at: usize, line: &Line, before_ms: i64) -> bool {
        let oldest_kept = self.frozen.as_ref().map_or(self.live.number, |frozen| frozen.number);
        line.epoch != 0 && line.epoch < oldest_kept && self.newest_of(at, line) < before_ms
    }

    /// Takes hold of a series' samples that are wanted.
    pub(super) fn capture(&self, at: usize, slot: u32, wanted: Wanted) -> Captured {
        let Some(part) = self.lines.get(at / LINES_PER_PART) else { return Captured::default() };
        let line = &part[at % LINES_PER_PART];
        let frozen = self.frozen.as_ref().and_then(|epoch| {
            let first = line.first_in(epoch.number)?;
            Some(FrozenPart { epoch: Arc::clone(epoch), first, slot, wanted })
        });
        let live = line.first_in(self.live.number).map(|first| {
            let mut excerpt = self.live.excerpt(slot, &wanted);
            if line.before.t_ms >= wanted.range.0 {
                self.live.pages.read(first, &mut excerpt.bytes);
            }
            excerpt
        });
        Captured { frozen, live }
    }

    /// Whether a series has a sample here that is wanted. Its chain is unpacked, into `bytes`, if it
    /// goes on beyond the range, and until the first sample that is not before it.
    pub(super) fn has_sample(
        &self,
        (at, slot): (usize, u32),
        wanted: Wanted,
        bytes: &mut Vec<u8>,
    ) -> bool {
        let Some(line) = self.line(at) else { return false };
        let (start_ms, end_ms) = wanted.range;
        let epochs = self.frozen.as_deref().into_iter().chain([&self.live]);
        let mut parts = epochs.filter_map(|epoch| line.part_of(epoch));
        if parts.clone().any(|(epoch, _)| epoch.has_beside(slot, &wanted)) {
            return true;
        }
        let newest_ms = line.before.t_ms;
        parts.any(|(epoch, first)| {
            if first == 0 || newest_ms < start_ms {
                return false;
            }
            if newest_ms <= end_ms {
                // In this chain or in the next one.
                return true;
            }
            bytes.clear();
            epoch.pages.read(first, bytes);
            let mut times = chain::Samples::new(bytes, epoch.base_ms).map(|sample| sample.t_ms);
            times.find(|t_ms| *t_ms >= start_ms).is_some_and(|t_ms| t_ms <= end_ms)
        })
    }

    /// Whether any series has a sample here.
    pub(super) fn has_samples(&self) -> bool {
        self.frozen.iter().map(|epoch| &**epoch).chain([&self.live]).any(|epoch| epoch.bytes() > 0)
    }

    /// What a series has of what is wanted; the bytes of its live chain are put behind others.
    pub(super) fn chained(
        &self,
        at: usize,
        slot: u32,
        wanted: Wanted,
        bytes: &mut Vec<u8>,
    ) -> Chained {
        let Some(part) = self.lines.get(at / LINES_PER_PART) else { return Chained::Nothing };
        let line = &part[at % LINES_PER_PART];
        let frozen = self.frozen.as_deref().and_then(|epoch| line.part_of(epoch));
        let live = line.part_of(&self.live);
        let parts = frozen.iter().chain(&live);
        if parts.clone().any(|(epoch, _)| epoch.has_beside(slot, &wanted)) {
            return Chained::Mixed(self.capture(at, slot, wanted));
        }
        if parts.count() == 0 || line.before.t_ms < wanted.range.0 {
            return Chained::Nothing;
        }
        if let Some((epoch, first)) = live {
            epoch.pages.read(first, bytes);
        }
        Chained::Chains(frozen.map_or(0, |(_, first)| first), self.live.base_ms)
    }

    /// The newest number that ever came to a series, if there is one; an error if it may not be
    /// what the series has at its end.
    pub(super) fn newest(&self, at: usize) -> Result<Option<Sample>, ()> {
        let Some(part) = self.lines.get(at / LINES_PER_PART) else { return Ok(None) };
        let Line { before, epoch, .. } = &part[at % LINES_PER_PART];
        let is_disputed = self.disputed.get(&at) == Some(&before.t_ms);
        if is_disputed || self.newest_histograms.contains_key(&at) {
            return Err(());
        }
        let Before { t_ms, start_ms, value_bits, .. } = *before;
        let sample = Sample { t_ms, value: f64::from_bits(value_bits), start_ms };
        Ok((*epoch != 0).then_some(sample))
    }

    /// How many chains the live and the frozen epoch have, and about the first and the last moment
    /// of their samples: the first is that of the sample that came first.
    pub(super) fn extent(&self) -> (usize, Option<(i64, i64)>) {
        let epochs = || self.frozen.iter().map(|epoch| &**epoch).chain([&self.live]);
        let mut n_chains = 0;
        let mut newest_ms = None;
        for (at, line) in self.lines.iter().flat_map(|part| part.iter()).enumerate() {
            let n = epochs().filter(|epoch| line.first_in(epoch.number).is_some()).count();
            n_chains += n;
            if n > 0 {
                newest_ms = newest_ms.max(Some(self.newest_of(at, line)));
            }
        }
        let bases = epochs().filter(|epoch| epoch.bytes() > 0).map(|epoch| epoch.base_ms);
        let times = bases.min().zip(newest_ms);
        (n_chains, times.map(|(base_ms, newest_ms)| (base_ms.min(newest_ms), newest_ms)))
    }

    /// Memory of the samples.
    pub(super) fn sample_bytes(&self) -> usize {
        self.live.bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.bytes())
    }

    /// The time of the newest sample that this line ever had; `None` if it had none.
    pub(super) fn newest_ms(&self, at: usize) -> Option<i64> {
        let line = &self.lines.get(at / LINES_PER_PART)?[at % LINES_PER_PART];
        (line.epoch != 0).then(|| self.newest_of(at, line))
    }

    fn newest_of(&self, at: usize, line: &Line) -> i64 {
        let of_histograms = self.newest_histograms.get(&at);
        of_histograms.map_or(line.before.t_ms, |t_ms| line.before.t_ms.max(*t_ms))
    }

    /// Whether all samples of some line, wherever they are, are older than a moment.
    pub(super) fn has_expired(&self, floor_ms: i64) -> bool {
        let mut lines = self.lines.iter().flat_map(|part| part.iter()).enumerate();
        let is_old = |at, line: &Line| {
            // The line alone says it for most.
            line.before.t_ms < floor_ms && self.newest_of(at, line) < floor_ms
        };
        lines.any(|(at, line)| line.epoch != 0 && is_old(at, line))
    }
}

/// Puts a sample, newer than all before it, at the end of a chain.
fn push(live: &mut Epoch, line: &mut Line, sample: &Sample) {
    let is_first = line.ends.first == 0;
    if is_first {
        if live.pages.bytes() == 0 {
            live.base_ms = sample.t_ms;
        }
        line.before = Before::first(live.base_ms);
    }
    let encoded = chain::encode(&mut line.before, sample, is_first);
    live.pages.append(&mut line.ends, encoded.as_slice());
}

impl Line {
    /// An epoch that it has samples in, and its first page there, 0 if all of them are late.
    fn part_of<'e>(&self, epoch: &'e Epoch) -> Option<(&'e Epoch, u32)> {
        Some((epoch, self.first_in(epoch.number)?))
    }

    /// Its first page in an epoch, 0 if all samples there are late; `None` if there are none.
    fn first_in(&self, epoch: u32) -> Option<u32> {
        if self.epoch == epoch {
            return Some(self.ends.first);
        }
        (self.last_epoch == epoch).then_some(self.last_first)
    }
}

/// The samples of a series in a range, as they were at one moment; still compressed.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    frozen: Option<FrozenPart>,
    live: Option<Excerpt>,
}

#[derive(Debug)]
struct FrozenPart {
    epoch: Arc<Epoch>,
    first: u32,
    slot: u32,
    wanted: Wanted,
}

impl Captured {
    /// Whether there is certainly no sample.
    pub(super) fn is_empty(&self) -> bool {
        self.frozen.is_none() && self.live.is_none()
    }

    /// The samples, in rising time.
    pub(crate) fn samples(&self) -> Mixed {
        let live = self.live.as_ref().map_or_else(Mixed::default, Excerpt::samples);
        let Some(frozen) = &self.frozen else { return live };
        frozen.epoch.samples(frozen.slot, frozen.first, &frozen.wanted).merge(live)
    }
}
