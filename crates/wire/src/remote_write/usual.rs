//! Usual: the form in which every sender writes a series, told by a few bytes of it.
//!
//! Labels come first, then samples, value before time; a value of zero is left out, as a protobuf
//! encoder may. Whatever differs is read field by field, which gives the same at a fifth of the
//! speed.

use model::Sample;

/// Field 1, length-delimited: a series in a message, a label in a series.
const TAG_1: u8 = 0x0a;
/// Field 2, length-delimited: a sample in a series.
const TAG_2: u8 = 0x12;
/// Field 1, eight bytes: the value of a sample.
const VALUE_TAG: u8 = 0x09;
/// Field 2, a number: the time of a sample.
const TIME_TAG: u8 = 0x10;
/// Field 3, a number: since when a sample of version 2 counts.
const START_TAG: u8 = 0x18;
/// Bytes of a time from September 2004 to June 2109, in milliseconds.
const TIME_BYTES: u8 = 6;
const SAMPLE_BYTES: u8 = 1 + 8 + 1 + TIME_BYTES;
const STARTED_SAMPLE_BYTES: u8 = SAMPLE_BYTES + 1 + TIME_BYTES;
const ZERO_SAMPLE_BYTES: u8 = 1 + TIME_BYTES;

/// Where the field that `message` has at `at` begins and ends behind its tag and length, if it is a
/// series.
#[inline]
pub(super) fn series(message: &[u8], at: usize) -> Option<(usize, usize)> {
    let (start, n_bytes) = match *message.get(at..)? {
        [TAG_1, n, ..] if n < 0x80 => (at + 2, usize::from(n)),
        [TAG_1, low, high, ..] if high < 0x80 => (at + 3, two_bytes(low, high)),
        _ => return None,
    };
    let end = start + n_bytes;
    (end <= message.len()).then_some((start, end))
}

/// How many bytes the label fields take with which a series begins. More than it has if the last of
/// them is cut off.
#[inline]
pub(super) fn label_bytes(series: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&[TAG_1, low]) = series.get(at..at + 2) {
        at += 2 + usize::from(low);
        if low >= 0x80 {
            let start = at - usize::from(low);
            match series.get(start) {
                Some(&high) if high < 0x80 => at = start + 1 + two_bytes(low, high),
                _ => return start - 2,
            }
        }
    }
    at
}

/// The sample with which these fields begin, and how many bytes it takes.
#[inline]
pub(super) fn sample(fields: &[u8]) -> Option<(Sample, usize)> {
    if let Some(bytes) = fields.first_chunk::<{ 2 + SAMPLE_BYTES as usize }>()
        && bytes[..3] == [TAG_2, SAMPLE_BYTES, VALUE_TAG]
        && bytes[11] == TIME_TAG
    {
        let bits = bytes[3..].first_chunk().map(|bits| u64::from_le_bytes(*bits))?;
        let time = bytes.last_chunk().map(|time| u64::from_le_bytes(*time))?;
        return Some((Sample::new(time_ms(time)?, f64::from_bits(bits)), bytes.len()));
    }
    let bytes = fields.first_chunk::<{ 2 + ZERO_SAMPLE_BYTES as usize }>()?;
    if bytes[..3] != [TAG_2, ZERO_SAMPLE_BYTES, TIME_TAG] {
        return None;
    }
    let time = bytes.last_chunk().map(|time| u64::from_le_bytes(*time))?;
    Some((Sample::new(time_ms(time)?, 0.0), bytes.len()))
}

/// The same for version 2, whose samples may say since when they count.
#[inline]
pub(super) fn started_sample(fields: &[u8]) -> Option<(Sample, usize)> {
    let bytes = fields.first_chunk::<{ 2 + STARTED_SAMPLE_BYTES as usize }>();
    let Some(bytes) = bytes.filter(|bytes| bytes[1] == STARTED_SAMPLE_BYTES) else {
        return sample(fields);
    };
    let is_usual = bytes[0] == TAG_2
        && bytes[2] == VALUE_TAG
        && bytes[11] == TIME_TAG
        && bytes[18] == START_TAG;
    if !is_usual {
        return None;
    }
    let eight = |end: usize| bytes[..end].last_chunk().map(|time| u64::from_le_bytes(*time));
    let bits = bytes[3..].first_chunk().map(|bits| u64::from_le_bytes(*bits))?;
    let (t_ms, start_ms) = (time_ms(eight(18)?)?, time_ms(eight(25)?)?);
    Some((Sample { t_ms, value: f64::from_bits(bits), start_ms }, bytes.len()))
}

