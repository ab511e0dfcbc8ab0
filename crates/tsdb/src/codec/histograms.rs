//! Histograms: a run of them that share a layout becomes a few columns of doubles, and those
//! columns become the same histograms again, bit for bit.
//!
//! The layout stands in front once. Behind it the counts of each bucket are a column of their own,
//! as are the sums: a bucket's count rises as a counter does, so [`values`] writes its steps. The
//! number of all observations is left out where the buckets add up to it.
//!
//! A stale marker fits every layout, so a series that pauses does not begin a new run: it comes back
//! as [`Histogram::stale_marker`], whatever layout it had. A single histogram is written by `one`,
//! for memory and for the log. Every byte is drawn in `docs/formats/chunk.md`.

#![allow(unused_imports, reason = "the example of the codec reads this file for a part of it")]

use std::sync::Arc;

use model::{BucketLayout, Histogram, ResetHint, STALE_MARKER_BITS};

use super::cursor::{Cursor, put_varint};
use super::values::{self, Hint};
use super::{CodecError, Flaw};

mod hints;
mod layout;
mod one;

pub(crate) use layout::{decode_layout, encode_layout};
pub(crate) use one::{decode_numbers, encode_numbers, one_bytes_max};
#[cfg(test)]
pub(crate) use one::{decode_one, encode_one};

/// Numbers that a run may have in all its columns, which are read at once: 8 MiB.
const NUMBERS_MAX: usize = 1 << 20;
/// The column of the numbers of observations is left out: the buckets add up to it.
const COUNT_LEFT_OUT: u8 = 0x01;

/// How many histograms from the first on can be written as one run: those of one layout, as long as
/// they are not too much at once. At least one, if there is one.
pub(crate) fn run_len<H: AsRef<Histogram>>(histograms: &[H]) -> usize {
    let layout = shared_layout(histograms);
    let fits = |histogram: &&H| {
        let histogram: &Histogram = (*histogram).as_ref();
        histogram.is_stale_marker()
            || Arc::ptr_eq(&histogram.layout, &layout)
            || histogram.layout.same_bits(&layout)
    };
    let n_max = NUMBERS_MAX / n_columns(&layout);
    histograms.iter().take(n_max).take_while(fits).count()
}

/// Appends the bytes of a run. How many there are is for the caller to keep. All must be valid.
pub(crate) fn encode<H: AsRef<Histogram>>(run: &[H], out: &mut Vec<u8>) {
    assert_eq!(run_len(run), run.len(), "a run of histograms has one layout and a bounded length");
    if run.is_empty() {
        return;
    }
    let layout = shared_layout(run);
    let run: Vec<Option<&Histogram>> = run.iter().map(|histogram| alive(histogram)).collect();
    let leaves_out_count = run.iter().flatten().all(|it| has_derived_count(it));
    out.push(if leaves_out_count { COUNT_LEFT_OUT } else { 0 });
    let mut bytes = Vec::new();
    encode_layout(&layout, &mut bytes);
    put_part(&bytes, out);
    let hint = |it: &Option<&Histogram>| it.map_or(ResetHint::Unknown, |it| it.reset_hint);
    hints::encode(run.iter().map(hint), out);
    let mut columns = ColumnWriter { run: &run, hint: Hint::default(), out };
    columns.sums();
    if !leaves_out_count {
        columns.counts(|it| it.count);
    }
    columns.counts(|it| it.zero_count);
    let (n_positive, n_negative) = n_buckets(&layout);
    (0..n_positive).for_each(|at| columns.counts(|it| it.positive[at]));
    (0..n_negative).for_each(|at| columns.counts(|it| it.negative[at]));
}

/// Appends the `n` histograms of a run. All of the bytes must be the run's. They share one layout,
/// which is valid.
///
/// Takes no more memory than for `n` histograms and twice 2^20 numbers, whatever the bytes say.
pub(crate) fn decode(bytes: &[u8], n: usize, out: &mut Vec<Histogram>) -> Result<(), CodecError> {
    let mut cursor = Cursor::new(bytes);
    if n == 0 {
        return cursor.finish();
    }
    let unknown = cursor.error(Flaw::Tag(cursor.peek().unwrap_or_default()));
    let flags = cursor.byte()?;
    if flags & !COUNT_LEFT_OUT != 0 {
        return Err(unknown);
    }
    let mut part = take_part(&mut cursor)?;
    let layout = layout::take_layout(&mut part)?;
    part.finish()?;
    if n_columns(&layout).saturating_mul(n) > NUMBERS_MAX {
        return Err(cursor.error(Flaw::Layout));
    }
    let hints = hints::decode(&mut cursor, n)?;
    let columns = Columns::take(&mut cursor, n, &layout, flags & COUNT_LEFT_OUT != 0)?;
    cursor.finish()?;
    let layout = Arc::new(layout);
    out.extend((0..n).zip(hints).map(|(at, hint)| columns.histogram(at, hint, &layout)));
    Ok(())
}

