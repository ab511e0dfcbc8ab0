//! Points: the fields of one point of each kind, read in place.
//!
//! What every point has goes into a [`Scratch`] that the next point uses again.

use model::HISTOGRAM_BUCKETS_MAX;

use super::attributes::Attributes;
use super::native::{Explicit, Exponential, Side};
use super::{MessageError, POINT_EXEMPLARS_MAX};
use crate::remote_write::fields::{Fields, Span, Value};

/// Counts, bounds and quantiles that are kept of one point, as sent; one more says that there are
/// too many. Fine scales become fewer buckets afterwards.
pub(super) const COUNTS_MAX: usize = 8 * HISTOGRAM_BUCKETS_MAX;

/// The flag that a point says only that there is no value now.
const NO_RECORDED_VALUE: u64 = 1;

/// When, and whether at all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    /// Since when the point counts, Unix nanoseconds; 0 if that was not sent.
    pub(super) start_ns: u64,
    /// Unix nanoseconds; 0 if that was not sent.
    pub(super) time_ns: u64,
    flags: u64,
}

impl Head {
    /// When, Unix milliseconds.
    pub(super) fn t_ms(self) -> i64 {
        ms(self.time_ns)
    }

    /// Since when, Unix milliseconds; 0 if that is not known. A start at the time of the point
    /// itself is how senders say that they do not know it.
    pub(super) fn start_ms(self) -> i64 {
        if self.start_ns < self.time_ns { ms(self.start_ns) } else { 0 }
    }

    /// Whether the series ends here.
    pub(super) fn is_stale(self) -> bool {
        self.flags & NO_RECORDED_VALUE != 0
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(time_ns: u64) -> i64 {
    (time_ns / 1_000_000).cast_signed()
}

/// What every point has besides its values.
#[derive(Debug, Default)]
pub(super) struct Scratch<'m> {
    pub(super) attributes: Attributes<'m>,
    pub(super) exemplars: Vec<Fields<'m>>,
}

impl<'m> Scratch<'m> {
    fn clear(&mut self) {
        self.attributes.clear();
        self.exemplars.clear();
    }

    fn push_exemplar(&mut self, fields: &Fields<'m>, span: Span) {
        if self.exemplars.len() < POINT_EXEMPLARS_MAX {
            self.exemplars.push(fields.within(span));
        }
    }
}

/// The point of a gauge or a sum: `NumberDataPoint{start=2, time=3, as_double=4, exemplars=5,
/// as_int=6, attributes=7, flags=8}`.
pub(super) fn read_number<'m>(
    mut fields: Fields<'m>,
    scratch: &mut Scratch<'m>,
) -> Result<(Head, Option<f64>), MessageError> {
    scratch.clear();
    let (mut head, mut number_value) = (Head::default(), None);
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (2, Value::Fixed64(time)) => head.start_ns = time,
            (3, Value::Fixed64(time)) => head.time_ns = time,
            (4, Value::Fixed64(bits)) => number_value = Some(f64::from_bits(bits)),
            (6, Value::Fixed64(bits)) => number_value = Some(bits.cast_signed() as f64),
            (5, Value::Bytes(span)) => scratch.push_exemplar(&fields, span),
            (7, Value::Bytes(span)) => scratch.attributes.push(&fields, span)?,
            (8, Value::Varint(flags)) => head.flags = flags,
            (2..=8, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok((head, number_value))
}

/// The point of a histogram with bounds: `HistogramDataPoint{start=2, time=3, count=4, sum=5,
/// bucket_counts=6, explicit_bounds=7, exemplars=8, attributes=9, flags=10}`.
pub(super) fn read_explicit<'m>(
    mut fields: Fields<'m>,
    scratch: &mut Scratch<'m>,
) -> Result<(Head, Explicit), MessageError> {
    scratch.clear();
    let (mut head, mut point) = (Head::default(), Explicit::default());
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (2, Value::Fixed64(time)) => head.start_ns = time,
            (3, Value::Fixed64(time)) => head.time_ns = time,
            (4, Value::Fixed64(count)) => point.count = count,
            (5, Value::Fixed64(bits)) => point.sum = Some(f64::from_bits(bits)),
            (6, Value::Fixed64(count)) => push(&mut point.counts, count),
            (7, Value::Fixed64(bits)) => push(&mut point.bounds, f64::from_bits(bits)),
            (6, Value::Bytes(span)) => {
                let mut row = fields.within(span);
                while let Some(count) = row.packed_fixed64()? {
                    push(&mut point.counts, count);
                }
            }
            (7, Value::Bytes(span)) => {
                let mut row = fields.within(span);
                while let Some(bits) = row.packed_fixed64()? {
                    push(&mut point.bounds, f64::from_bits(bits));
                }
            }
            (8, Value::Bytes(span)) => scratch.push_exemplar(&fields, span),
            (9, Value::Bytes(span)) => scratch.attributes.push(&fields, span)?,
            (10, Value::Varint(flags)) => head.flags = flags,
            (2..=10, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok((head, point))
}

/// The point of an exponential histogram: `ExponentialHistogramDataPoint{attributes=1, start=2,
/// time=3, count=4, sum=5, scale=6, zero_count=7, positive=8, negative=9, flags=10, exemplars=11,
/// zero_threshold=14}`.
pub(super) fn read_exponential<'m>(
    mut fields: Fields<'m>,
    scratch: &mut Scratch<'m>,
) -> Result<(Head, Exponential), MessageError> {
    scratch.clear();
    let (mut head, mut point) = (Head::default(), Exponential::default());
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(span)) => scratch.attributes.push(&fields, span)?,
            (2, Value::Fixed64(time)) => head.start_ns = time,
            (3, Value::Fixed64(time)) => head.time_ns = time,
            (4, Value::Fixed64(count)) => point.count = count,
            (5, Value::Fixed64(bits)) => point.sum = Some(f64::from_bits(bits)),
            (6, Value::Varint(bits)) => point.scale = unzigzag(bits),
            (7, Value::Fixed64(count)) => point.zero_count = count,
            (8, Value::Bytes(span)) => read_side(fields.within(span), &mut point.positive)?,
            (9, Value::Bytes(span)) => read_side(fields.within(span), &mut point.negative)?,
            (10, Value::Varint(flags)) => head.flags = flags,
            (11, Value::Bytes(span)) => scratch.push_exemplar(&fields, span),
            (14, Value::Fixed64(bits)) => point.zero_threshold = f64::from_bits(bits),
            (1..=11 | 14, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok((head, point))
}

