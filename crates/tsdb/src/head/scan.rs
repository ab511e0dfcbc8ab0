//! Scanning the head: what a scan needs of the series that match, taken at one moment.
//!
//! Compressed samples of all series stand in one row of bytes, labels as numbers, and of the texts
//! of labels only what is asked for is copied. A series whose samples did not all come in rising
//! time, or are not all numbers, is captured as a query does it.

use std::sync::Arc;

use model::{Matcher, Sample};
use parking_lot::MutexGuard;

use super::epoch::{Epoch, Wanted};
use super::identity::Identities;
use super::shard::{Captured, Shard};
use super::{Head, chain, place};
use crate::query::gathered::Gathered;

/// Whether a label of this name is asked for.
type IsAsked<'n> = &'n dyn Fn(&str) -> bool;

/// What is asked for beside samples.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'n> {
    /// Which labels, by their names; none at all.
    pub(crate) labels: Option<IsAsked<'n>>,
    /// Whether the series may come in any order.
    pub(crate) any_order: bool,
}

/// What was taken, in the order of the series' labels.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    series: Vec<Packed>,
    /// Labels of one series after the other, by number.
    tags: Vec<u32>,
    texts: Texts,
    bytes: Vec<u8>,
    /// By shard.
    frozen: Vec<Option<Arc<Epoch>>>,
    /// The times of all samples lie within these, both inclusive, Unix milliseconds.
    range: (i64, i64),
    scratch: Vec<u8>,
}

/// One series.
#[derive(Debug)]
struct Packed {
    /// Where its labels end, which begin where those of the series before end.
    tags_end: usize,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    /// This one alone is asked for.
    One(Sample),
    /// Numbers in rising time: in the frozen epoch from a page on, 0 for none, then in a row of
    /// bytes that follow this time.
    Chains { shard: usize, frozen: u32, bytes: std::ops::Range<usize>, base_ms: i64 },
    /// Whatever else.
    Mixed(Box<Captured>),
}

/// What one series has in a shard.
pub(super) enum Chained {
    /// Nothing, for certain.
    Nothing,
    /// The first page in the frozen epoch, 0 for none, and the time before the live chain.
    Chains(u32, i64),
    /// Not in rising time alone, or not numbers alone.
    Mixed(Captured),
}

/// The labels that were asked for.
#[derive(Debug, Default)]
struct Texts {
    names: Vec<String>,
    values: String,
    /// By number: the name, and where the value ends.
    labels: Vec<(usize, usize)>,
}

impl Texts {
    fn add(&mut self, (name, value): (&str, &str)) -> u32 {
        let known = self.names.iter().position(|known| known == name);
        let name = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        self.values.push_str(value);
        self.labels.push((name, self.values.len()));
        self.labels.len() as u32 - 1
    }

    fn get(&self, label: u32) -> (&str, &str) {
        let at = label as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.labels[before].1);
        let (name, end) = self.labels[at];
        (&self.names[name], &self.values[start..end])
    }
}

/// Copies those labels of series that are asked for, each once.
struct Copier<'i> {
    identities: &'i Identities,
    is_asked: IsAsked<'i>,
    /// By tag: 0 before it is met, 1 if it is not asked for, else two more than its number.
    known: Vec<u32>,
}

impl Copier<'_> {
    fn copy(&mut self, slot: u32, out: &mut HeadScan) {
        for tag in self.identities.tags(slot) {
            let known = &mut self.known[*tag as usize];
            if *known == 0 {
                let label = self.identities.tag_text(*tag);
                *known = if (self.is_asked)(label.0) { out.texts.add(label) + 2 } else { 1 };
            }
            if *known > 1 {
                out.tags.push(*known - 2);
            }
        }
    }
}