/// Writes the columns of a run, whose stale markers are `None`.
struct ColumnWriter<'r> {
    run: &'r [Option<&'r Histogram>],
    hint: Hint,
    out: &'r mut Vec<u8>,
}

impl ColumnWriter<'_> {
    fn sums(&mut self) {
        let sum = |it: &Option<&Histogram>| it.map_or(STALE_MARKER_BITS, |it| it.sum.to_bits());
        let column: Vec<u64> = self.run.iter().map(sum).collect();
        self.put(&column);
        // Sums say nothing about counts, which are whole as a rule.
        self.hint = Hint::default();
    }

    /// In the place of a stale marker any count may stand: the one before costs least.
    fn counts(&mut self, count: impl Fn(&Histogram) -> f64) {
        let mut before = 0;
        let next = |it: &Option<&Histogram>| {
            before = it.map_or(before, |it| count(it).to_bits());
            before
        };
        let column: Vec<u64> = self.run.iter().map(next).collect();
        self.put(&column);
    }

    fn put(&mut self, column: &[u64]) {
        put_column(column, &mut self.hint, self.out);
    }
}

/// The columns of a run that was read.
struct Columns {
    sums: Vec<u64>,
    /// Empty if they were left out.
    counts: Vec<u64>,
    zero_counts: Vec<u64>,
    positive: Vec<Vec<u64>>,
    negative: Vec<Vec<u64>>,
}

impl Columns {
    fn take(
        cursor: &mut Cursor<'_>,
        n: usize,
        layout: &BucketLayout,
        leaves_out_count: bool,
    ) -> Result<Self, CodecError> {
        let mut next = || {
            let part = take_part(cursor)?.rest();
            let mut column = Vec::new();
            values::decode(part, n, &mut column)?;
            Ok(column)
        };
        let (n_positive, n_negative) = n_buckets(layout);
        let sums = next()?;
        let counts = if leaves_out_count { Vec::new() } else { next()? };
        let zero_counts = next()?;
        let positive = (0..n_positive).map(|_| next()).collect::<Result<_, _>>()?;
        let negative = (0..n_negative).map(|_| next()).collect::<Result<_, _>>()?;
        Ok(Self { sums, counts, zero_counts, positive, negative })
    }

    fn histogram(&self, at: usize, reset_hint: ResetHint, layout: &Arc<BucketLayout>) -> Histogram {
        if self.sums[at] == STALE_MARKER_BITS {
            return Histogram::stale_marker();
        }
        let row = |columns: &[Vec<u64>]| {
            columns.iter().map(|column| f64::from_bits(column[at])).collect::<Vec<f64>>()
        };
        let mut histogram = Histogram {
            reset_hint,
            layout: Arc::clone(layout),
            count: 0.0,
            sum: f64::from_bits(self.sums[at]),
            zero_count: f64::from_bits(self.zero_counts[at]),
            positive: row(&self.positive),
            negative: row(&self.negative),
        };
        let count = self.counts.get(at).map(|count| f64::from_bits(*count));
        histogram.count = count.unwrap_or_else(|| derived_count(&histogram));
        histogram
    }
}

fn alive<H: AsRef<Histogram>>(histogram: &H) -> Option<&Histogram> {
    let histogram: &Histogram = histogram.as_ref();
    (!histogram.is_stale_marker()).then_some(histogram)
}

/// The layout of the first that is no stale marker.
fn shared_layout<H: AsRef<Histogram>>(histograms: &[H]) -> Arc<BucketLayout> {
    let first = histograms.iter().find_map(|histogram| alive(histogram));
    first.map_or_else(Arc::default, |histogram| Arc::clone(&histogram.layout))
}

/// What the buckets add up to, always in the same order.
fn derived_count(histogram: &Histogram) -> f64 {
    let buckets = histogram.positive.iter().chain(&histogram.negative);
    buckets.fold(histogram.zero_count, |sum, count| sum + count)
}

/// NaN is no sum: which of its bits come out is up to the processor.
fn has_derived_count(histogram: &Histogram) -> bool {
    let count = derived_count(histogram);
    !count.is_nan() && count.to_bits() == histogram.count.to_bits()
}

fn n_buckets(layout: &BucketLayout) -> (usize, usize) {
    let (n_positive, n_negative) = layout.n_buckets();
    (n_positive as usize, n_negative as usize)
}

/// Sum, count, zero count, and one for each bucket.
fn n_columns(layout: &BucketLayout) -> usize {
    let (n_positive, n_negative) = n_buckets(layout);
    3 + n_positive + n_negative
}

/// Appends a column of doubles behind its length.
fn put_column(column: &[u64], hint: &mut Hint, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    values::Encoder::default().encode(column, hint, &mut bytes);
    put_part(&bytes, out);
}

fn put_part(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_part<'b>(cursor: &mut Cursor<'b>) -> Result<Cursor<'b>, CodecError> {
    let n_bytes = usize::try_from(cursor.varint()?).unwrap_or(usize::MAX);
    cursor.part(n_bytes)
}

#[cfg(test)]
pub(crate) mod random;
#[cfg(test)]
mod tests;
