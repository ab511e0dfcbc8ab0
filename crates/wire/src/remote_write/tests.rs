use expect_test::{Expect, expect};
use model::{STALE_MARKER_BITS, Sample};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::encoder::{bytes, compress, double, label, message, number, sample, series, varint};
use super::{
    BlockError, Counts, Decoder, LABELS_MAX, SAMPLES_MAX, SeriesErrorKind, decompress,
    decompressed_len,
};

const MIB: usize = 1 << 20;

/// What a message says, one line per series.
fn told(message: &[u8]) -> String {
    let mut decoder = match Decoder::new(message) {
        Ok(decoder) => decoder,
        Err(error) => return error.to_string(),
    };
    let mut lines = Vec::new();
    while let Some(next) = decoder.next() {
        lines.push(match next {
            Err(error) => error.to_string(),
            Ok(series) => {
                let labels = series.labels.iter().map(|(name, value)| format!("{name}={value:?} "));
                let samples = series
                    .samples
                    .iter()
                    .map(|sample| format!(" {}@{}", sample.value, sample.t_ms));
                labels.chain(["|".to_owned()]).chain(samples).collect()
            }
        });
    }
    lines.join("\n")
}

fn check(message: &[u8], expected: &Expect) {
    expected.assert_eq(&told(message));
}

/// A message with one series: these bytes.
fn one(series: &[u8]) -> Vec<u8> {
    message([series])
}

fn counts(message: &[u8]) -> Counts {
    let mut decoder = Decoder::new(message).unwrap();
    while let Some(series) = decoder.next() {
        series.unwrap();
    }
    decoder.counts()
}

/// Fields written by a function.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// `up{job="a"} 1` at 1000 ms, byte by byte from the format's own pages.
#[rustfmt::skip]
const GOLDEN: &[u8] = &[
    0x0a, 0x28, // timeseries: 40 bytes
        0x0a, 0x0e, // label: 14 bytes
            0x0a, 0x08, b'_', b'_', b'n', b'a', b'm', b'e', b'_', b'_',
            0x12, 0x02, b'u', b'p',
        0x0a, 0x08, // label: 8 bytes
            0x0a, 0x03, b'j', b'o', b'b',
            0x12, 0x01, b'a',
        0x12, 0x0c, // sample: 12 bytes
            0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // 1.0
            0x10, 0xe8, 0x07, // 1000
];

