//! Native: the exponential buckets of a pushed histogram.
//!
//! `Histogram{sample_count=1, sample_sum=2, bucket=3, sample_count_float=4, schema=5, zero_threshold=6,
//! zero_count=7, zero_count_float=8, negative_span=9, negative_delta=10, negative_count=11,
//! positive_span=12, positive_delta=13, positive_count=14}`: the parts of a histogram of remote
//! write under other numbers. So a message is written again under those, and read as one of them.

use std::sync::Arc;

use model::{Histogram, ResetHint};

use super::page::ordinary;
use crate::remote_read::message::{put_bytes, put_double, put_varint};
use crate::remote_write::fields::{FieldError, Fields, Value};
use crate::remote_write::{BadHistogram, read_histogram};

/// The count of a histogram that is sent in doubles, in remote write.
const COUNT_FLOAT: u32 = 2;

/// The native buckets of a message, if it has any; one that holds nothing yet has an empty span.
///
/// # Errors
/// It has some that no histogram can have.
pub(super) fn read_native(message: &[u8]) -> Result<Option<Histogram>, BadHistogram> {
    let Some(renumbered) = renumbered(Fields::new(message))? else { return Ok(None) };
    let sample = read_histogram(&renumbered)?;
    Ok(Some(Arc::unwrap_or_clone(sample.histogram)))
}

/// The same as one of those whose counts may fall.
pub(super) fn as_gauge(histogram: Histogram) -> Histogram {
    Histogram { reset_hint: ResetHint::Gauge, ..histogram }
}

/// The message with the numbers of remote write; `None` if nothing in it is native.
fn renumbered(mut fields: Fields<'_>) -> Result<Option<Vec<u8>>, FieldError> {
    let mut out = Vec::new();
    let (mut is_native, mut has_doubles, mut has_count) = (false, false, false);
    while let Some((number, value)) = fields.next()? {
        let Some(ours) = number_of(number) else { continue };
        let key = u64::from(ours);
        match value {
            Value::Varint(bits) => {
                is_native |= number == 7 && bits != 0;
                put_varint(&mut out, key << 3);
                put_varint(&mut out, bits);
            }
            // Some libraries set the doubles of one in whole numbers to 0.
            Value::Fixed64(0) if matches!(number, 4 | 8) => {}
            Value::Fixed64(bits) => {
                is_native |= matches!(number, 6 | 8) && bits != 0;
                has_count |= number == 4;
                has_doubles |= matches!(number, 8 | 11 | 14);
                put_double(&mut out, key, ordinary(f64::from_bits(bits)));
            }
            Value::Bytes(span) => {
                is_native |= matches!(number, 9 | 12);
                has_doubles |= matches!(number, 11 | 14) && span.start < span.end;
                put_bytes(&mut out, key, fields.bytes(span));
            }
            Value::Fixed32 | Value::Group => {}
        }
    }
    if has_doubles && !has_count {
        put_double(&mut out, COUNT_FLOAT.into(), 0.0);
    }
    Ok(is_native.then_some(out))
}