/// The varint in the last six of eight bytes; `None` if it has more or fewer.
#[inline]
fn time_ms(eight: u64) -> Option<i64> {
    const MORE: u64 = 0x0080_8080_8080;
    let bytes = eight >> 16;
    if bytes & (MORE | 0x8000_0000_0000) != MORE {
        return None;
    }
    // Seven bits of each byte are put together, then of each two, then of all.
    let pairs = bytes & 0x007f_007f_007f | (bytes & 0x7f00_7f00_7f00) >> 1;
    let fours = pairs & 0x3fff | (pairs & 0x3fff_0000) >> 2 | (pairs & 0x3fff_0000_0000) >> 4;
    Some(fours.cast_signed())
}

/// A varint of two bytes.
#[inline]
fn two_bytes(low: u8, high: u8) -> usize {
    usize::from(low & 0x7f) | usize::from(high) << 7
}

/// What is not recognised is read all the same, so these tests alone see that it is.
#[cfg(test)]
mod tests {
    use model::Sample;

    use super::super::encoder;

    #[test]
    fn labels_of_usual_length_are_usual() {
        for n_bytes in [0, 1, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 300, 16_000] {
            let value = "x".repeat(n_bytes);
            let labels = encoder::series(&[("a", &value), ("b", "after")], &[]);
            let cut = labels.len() - 1;
            let series = [&labels[..], b"\x12\x00"].concat();
            assert_eq!(super::label_bytes(&series), labels.len(), "{n_bytes}");
            assert_eq!(super::label_bytes(&series[..cut]), labels.len(), "more than there is");
        }
        let endless = [0x0a, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(super::label_bytes(&endless), 0);
        assert_eq!(super::label_bytes(&endless[..2]), 0);
        assert_eq!(super::label_bytes(b"\x0a"), 0);
    }

    #[test]
    fn series_of_usual_length_are_usual() {
        for n_bytes in [0, 1, 127, 128, 16_383] {
            let message = [b"head".to_vec(), encoder::message([vec![0; n_bytes]])].concat();
            let start = message.len() - n_bytes;
            assert_eq!(super::series(&message, 4), Some((start, message.len())), "{n_bytes}");
            let cut = &message[..message.len() - 1];
            assert_eq!(super::series(cut, 4), None, "cut off after {n_bytes}");
        }
        assert_eq!(super::series(&encoder::message([vec![0; 16_384]]), 0), None);
        assert_eq!(super::series(b"\x12\x00", 0), None);
    }

    #[test]
    fn samples_of_today_are_usual_zero_or_not() {
        let encoded = |sample: Sample| encoder::series(&[], &[sample]);
        for t_ms in [1 << 35, 1_760_000_000_000, (1 << 42) - 1] {
            let given = Sample::new(t_ms, -2.5);
            let (read, n_bytes) = super::sample(&encoded(given)).unwrap();
            assert!(read.same_bits(&given) && n_bytes == 18, "{read:?}");
            let mut time = Vec::new();
            encoder::number(&mut time, 2, t_ms.cast_unsigned());
            let mut zero = Vec::new();
            encoder::bytes(&mut zero, 2, &time);
            let (read, n_bytes) = super::sample(&zero).unwrap();
            assert!(read.same_bits(&Sample::new(t_ms, 0.0)) && n_bytes == 9, "{read:?}");
        }
        for t_ms in [-1, 0, (1 << 35) - 1, 1 << 42] {
            assert!(super::sample(&encoded(Sample::new(t_ms, 1.0))).is_none(), "{t_ms}");
        }
        // A time that ends before its sample does.
        let mut early = encoded(Sample::new(1 << 35, 1.0));
        early[14] &= 0x7f;
        assert!(super::sample(&early).is_none());
        // And one that does not end with it.
        let mut late = encoded(Sample::new(1 << 35, 1.0));
        late[17] |= 0x80;
        assert!(super::sample(&late).is_none());
    }

    #[test]
    fn samples_of_version_2_are_usual_with_a_start_or_without() {
        let (t_ms, start_ms) = (1_760_000_000_000, 1_759_999_999_999);
        let given = Sample { t_ms, value: -2.5, start_ms };
        let mut fields = encoder::sample(given);
        encoder::number(&mut fields, 3, start_ms.cast_unsigned());
        let mut series = Vec::new();
        encoder::bytes(&mut series, 2, &fields);
        let (read, n_bytes) = super::started_sample(&series).unwrap();
        assert!(read.same_bits(&given) && n_bytes == series.len(), "{read:?}");
        let bare = encoder::series(&[], &[Sample::new(t_ms, 1.0)]);
        assert_eq!(super::started_sample(&bare).unwrap().1, bare.len());
        for at in [0, 2, 11, 18, 24] {
            let mut other = series.clone();
            other[at] ^= 0x80;
            assert!(super::started_sample(&other).is_none(), "{at}");
        }
    }
}
