//! Deltas: points that tell what came since the point before, added up to what there is in all.
//!
//! Each series has a total, kept in memory as long as points come: after a restart, or after an
//! hour without a point, it begins again at 0 with the next point, which PromQL takes for the
//! restart of a counter. A point of the time of the one before it is that point sent again, and
//! changes nothing, so a sender may repeat what it got no answer to.
//!
//! Totals are changed before the points are stored, because what is stored is the total; a call
//! that could store nothing takes its changes back ([`Deltas::roll_back`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{BucketLayout, Buckets, Histogram, HistogramSample, SCHEMA_CUSTOM, SCHEMA_MIN, Sample};

use super::native::{self, BadHistogram};
use super::points::ms;
use super::translated::{PointNote, Translated};

/// Bytes of all totals, the names of their series among them: about 200,000 counters.
pub const DELTA_BYTES_MAX: usize = 64 << 20;
/// A total to which nothing was added for so long is forgotten, milliseconds.
pub const DELTA_IDLE_MS_MAX: i64 = 3_600_000;
/// How often forgotten totals are looked for, milliseconds.
const SWEEP_MS: i64 = 60_000;
/// What the tables take for a total besides its name and its buckets, about.
const TOTAL_BYTES: usize = 160;

/// Why a point is not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum BadDelta {
    #[error("a delta point that is older than the one before it in its series")]
    Late,
    #[error(
        "a delta point of a new series, but the totals take all of the {DELTA_BYTES_MAX} bytes they may"
    )]
    Full,
}

#[derive(Debug, Clone)]
enum Amount {
    Number(f64),
    Histogram(Arc<Histogram>),
}

#[derive(Debug, Clone)]
struct Total {
    amount: Amount,
    /// Since when it counts, Unix nanoseconds; 0 if no sender said that.
    start_ns: u64,
    /// The time of the last point, Unix nanoseconds.
    time_ns: u64,
    /// Our time when it came, Unix milliseconds.
    seen_ms: i64,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Deltas {
    totals: HashMap<Box<[u8]>, Total>,
    /// What was there before the changes that are not kept yet.
    undo: Vec<(Box<[u8]>, Option<Total>)>,
    n_bytes: usize,
    swept_ms: i64,
}

impl Deltas {
    /// How many series have a total.
    pub fn n_series(&self) -> usize {
        self.totals.len()
    }

    /// Puts the totals into a message in place of its delta points; points that cannot be added
    /// are refused. Follow with [`Deltas::keep`] or [`Deltas::roll_back`]. `now_ms` is our own
    /// time.
    pub fn add_up(&mut self, translated: &mut Translated, now_ms: i64) {
        // A call that ended without a word has stored nothing.
        self.roll_back();
        self.sweep(now_ms);
        translated.add_each(|note, spelling, samples, histograms| {
            for sample in samples {
                self.add_sample(note, spelling, sample, now_ms)?;
            }
            for sample in histograms {
                self.add_histogram(note, spelling, sample, now_ms)?;
            }
            Ok::<(), BadDelta>(())
        });
    }

    /// The changes of the last call are stored.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// The changes of the last call were not stored: all is as it was before.
    pub fn roll_back(&mut self) {
        while let Some((name, before)) = self.undo.pop() {
            let now = match before {
                Some(before) => {
                    self.n_bytes += before.bytes(&name);
                    self.totals.insert(name.clone(), before)
                }
                None => self.totals.remove(&name),
            };
            self.n_bytes -= now.map_or(0, |now| now.bytes(&name));
        }
    }

    fn sweep(&mut self, now_ms: i64) {
        if now_ms.saturating_sub(self.swept_ms) < SWEEP_MS && now_ms >= self.swept_ms {
            return;
        }
        self.swept_ms = now_ms;
        self.totals.retain(|name, total| {
            let stays = now_ms.saturating_sub(total.seen_ms) < DELTA_IDLE_MS_MAX;
            if !stays {
                self.n_bytes -= total.bytes(name);
            }
            stays
        });
    }

    fn add_sample(
        &mut self,
        note: &PointNote,
        name: &[u8],
        sample: &mut Sample,
        now_ms: i64,
    ) -> Result<(), BadDelta> {
        let total = self.add(note, name, Amount::Number(sample.value), now_ms)?;
        if let Amount::Number(value) = total.amount {
            sample.value = value;
        }
        // A gauge has no beginning.
        if sample.start_ms != 0 {
            sample.start_ms = ms(total.start_ns);
        }
        Ok(())
    }

    fn add_histogram(
        &mut self,
        note: &PointNote,
        name: &[u8],
        sample: &mut HistogramSample,
        now_ms: i64,
    ) -> Result<(), BadDelta> {
        let amount = Amount::Histogram(Arc::clone(&sample.histogram));
        let total = self.add(note, name, amount, now_ms)?;
        if let Amount::Histogram(histogram) = &total.amount {
            sample.histogram = Arc::clone(histogram);
        }
        if sample.start_ms != 0 {
            sample.start_ms = ms(total.start_ns);
        }
        Ok(())
    }