impl Head {
    /// Takes what is wanted of the series that match, with the labels that are asked for.
    pub(crate) fn scan(&self, matchers: &[Matcher], wanted: Wanted, asked: Asked<'_>) -> HeadScan {
        let mut scan = HeadScan { range: wanted.range, ..HeadScan::default() };
        // What was flushed is found in blocks: then nobody is looked for here.
        if !self.shards.iter().any(|shard| shard.lock().has_samples()) {
            return scan;
        }
        scan.frozen.resize(self.shards.len(), None);
        self.each_matching(matchers, asked, &mut scan, |shard, (nth, at), slot, scan| {
            let start = scan.bytes.len();
            let samples = match shard.chained(at, slot, wanted, &mut scan.bytes) {
                Chained::Nothing => return true,
                Chained::Chains(frozen, base_ms) => {
                    if frozen != 0 && scan.frozen[nth].is_none() {
                        scan.frozen[nth] = shard.frozen().cloned();
                    }
                    let bytes = start..scan.bytes.len();
                    Samples::Chains { shard: nth, frozen, bytes, base_ms }
                }
                Chained::Mixed(captured) => Samples::Mixed(Box::new(captured)),
            };
            scan.push(samples);
            true
        });
        scan
    }

    /// Takes the newest number of each series that matches and has one in the range (both ends
    /// inclusive, Unix milliseconds), without looking at samples; `None` if that is not known of
    /// some series.
    pub(crate) fn scan_newest(
        &self,
        matchers: &[Matcher],
        (start_ms, end_ms): (i64, i64),
        asked: Asked<'_>,
    ) -> Option<HeadScan> {
        let mut scan = HeadScan { range: (start_ms, end_ms), ..HeadScan::default() };
        let is_known = self.each_matching(matchers, asked, &mut scan, |shard, (_, at), _, scan| {
            match shard.newest(at) {
                Ok(Some(sample)) if sample.t_ms > end_ms => return false,
                Ok(Some(sample)) if sample.t_ms >= start_ms => {
                    scan.push(Samples::One(sample));
                }
                Ok(_) => {}
                Err(()) => return false,
            }
            true
        });
        is_known.then_some(scan)
    }

    /// Shows each series that matches, in the order of labels, and copies the labels of those that
    /// are kept; false as soon as one of them is answered so.
    fn each_matching(
        &self,
        matchers: &[Matcher],
        asked: Asked<'_>,
        scan: &mut HeadScan,
        mut take: impl FnMut(&Shard, (usize, usize), u32, &mut HeadScan) -> bool,
    ) -> bool {
        let identities = self.identities.read();
        let mut slots = identities.matching(matchers);
        if !asked.any_order {
            identities.sort_by_labels(&mut slots);
        }
        let mut copier = asked.labels.map(|is_asked| {
            let known = vec![0; identities.tags_end()];
            Copier { identities: &identities, is_asked, known }
        });
        let mut held: Option<(usize, MutexGuard<'_, Shard>)> = None;
        for slot in slots {
            let (nth, at) = place(slot);
            let shard = match &mut held {
                Some((held_nth, shard)) if *held_nth == nth => shard,
                other => {
                    // One at a time: the last one is given back before.
                    *other = None;
                    &mut other.insert((nth, self.shards[nth].lock())).1
                }
            };
            let n_before = scan.series.len();
            if !take(shard, (nth, at), slot, scan) {
                return false;
            }
            if scan.series.len() > n_before {
                if let Some(copier) = &mut copier {
                    copier.copy(slot, scan);
                }
                scan.series[n_before].tags_end = scan.tags.len();
            }
        }
        true
    }
}

impl HeadScan {
    fn push(&mut self, samples: Samples) {
        self.series.push(Packed { tags_end: 0, samples });
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// The labels of a series that were asked for, by number, in the order of their names.
    pub(crate) fn tags(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.series[before].tags_end);
        &self.tags[start..self.series[at].tags_end]
    }

    /// The label with this number.
    pub(crate) fn label(&self, tag: u32) -> (&str, &str) {
        self.texts.get(tag)
    }

    /// Appends the samples of a series.
    pub(crate) fn read(&mut self, at: usize, out: &mut Gathered) {
        match &self.series[at].samples {
            Samples::One(sample) => out.push(sample),
            Samples::Chains { shard, frozen, bytes, base_ms } => {
                if let Some(epoch) = self.frozen[*shard].as_ref().filter(|_| *frozen != 0) {
                    self.scratch.clear();
                    epoch.pages.read(*frozen, &mut self.scratch);
                    chain::read(&self.scratch, epoch.base_ms, self.range, out);
                }
                chain::read(&self.bytes[bytes.clone()], *base_ms, self.range, out);
            }
            Samples::Mixed(captured) => out.extend(captured.samples()),
        }
    }
}