/// `Buckets{offset=1, bucket_counts=2}`.
fn read_side(mut fields: Fields<'_>, side: &mut Side) -> Result<(), MessageError> {
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Varint(bits)) => side.offset = unzigzag(bits),
            (2, Value::Varint(count)) => push(&mut side.counts, count),
            (2, Value::Bytes(span)) => {
                let mut row = fields.within(span);
                while let Some(count) = row.packed_varint()? {
                    push(&mut side.counts, count);
                }
            }
            (1 | 2, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(())
}

/// The point of a summary, as sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    pub(super) count: u64,
    pub(super) sum: f64,
    /// Quantile and value.
    pub(super) quantiles: Vec<(f64, f64)>,
}

/// `SummaryDataPoint{start=2, time=3, count=4, sum=5, quantiles=6, attributes=7, flags=8}`.
pub(super) fn read_summary<'m>(
    mut fields: Fields<'m>,
    scratch: &mut Scratch<'m>,
) -> Result<(Head, Summary), MessageError> {
    scratch.clear();
    let (mut head, mut point) = (Head::default(), Summary::default());
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (2, Value::Fixed64(time)) => head.start_ns = time,
            (3, Value::Fixed64(time)) => head.time_ns = time,
            (4, Value::Fixed64(count)) => point.count = count,
            (5, Value::Fixed64(bits)) => point.sum = f64::from_bits(bits),
            (6, Value::Bytes(span)) => {
                push(&mut point.quantiles, read_quantile(fields.within(span))?);
            }
            (7, Value::Bytes(span)) => scratch.attributes.push(&fields, span)?,
            (8, Value::Varint(flags)) => head.flags = flags,
            (2..=8, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok((head, point))
}

/// `ValueAtQuantile{quantile=1, value=2}`.
fn read_quantile(mut fields: Fields<'_>) -> Result<(f64, f64), MessageError> {
    let mut pair = (0.0, 0.0);
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Fixed64(bits)) => pair.0 = f64::from_bits(bits),
            (2, Value::Fixed64(bits)) => pair.1 = f64::from_bits(bits),
            (1 | 2, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(pair)
}

/// Keeps an item, but none beyond the one that says that there are too many.
fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() <= COUNTS_MAX {
        items.push(item);
    }
}

fn unzigzag(bits: u64) -> i32 {
    // A `sint32` that was sent with more bits is cut, as protobuf does it.
    let bits = bits as u32;
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}