    /// Adds what a point tells to the total of its series.
    fn add(
        &mut self,
        note: &PointNote,
        name: &[u8],
        amount: Amount,
        seen_ms: i64,
    ) -> Result<&Total, BadDelta> {
        let (start_ns, time_ns) = (note.head.start_ns, note.head.time_ns);
        let fresh = Total { amount, start_ns, time_ns, seen_ms };
        let Some(total) = self.totals.get(name) else {
            let n_bytes = self.n_bytes + fresh.bytes(name);
            if n_bytes > DELTA_BYTES_MAX {
                return Err(BadDelta::Full);
            }
            self.n_bytes = n_bytes;
            self.undo.push((name.into(), None));
            return Ok(self.totals.entry(name.into()).or_insert(fresh));
        };
        if time_ns < total.time_ns {
            return Err(BadDelta::Late);
        }
        if time_ns > total.time_ns {
            let sum = total.plus(fresh);
            self.n_bytes = self.n_bytes + sum.bytes(name) - total.bytes(name);
            let before = self.totals.insert(name.into(), sum);
            self.undo.push((name.into(), before));
        }
        Ok(&self.totals[name])
    }
}

impl Total {
    /// This total and what came since. Amounts that do not go together begin it again.
    fn plus(&self, since: Self) -> Self {
        let amount = match (&self.amount, &since.amount) {
            (Amount::Number(a), Amount::Number(b)) => Some(Amount::Number(a + b)),
            (Amount::Histogram(a), Amount::Histogram(b)) => {
                sum(a, b).map(|sum| Amount::Histogram(Arc::new(sum)))
            }
            _ => None,
        };
        match amount {
            Some(amount) => Self { amount, start_ns: self.start_ns, ..since },
            None => since,
        }
    }

    fn bytes(&self, name: &[u8]) -> usize {
        let n_numbers = match &self.amount {
            Amount::Number(_) => 0,
            Amount::Histogram(histogram) => {
                let layout = &histogram.layout;
                let n_spans = layout.positive_spans.len() + layout.negative_spans.len();
                let n_counts = histogram.positive.len() + histogram.negative.len();
                16 + n_spans + n_counts + layout.custom_bounds.len()
            }
        };
        TOTAL_BYTES + name.len() + n_numbers * size_of::<f64>()
    }
}

/// The observations of both, in the buckets of the coarser one. `None` if their buckets do not lie
/// at the same bounds, or would be too many.
fn sum(a: &Histogram, b: &Histogram) -> Option<Histogram> {
    let same = |of: fn(&BucketLayout) -> u64| of(&a.layout) == of(&b.layout);
    let same_bounds = a.layout.custom_bounds.iter().eq(&b.layout.custom_bounds);
    if a.has_custom_bounds() != b.has_custom_bounds()
        || !same(|layout| layout.zero_threshold.to_bits())
        || !same_bounds
    {
        return None;
    }
    let mut schema = a.layout.schema.min(b.layout.schema);
    loop {
        match sum_at(a, b, schema) {
            Ok(sum) => return Some(sum),
            Err(_) if schema != SCHEMA_CUSTOM && schema > SCHEMA_MIN => schema -= 1,
            Err(_) => return None,
        }
    }
}

fn sum_at(a: &Histogram, b: &Histogram, schema: i8) -> Result<Histogram, BadHistogram> {
    let [a, b] = [a, b].map(|one| one.clone().coarser(schema));
    let (positive_spans, positive) = merge(a.positive_buckets(), b.positive_buckets())?;
    let (negative_spans, negative) = merge(a.negative_buckets(), b.negative_buckets())?;
    let layout = BucketLayout {
        schema,
        zero_threshold: a.layout.zero_threshold,
        positive_spans,
        negative_spans,
        custom_bounds: a.layout.custom_bounds.clone(),
    };
    let sum = Histogram {
        layout: Arc::new(layout),
        count: a.count + b.count,
        sum: a.sum + b.sum,
        zero_count: a.zero_count + b.zero_count,
        positive,
        negative,
        ..Histogram::default()
    };
    sum.validate()?;
    Ok(sum)
}

fn merge(
    a: Buckets<'_>,
    b: Buckets<'_>,
) -> Result<(Vec<model::BucketSpan>, Vec<f64>), BadHistogram> {
    let mut counts = BTreeMap::<i64, f64>::new();
    for bucket in a.chain(b).filter(|bucket| bucket.count != 0.0) {
        *counts.entry(bucket.index.into()).or_default() += bucket.count;
    }
    native::spans(counts.into_iter())
}
