//! Layout: where the buckets of a histogram lie, in about ten bytes.

use model::{BucketLayout, BucketSpan, HISTOGRAM_BUCKETS_MAX, HISTOGRAM_SPANS_MAX};

use super::super::cursor::{Cursor, put_signed, put_varint};
use super::super::values::{self, Hint};
use super::super::{CodecError, Flaw};
use super::{put_column, take_part};

/// Appends the bytes of a valid layout.
pub(crate) fn encode_layout(layout: &BucketLayout, out: &mut Vec<u8>) {
    out.push(layout.schema.cast_unsigned());
    let zero_threshold = [layout.zero_threshold.to_bits()];
    put_column(&zero_threshold, &mut Hint::default(), out);
    put_spans(&layout.positive_spans, out);
    put_spans(&layout.negative_spans, out);
    put_varint(out, layout.custom_bounds.len() as u64);
    if !layout.custom_bounds.is_empty() {
        let bounds: Vec<u64> = layout.custom_bounds.iter().map(|bound| bound.to_bits()).collect();
        put_column(&bounds, &mut Hint::default(), out);
    }
}

/// What [`encode_layout`] wrote, if it is valid. All of the bytes must be the layout's.
pub(crate) fn decode_layout(bytes: &[u8]) -> Option<BucketLayout> {
    let mut cursor = Cursor::new(bytes);
    let layout = take_layout(&mut cursor).ok()?;
    cursor.finish().ok()?;
    Some(layout)
}

/// Takes a layout, which is valid.
pub(super) fn take_layout(cursor: &mut Cursor<'_>) -> Result<BucketLayout, CodecError> {
    let wrong = cursor.error(Flaw::Layout);
    let schema = cursor.byte()?.cast_signed();
    let zero_threshold = take_column(cursor, 1)?;
    let positive_spans = take_spans(cursor)?;
    let negative_spans = take_spans(cursor)?;
    let n_bounds = take_number(cursor, HISTOGRAM_BUCKETS_MAX)?;
    let custom_bounds = if n_bounds == 0 { Vec::new() } else { take_column(cursor, n_bounds)? };
    let zero_threshold = zero_threshold.first().copied().unwrap_or_default();
    let layout =
        BucketLayout { schema, zero_threshold, positive_spans, negative_spans, custom_bounds };
    layout.validate().map_err(|_| wrong)?;
    Ok(layout)
}

fn put_spans(spans: &[BucketSpan], out: &mut Vec<u8>) {
    put_varint(out, spans.len() as u64);
    for span in spans {
        put_signed(out, span.offset.into());
        put_varint(out, span.length.into());
    }
}

fn take_spans(cursor: &mut Cursor<'_>) -> Result<Vec<BucketSpan>, CodecError> {
    let n_spans = take_number(cursor, HISTOGRAM_SPANS_MAX)?;
    let mut spans = Vec::new();
    for _ in 0..n_spans {
        let wrong = cursor.error(Flaw::Layout);
        let offset = i32::try_from(cursor.signed()?).map_err(|_| wrong)?;
        let length = u32::try_from(cursor.varint()?).map_err(|_| wrong)?;
        spans.push(BucketSpan { offset, length });
    }
    Ok(spans)
}

/// A number that bounds what is taken next.
fn take_number(cursor: &mut Cursor<'_>, max: usize) -> Result<usize, CodecError> {
    let wrong = cursor.error(Flaw::Layout);
    let number = usize::try_from(cursor.varint()?).map_err(|_| wrong)?;
    if number > max { Err(wrong) } else { Ok(number) }
}

fn take_column(cursor: &mut Cursor<'_>, n: usize) -> Result<Vec<f64>, CodecError> {
    let mut column = Vec::new();
    values::decode(take_part(cursor)?.rest(), n, &mut column)?;
    Ok(column.into_iter().map(f64::from_bits).collect())
}