#[test]
fn golden_bytes_are_read() {
    check(GOLDEN, &expect![[r#"__name__="up" job="a" | 1@1000"#]]);
    // A block of one literal: the length, then a tag that says 42 bytes follow.
    let block = [&[42, (42 - 1) << 2][..], GOLDEN].concat();
    assert_eq!(decompress(&block, MIB).unwrap(), GOLDEN);
    let twin = series(&[("__name__", "up"), ("job", "a")], &[Sample::new(1000, 1.0)]);
    assert_eq!(one(&twin), GOLDEN, "the tests' encoder writes the same");
}

#[test]
fn nothing_is_a_message() {
    assert_eq!(Decoder::new(b"").unwrap().n_series(), 0);
    check(b"", &expect![""]);
    check(&one(b""), &expect!["|"]);
    assert_eq!(decompress(&compress(b""), MIB).unwrap(), b"");
}

#[test]
fn values_keep_their_bits_and_times_their_sign() {
    let bits = [STALE_MARKER_BITS, 0x7ff8_0000_0000_0001, 1 << 63, 1, f64::MAX.to_bits()];
    let times = [0, 1, 127, 128, -1, i64::MIN, i64::MAX, 1_760_000_000_000, 1 << 55, 1 << 62];
    let all = bits.iter().flat_map(|bits| times.map(|t| Sample::new(t, f64::from_bits(*bits))));
    let all: Vec<Sample> = all.collect();
    let message = one(&series(&[("a", "b")], &all));
    let mut decoder = Decoder::new(&message).unwrap();
    let read = decoder.next().unwrap().unwrap().samples;
    assert_eq!(read.len(), all.len());
    assert!(read.iter().zip(&all).all(|(a, b)| a.same_bits(b)), "{read:?}");
}

#[test]
fn what_is_left_out_is_its_default() {
    check(
        &one(&written(|out| {
            bytes(out, 1, &label(b"a", b"b"));
            bytes(out, 2, b"");
            bytes(out, 2, &written(|out| number(out, 2, 7)));
            bytes(out, 2, &written(|out| double(out, 1, 2.5)));
        })),
        &expect![[r#"a="b" | 0@0 0@7 2.5@0"#]],
    );
}

#[test]
fn order_and_repetition_of_fields_do_not_matter() {
    let turned = written(|out| {
        bytes(out, 2, b"second");
        bytes(out, 1, b"never");
        bytes(out, 1, b"b");
        bytes(out, 2, b"last");
    });
    let late = written(|out| {
        number(out, 2, 1);
        number(out, 2, 5);
        double(out, 1, 9.0);
        double(out, 1, 3.0);
    });
    check(
        &one(&written(|out| {
            bytes(out, 2, &sample(Sample::new(1, 1.0)));
            bytes(out, 1, &label(b"a", b"1"));
            bytes(out, 2, &late);
            bytes(out, 1, &turned);
            bytes(out, 1, &label(b"c", b"3"));
        })),
        &expect![[r#"a="1" b="last" c="3" | 1@1 3@5"#]],
    );
}

#[test]
fn unknown_fields_are_skipped_wherever_they_are() {
    let unknown = |out: &mut Vec<u8>| {
        number(out, 9, u64::MAX);
        double(out, 10, 1.0);
        bytes(out, 1 << 28, b"\x0a\xff");
        varint(out, 12 << 3 | 5);
        out.extend([0; 4]);
        // A group in a group.
        for tag in [13 << 3 | 3, 14 << 3 | 3] {
            varint(out, tag);
        }
        number(out, 1, 300);
        bytes(out, 2, b"text");
        for tag in [14 << 3 | 4, 13 << 3 | 4] {
            varint(out, tag);
        }
    };
    let with = |mut fields: Vec<u8>| {
        unknown(&mut fields);
        [written(unknown), fields].concat()
    };
    let series = written(|out| {
        bytes(out, 1, &with(label(b"a", b"b")));
        bytes(out, 2, &with(sample(Sample::new(5, 6.0))));
    });
    check(&with(one(&with(series))), &expect![[r#"a="b" | 6@5"#]]);
}

#[test]
fn labels_in_another_order_are_sorted() {
    let given = [("b", "2"), ("__name__", "n"), ("c", "3"), ("a", "1")];
    check(&one(&series(&given, &[])), &expect![[r#"__name__="n" a="1" b="2" c="3" |"#]]);
}

#[test]
fn an_empty_value_is_an_absent_label() {
    let given = [("a", ""), ("b", "2"), ("a", "1"), ("c", "")];
    check(&one(&series(&given, &[])), &expect![[r#"a="1" b="2" |"#]]);
}

#[test]
fn a_bad_series_is_named_and_the_others_are_read() {
    let good = |name: &str| series(&[("__name__", name)], &[Sample::new(1, 1.0)]);
    let labels = |all: &[(&[u8], &[u8])]| {
        written(|out| all.iter().for_each(|(name, value)| bytes(out, 1, &label(name, value))))
    };
    let many: Vec<(String, String)> =
        (0..=LABELS_MAX).map(|i| (format!("l{i:03}"), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    check(
        &message([
            good("first"),
            labels(&[(b"", b"v")]),
            labels(&[(b"a", b"1"), (b"a", b"2")]),
            labels(&[(b"a", b"1"), (b"b", b"2"), (b"a", b"1")]),
            labels(&[(b"a", b"1"), (b"b", b"\xff\xfe")]),
            labels(&[(b"\xc3", b"1")]),
            // Half a character at the end of the name and half at the start of the value.
            written(|out| bytes(out, 1, b"\x0a\x01\xc3\x12\x01\xa4")),
            series(&many, &[]),
            good("last"),
        ]),
        &expect![[r#"
            __name__="first" | 1@1
            series 1: a label has an empty name
            series 2: label "a" is given twice
            series 3: label "a" is given twice
            series 4: label 1 is not UTF-8
            series 5: label 0 is not UTF-8
            series 6: label 0 is not UTF-8
            series 7: more than 256 labels
            __name__="last" | 1@1"#]],
    );
    let fitting = one(&series(&many[..LABELS_MAX], &[]));
    assert_eq!(
        Decoder::new(&fitting).unwrap().next().unwrap().unwrap().labels,
        &many[..LABELS_MAX]
    );
}

#[test]
fn texts_of_every_length_and_language_are_read() {
    for n_bytes in [1, 2, 126, 127, 128, 129, 300, 20_000] {
        for letter in ["x", "é", "中", "🦀"] {
            let text = letter.repeat(n_bytes / letter.len() + 1);
            let given = [("__name__", "n"), ("a", text.as_str()), ("b", "after")];
            let message = one(&series(&given, &[Sample::new(1, 1.0)]));
            let mut decoder = Decoder::new(&message).unwrap();
            let series = decoder.next().unwrap().unwrap();
            assert_eq!(series.labels, given);
            assert_eq!(series.samples.len(), 1);
        }
    }
}

#[test]
fn broken_fields_within_a_series_are_told_with_their_place() {
    let bad = |fields: &[u8]| [&label_field()[..], fields].concat();
    check(
        &message([
            bad(b"\x12\x05\x09"),
            bad(b"\x12\x02\x09\x00"),
            bad(b"\x10\x01"),
            bad(b"\x12\x02\x08\x01"),
            bad(b"\x0a\x02\x08\x01"),
            bad(b"\x00"),
            bad(b"\x0e"),
            bad(b"\x0f"),
            bad(b"\x4c"),
            bad(b"\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
            bad(b"\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            bad(b"\x48\xff"),
            bad(&[0x4b; 17]),
            bad(b"\xff\xff\xff\xff\xff\x01"),
            bad(b""),
        ]),
        &expect![[r#"
            series 0: no protobuf of a TimeSeries: byte 10: the message ends within a field
            series 1: no protobuf of a TimeSeries: byte 25: the message ends within a field
            series 2: no protobuf of a TimeSeries: byte 37: field 2 has another type than remote write gives it
            series 3: no protobuf of a TimeSeries: byte 51: field 1 has another type than remote write gives it
            series 4: no protobuf of a TimeSeries: byte 65: field 1 has another type than remote write gives it
            series 5: no protobuf of a TimeSeries: byte 77: a field has no valid number
            series 6: no protobuf of a TimeSeries: byte 88: no field has wire type 6
            series 7: no protobuf of a TimeSeries: byte 99: no field has wire type 7
            series 8: no protobuf of a TimeSeries: byte 110: no field has wire type 4
            series 9: no protobuf of a TimeSeries: byte 121: a varint has more than 64 bits
            series 10: no protobuf of a TimeSeries: byte 142: a varint has more than 64 bits
            series 11: no protobuf of a TimeSeries: byte 164: the message ends within a field
            series 12: no protobuf of a TimeSeries: byte 176: groups are nested deeper than 16
            series 13: no protobuf of a TimeSeries: byte 203: a field has no valid number
            a="b" |"#]],
    );
}

fn label_field() -> Vec<u8> {
    written(|out| bytes(out, 1, &label(b"a", b"b")))
}

#[test]
fn a_broken_outline_refuses_the_message() {
    let good = one(&series(&[("a", "b")], &[]));
    for broken in
        [&b"\x0a"[..], b"\x0a\x05ab", b"\x08\x01", b"\x1d\0\0\0\0", b"\x07", b"\xff", b"\x04"]
    {
        let message = [&good[..], broken].concat();
        let error = Decoder::new(&message).unwrap_err();
        assert_eq!(error.cause.offset, good.len(), "{broken:?}: {error}");
    }
    check(
        &[&good[..], b"\x0a\x05ab"].concat(),
        &expect![
            "the message is no protobuf of a WriteRequest: byte 10: the message ends within a field"
        ],
    );
    // A length that no address space holds.
    let huge = written(|out| {
        out.push(0x0a);
        varint(out, u64::MAX);
    });
    assert!(Decoder::new(&huge).is_err());
}

#[test]
fn what_is_not_read_is_counted() {
    let histogram = written(|out| double(out, 3, 18.4));
    let series = written(|out| {
        bytes(out, 1, &label(b"__name__", b"h"));
        bytes(out, 4, &histogram);
        bytes(out, 4, &histogram);
        bytes(out, 3, b"an exemplar, not even looked at");
        bytes(out, 2, &sample(Sample::new(1, 1.0)));
    });
    let mut message = one(&series);
    bytes(&mut message, 3, b"a description");
    assert_eq!(counts(&message), Counts { samples: 1, histograms: 2, exemplars: 1, metadata: 1 });
    let metadata_alone = written(|out| bytes(out, 3, b""));
    assert_eq!(counts(&metadata_alone), Counts { metadata: 1, ..Counts::default() });
}

#[test]
fn samples_of_a_message_are_bounded() {
    // Two bytes each: what a hostile sender can do.
    let many = |n: usize| [label_field(), [0x12, 0].repeat(n)].concat();
    let message = message([many(SAMPLES_MAX - 1), many(2), many(1), many(1)]);
    let mut decoder = Decoder::new(&message).unwrap();
    assert_eq!(decoder.next().unwrap().unwrap().samples.len(), SAMPLES_MAX - 1);
    assert_eq!(decoder.next().unwrap().unwrap_err().kind, SeriesErrorKind::TooManySamples);
    assert_eq!(decoder.next().unwrap().unwrap().samples.len(), 1, "there was room for one");
    assert_eq!(decoder.next().unwrap().unwrap_err().kind, SeriesErrorKind::TooManySamples);
    assert!(decoder.next().is_none());
}

#[test]
fn bombs_and_other_lies_are_refused_before_memory_is_reserved() {
    let claims = |n: u64| written(|out| varint(out, n));
    let all_of_it = decompressed_len(&claims(u32::MAX.into()), usize::MAX);
    assert_eq!(
        all_of_it,
        Err(BlockError::Implausible { given: 5, claimed: u32::MAX as usize }),
        "five bytes claim 4 GiB"
    );
    // As dense as a block can be, so that only the bound stands in its way.
    let zeros = compress(&vec![0; 4 * MIB]);
    assert!(zeros.len() * 20 < 4 * MIB);
    let refused = BlockError::TooLarge { claimed: 4 * MIB, max: 4 * MIB - 1 };
    assert_eq!(decompress(&zeros, 4 * MIB - 1), Err(refused));
    assert_eq!(decompress(&zeros, 4 * MIB).unwrap().len(), 4 * MIB);
}

#[test]
fn other_bytes_are_no_block() {
    let refused = |block: &[u8]| decompress(block, MIB).unwrap_err();
    assert_eq!(refused(b"\xff\x06\x00\x00sNaPpY\x01"), BlockError::Stream);
    let copy_from_before_the_start = b"\x08\x00a\x01\x05\x00\x00\x00";
    let cut_off = &compress(b"cut off, cut off, cut off")[..12];
    for block in [b"", &b"\x10this is not snappy"[..], copy_from_before_the_start, cut_off] {
        let error = refused(block);
        assert!(matches!(error, BlockError::Corrupt { .. }), "{block:?}: {error}");
    }
    let said = refused(b"").to_string();
    assert_eq!(
        said, "the body is no snappy block: corrupt input (empty)",
        "the reason is passed on"
    );
}

type Told = (Vec<(String, String)>, Vec<(i64, u64)>);

/// Labels as a sender writes them, and samples of any bits.
fn any_series() -> impl Strategy<Value = Told> {
    let labels = btree_map(".{1,140}", ".{1,140}", 0..12);
    let labels = labels.prop_map(|labels| labels.into_iter().collect());
    (labels, vec((any::<i64>(), any::<u64>()), 0..5))
}

fn encode((labels, samples): &Told) -> Vec<u8> {
    let labels: Vec<(&str, &str)> =
        labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let samples: Vec<Sample> =
        samples.iter().map(|(t, bits)| Sample::new(*t, f64::from_bits(*bits))).collect();
    series(&labels, &samples)
}

proptest! {
    #[test]
    fn what_is_written_is_read(all in vec(any_series(), 0..8)) {
        let block = compress(&message(all.iter().map(encode)));
        let message = decompress(&block, MIB).unwrap();
        let mut decoder = Decoder::new(&message).unwrap();
        prop_assert_eq!(decoder.n_series(), all.len());
        for (index, (labels, samples)) in all.iter().enumerate() {
            let read = decoder.next().unwrap().unwrap();
            prop_assert_eq!(read.index, index);
            let read_labels: Vec<(String, String)> =
                read.labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            prop_assert_eq!(&read_labels, labels);
            let read_samples: Vec<(i64, u64)> =
                read.samples.iter().map(|sample| (sample.t_ms, sample.value.to_bits())).collect();
            prop_assert_eq!(&read_samples, samples);
        }
        prop_assert!(decoder.next().is_none());
    }

    #[test]
    fn any_bytes_end_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decompress(&bytes, MIB);
        told(&bytes);
    }

    /// Nearer to real messages than plain noise: one byte of a good one is another.
    #[test]
    fn damaged_messages_keep_the_promises(
        all in vec(any_series(), 1..4),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut message = message(all.iter().map(encode));
        let at = at.index(message.len());
        message[at] = byte;
        let Ok(mut decoder) = Decoder::new(&message) else { return Ok(()) };
        while let Some(next) = decoder.next() {
            let Ok(series) = next else { continue };
            prop_assert!(series.labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(series.labels.iter().all(|(n, v)| !n.is_empty() && !v.is_empty()));
        }
    }
}
