//! Histogram: a native histogram of remote write, in whole numbers or in doubles, as ours.
//!
//! `Histogram{count_int=1, count_float=2, sum=3, schema=4, zero_threshold=5, zero_count_int=6,
//! zero_count_float=7, negative_spans=8, negative_deltas=9, negative_counts=10, positive_spans=11,
//! positive_deltas=12, positive_counts=13, reset_hint=14, timestamp=15, custom_values=16,
//! start_timestamp=17}`, the last one in version 2; `BucketSpan{offset=1, length=2}`. Which of the two forms it is says the count that is set, not
//! which of the rows are there.

use std::sync::Arc;

use model::{
    BucketLayout, BucketSpan, HISTOGRAM_BUCKETS_MAX, HISTOGRAM_SPANS_MAX, Histogram,
    HistogramError, HistogramSample, ResetHint, SCHEMA_MAX,
};

use super::fields::{FieldError, Fields, Value};

/// Finer schemas than ours are reserved up to here; they are made as coarse as our finest.
const SCHEMA_RESERVED_MAX: i32 = 52;

/// Why a histogram is left out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadHistogram {
    /// Its bytes are no message.
    #[error("no protobuf of a Histogram: {0}")]
    Malformed(#[from] FieldError),
    /// It says what no histogram can say.
    #[error(transparent)]
    Invalid(#[from] HistogramError),
}

/// A number that is sent whole or as a double. The field that comes last counts.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(u64),
    Double(f64),
}

impl Number {
    /// As a whole one; what was sent in the other form is none of this form's, so 0.
    fn whole(self) -> u64 {
        if let Self::Whole(number) = self { number } else { 0 }
    }

    fn double(self) -> f64 {
        if let Self::Double(number) = self { number } else { 0.0 }
    }
}

/// The buckets on one side of 0, as sent.
#[derive(Debug, Default)]
struct Side {
    spans: Vec<BucketSpan>,
    /// The first is a count, each other a difference to the one before.
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// A message as it stands there.
#[derive(Debug)]
struct Sent {
    count: Number,
    zero_count: Number,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    negative: Side,
    positive: Side,
    custom_bounds: Vec<f64>,
    reset_hint: ResetHint,
    t_ms: i64,
    start_ms: i64,
}

/// Reads the message of one histogram. What comes back is valid; it takes no more memory than for the
/// buckets, spans and bounds that a histogram may have.
///
/// # Errors
/// It is none, and why. Offsets count from its first byte.
pub fn read_histogram(message: &[u8]) -> Result<HistogramSample, BadHistogram> {
    let sent = Sent::read(Fields::new(message))?;
    let (t_ms, start_ms) = (sent.t_ms, sent.start_ms);
    let histogram = Arc::new(sent.histogram()?);
    Ok(HistogramSample { t_ms, start_ms, histogram })
}

impl Sent {
    fn empty() -> Self {
        Self {
            count: Number::Whole(0),
            zero_count: Number::Whole(0),
            sum: 0.0,
            schema: 0,
            zero_threshold: 0.0,
            negative: Side::default(),
            positive: Side::default(),
            custom_bounds: Vec::new(),
            reset_hint: ResetHint::Unknown,
            t_ms: 0,
            start_ms: 0,
        }
    }

    fn read(mut fields: Fields<'_>) -> Result<Self, BadHistogram> {
        let mut sent = Self::empty();
        let mut offset = fields.offset();
        while let Some((number, value)) = fields.next()? {
            let is_known = match value {
                Value::Varint(bits) => sent.take_varint(number, bits)?,
                Value::Fixed64(bits) => sent.take_double(number, f64::from_bits(bits))?,
                Value::Bytes(span) => sent.take_bytes(number, fields.within(span))?,
                Value::Fixed32 | Value::Group => false,
            };
            if !is_known && (1..=17).contains(&number) {
                return Err(Fields::wrong_type(offset, number).into());
            }
            offset = fields.offset();
        }
        Ok(sent)
    }