/// The number of a part in remote write. Classic buckets, exemplars and the like have none.
fn number_of(number: u32) -> Option<u32> {
    match number {
        1 => Some(1),
        2 => Some(3),
        4 => Some(COUNT_FLOAT),
        5..=14 => Some(number - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use model::{BucketSpan, Histogram};
    use proptest::prelude::*;

    use super::{as_gauge, read_native};
    use crate::remote_read::message::{put_bytes, put_double, put_varint};

    /// The parts of a message by their numbers, as a library writes them.
    #[derive(Default)]
    struct Message(Vec<u8>);

    impl Message {
        fn whole(mut self, number: u64, value: u64) -> Self {
            put_varint(&mut self.0, number << 3);
            put_varint(&mut self.0, value);
            self
        }

        fn signed(self, number: u64, value: i64) -> Self {
            self.whole(number, ((value << 1) ^ (value >> 63)).cast_unsigned())
        }

        fn double(mut self, number: u64, value: f64) -> Self {
            put_double(&mut self.0, number, value);
            self
        }

        fn span(mut self, number: u64, offset: i64, length: u64) -> Self {
            let span = Self::default().signed(1, offset).whole(2, length);
            put_bytes(&mut self.0, number, &span.0);
            self
        }

        fn read(&self) -> Option<Histogram> {
            read_native(&self.0).unwrap()
        }
    }

    #[test]
    fn buckets_in_whole_numbers_are_differences() {
        let sent = Message::default().whole(1, 9).double(2, 7.5).signed(5, 3).double(6, 0.01);
        let sent = sent.whole(7, 1).span(9, -2, 1).signed(10, 2);
        let sent = sent.span(12, 4, 2).span(12, 3, 1).signed(13, 1).signed(13, 2).signed(13, -1);
        let found = sent.read().unwrap();
        assert_eq!((found.count, found.sum, found.zero_count), (9.0, 7.5, 1.0));
        assert_eq!((found.layout.schema, found.layout.zero_threshold), (3, 0.01));
        assert_eq!((&found.positive[..], &found.negative[..]), (&[1.0, 3.0, 2.0][..], &[2.0][..]));
        let span = |offset, length| BucketSpan { offset, length };
        assert_eq!(found.layout.positive_spans, [span(4, 2), span(3, 1)]);
        assert_eq!(found.layout.negative_spans, [span(-2, 1)]);
        assert_eq!(as_gauge(found).reset_hint, model::ResetHint::Gauge);
    }

    #[test]
    fn buckets_in_doubles_are_counts() {
        let sent = Message::default().double(4, 4.5).double(2, 1.0).double(8, 0.5);
        let sent = sent.span(12, 0, 2).double(14, 1.5).double(14, 2.5);
        let found = sent.read().unwrap();
        assert_eq!((found.count, found.zero_count), (4.5, 0.5));
        assert_eq!(found.positive, [1.5, 2.5]);
        // None of the counts is above 0, so the whole count says nothing of the form.
        let sent = Message::default().span(12, 0, 1).double(14, 0.0);
        assert_eq!(sent.read().unwrap().positive, [0.0]);
    }

    /// A double of 0 beside whole numbers is one that nobody set.
    #[test]
    fn doubles_of_zero_do_not_hide_whole_numbers() {
        let sent = Message::default().whole(1, 3).whole(7, 2).span(12, 0, 1).signed(13, 1);
        let sent = sent.double(4, 0.0).double(8, 0.0);
        let found = sent.read().unwrap();
        assert_eq!((found.count, found.zero_count, &found.positive[..]), (3.0, 2.0, &[1.0][..]));
    }

    #[test]
    fn native_is_what_has_a_span_or_a_zero_bucket() {
        let classic = || Message::default().whole(1, 3).double(2, 1.0).signed(5, 3);
        assert!(classic().read().is_none());
        assert!(classic().double(6, 0.0).whole(7, 0).read().is_none());
        assert!(Message::default().span(12, 0, 0).read().is_some(), "nothing observed yet");
        assert!(Message::default().double(6, 1e-128).read().is_some());
    }

    /// Its sum has no power to end a series.
    #[test]
    fn a_sum_is_never_a_stale_marker() {
        let stale = f64::from_bits(model::STALE_MARKER_BITS);
        let found = Message::default().span(12, 0, 0).double(2, stale).read().unwrap();
        assert!(found.sum.is_nan() && !found.is_stale_marker());
    }

    #[test]
    fn buckets_that_no_histogram_can_have_are_told() {
        for (sent, told) in [
            (Message::default().whole(1, 1).span(12, 0, 2).signed(13, 1), "span"),
            (Message::default().whole(1, 1).span(12, 0, 1).signed(13, 5), "count"),
            (Message::default().signed(5, 99).span(12, 0, 0), "schema"),
        ] {
            let error = read_native(&sent.0).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_a_histogram_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let _ = read_native(&bytes);
        }
    }
}