    fn take_varint(&mut self, number: u32, bits: u64) -> Result<bool, BadHistogram> {
        match number {
            1 => self.count = Number::Whole(bits),
            4 => self.schema = unzigzag(bits) as i32,
            6 => self.zero_count = Number::Whole(bits),
            9 => push_bucket(&mut self.negative.deltas, unzigzag(bits))?,
            12 => push_bucket(&mut self.positive.deltas, unzigzag(bits))?,
            14 => self.reset_hint = reset_hint(bits),
            15 => self.t_ms = bits.cast_signed(),
            17 => self.start_ms = bits.cast_signed(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_double(&mut self, number: u32, value: f64) -> Result<bool, BadHistogram> {
        match number {
            2 => self.count = Number::Double(value),
            3 => self.sum = value,
            5 => self.zero_threshold = value,
            7 => self.zero_count = Number::Double(value),
            10 => push_bucket(&mut self.negative.counts, value)?,
            13 => push_bucket(&mut self.positive.counts, value)?,
            16 => push_bound(&mut self.custom_bounds, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A span, or a packed row of numbers.
    fn take_bytes(&mut self, number: u32, mut fields: Fields<'_>) -> Result<bool, BadHistogram> {
        match number {
            8 => push_span(&mut self.negative.spans, fields)?,
            11 => push_span(&mut self.positive.spans, fields)?,
            9 | 12 => {
                while let Some(bits) = fields.packed_varint()? {
                    self.take_varint(number, bits)?;
                }
            }
            10 | 13 | 16 => {
                while let Some(bits) = fields.packed_fixed64()? {
                    self.take_double(number, f64::from_bits(bits))?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn histogram(self) -> Result<Histogram, HistogramError> {
        if self.sum.to_bits() == Histogram::stale_marker().sum.to_bits() {
            return Ok(Histogram::stale_marker());
        }
        let layout = BucketLayout {
            schema: checked_schema(self.schema)?,
            zero_threshold: self.zero_threshold,
            positive_spans: self.positive.spans,
            negative_spans: self.negative.spans,
            custom_bounds: self.custom_bounds,
        };
        let mut histogram = Histogram {
            reset_hint: self.reset_hint,
            layout: Arc::new(layout),
            sum: self.sum,
            ..Histogram::default()
        };
        match self.count {
            Number::Double(count) => {
                histogram.count = count;
                histogram.zero_count = self.zero_count.double();
                histogram.positive = self.positive.counts;
                histogram.negative = self.negative.counts;
                histogram.validate()?;
            }
            Number::Whole(count) => {
                let zero_count = self.zero_count.whole();
                histogram.count = count as f64;
                histogram.zero_count = zero_count as f64;
                let (n_positive, n_negative);
                (histogram.positive, n_positive) = add_up(&self.positive.deltas)?;
                (histogram.negative, n_negative) = add_up(&self.negative.deltas)?;
                histogram.validate()?;
                let in_buckets = u128::from(zero_count) + n_positive + n_negative;
                Histogram::check_whole_counts(self.sum, count, in_buckets)?;
            }
        }
        Ok(as_coarse_as_ours(histogram, self.schema))
    }
}

/// The schema under which buckets are checked: for one that is reserved our finest.
fn checked_schema(schema: i32) -> Result<i8, HistogramError> {
    let schema = match schema {
        reserved @ 0..=SCHEMA_RESERVED_MAX => reserved.min(SCHEMA_MAX.into()),
        schema => schema,
    };
    i8::try_from(schema).map_err(|_| HistogramError::Schema(schema))
}

/// Buckets of a reserved schema are those of our finest, some of them together.
fn as_coarse_as_ours(mut histogram: Histogram, schema: i32) -> Histogram {
    match i8::try_from(schema) {
        Ok(schema) if schema > SCHEMA_MAX => {
            Arc::make_mut(&mut histogram.layout).schema = schema;
            histogram.coarser(SCHEMA_MAX)
        }
        _ => histogram,
    }
}

/// What a sender knows of the histogram before is about the one that it sent, which may have been
/// lost on the way. So only what holds whatever came before is taken from it.
fn reset_hint(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

/// The count of each bucket, and of all together.
fn add_up(deltas: &[i64]) -> Result<(Vec<f64>, u128), HistogramError> {
    let mut counts = Vec::with_capacity(deltas.len());
    let (mut count, mut total) = (0_i128, 0_u128);
    for delta in deltas {
        count += i128::from(*delta);
        counts.push(count as f64);
        total += u128::try_from(count).map_err(|_| HistogramError::NegativeBucket {
            n_bucket: counts.len(),
            count: count as f64,
        })?;
    }
    Ok((counts, total))
}

fn push_bucket<T>(buckets: &mut Vec<T>, bucket: T) -> Result<(), HistogramError> {
    if buckets.len() == HISTOGRAM_BUCKETS_MAX {
        return Err(HistogramError::TooManyBuckets);
    }
    buckets.push(bucket);
    Ok(())
}

fn push_bound(bounds: &mut Vec<f64>, bound: f64) -> Result<(), HistogramError> {
    if bounds.len() == HISTOGRAM_BUCKETS_MAX {
        return Err(HistogramError::TooManyBounds);
    }
    bounds.push(bound);
    Ok(())
}

fn push_span(spans: &mut Vec<BucketSpan>, mut fields: Fields<'_>) -> Result<(), BadHistogram> {
    if spans.len() == HISTOGRAM_SPANS_MAX {
        return Err(HistogramError::TooManySpans.into());
    }
    let mut span = BucketSpan::default();
    let mut begin = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Varint(bits)) => span.offset = unzigzag(bits) as i32,
            (2, Value::Varint(bits)) => span.length = bits as u32,
            (1 | 2, _) => return Err(Fields::wrong_type(begin, number).into()),
            _ => {}
        }
        begin = fields.offset();
    }
    spans.push(span);
    Ok(())
}

fn unzigzag(bits: u64) -> i64 {
    (bits >> 1) as i64 ^ -((bits & 1) as i64)
}

#[cfg(test)]
mod tests;
