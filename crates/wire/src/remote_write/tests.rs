use expect_test::{Expect, expect};
use model::{STALE_MARKER_BITS, Sample};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::encoder::{bytes, compress, double, label, message, number, sample, series, varint};
use super::reference::Decoder;
use super::{
    BlockError, Counts, FAULTS_TOLD_MAX, LABELS_MAX, Opener, Reader, Request, SAMPLES_MAX,
    SeriesErrorKind, decompressed_len, read_labels,
};

const MIB: usize = 1 << 20;

fn decompress(block: &[u8], bytes_max: usize) -> Result<Vec<u8>, BlockError> {
    Opener::default().open(block, bytes_max).map(<[u8]>::to_vec)
}

/// What a message says, one line per series that has samples or a fault.
fn told(message: &[u8]) -> String {
    agree_with_the_reference(message);
    let mut reader = Reader::default();
    let request = match reader.read(message) {
        Ok(request) => request,
        Err(error) => return error.to_string(),
    };
    let mut lines: Vec<(usize, String)> =
        request.faults().iter().map(|fault| (fault.index, fault.to_string())).collect();
    lines.extend((0..request.n_series()).map(|series| {
        let index = request.index(series);
        (index, line(&request, series).unwrap_or_else(|kind| format!("series {index}: {kind}")))
    }));
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

fn line(request: &Request<'_>, series: usize) -> Result<String, SeriesErrorKind> {
    let mut labels = Vec::new();
    request.labels(series, &mut labels)?;
    let labels = labels.iter().map(|(name, value)| format!("{name}={value:?} "));
    let samples = request.samples(series).iter();
    let samples = samples.map(|sample| format!(" {}@{}", sample.value, sample.t_ms));
    Ok(labels.chain(["|".to_owned()]).chain(samples).collect())
}

/// One series: its labels and the bits of its samples.
type Told = (Vec<(String, String)>, Vec<(i64, u64)>);

fn owned(labels: &[(&str, &str)], samples: &[Sample]) -> Told {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let samples = samples.iter().map(|sample| (sample.t_ms, sample.value.to_bits()));
    (labels.collect(), samples.collect())
}

/// What the reader hands out, the series with a fault or without samples left out; `None` if it
/// refuses the message.
fn read(reader: &mut Reader, message: &[u8]) -> Option<(Vec<(usize, Told)>, Counts)> {
    let request = reader.read(message).ok()?;
    let mut all = Vec::new();
    for series in 0..request.n_series() {
        let mut labels = Vec::new();
        if request.labels(series, &mut labels).is_ok() {
            all.push((request.index(series), owned(&labels, request.samples(series))));
        }
    }
    Some((all, request.counts()))
}

/// The same, read field by field.
fn read_plainly(message: &[u8]) -> Option<(Vec<(usize, Told)>, Counts)> {
    let mut decoder = Decoder::new(message).ok()?;
    let mut all = Vec::new();
    while let Some(next) = decoder.next() {
        if let Ok(series) = next
            && !series.samples.is_empty()
        {
            all.push((series.index, owned(series.labels, series.samples)));
        }
    }
    Some((all, decoder.counts()))
}

fn agree_with_the_reference(message: &[u8]) {
    let mut reader = Reader::default();
    let (read, plainly) = (read(&mut reader, message), read_plainly(message));
    assert_eq!(read.is_some(), plainly.is_some());
    let (Some((read, _)), Some((plainly, _))) = (read, plainly) else { return };
    assert_eq!(read, plainly);
}

fn check(message: &[u8], expected: &Expect) {
    expected.assert_eq(&told(message));
}

/// A message with one series: these bytes.
fn one(series: &[u8]) -> Vec<u8> {
    message([series])
}

fn counts(message: &[u8]) -> Counts {
    let plainly = read_plainly(message).unwrap().1;
    assert_eq!(read(&mut Reader::default(), message).unwrap().1, plainly);
    plainly
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
    check(b"", &expect![""]);
    check(&one(b""), &expect![""]);
    check(&one(&sample_field()), &expect!["| 1@1"]);
    assert_eq!(decompress(&compress(b""), MIB).unwrap(), b"");
}

#[test]
fn values_keep_their_bits_and_times_their_sign() {
    let bits = [STALE_MARKER_BITS, 0x7ff8_0000_0000_0001, 1 << 63, 0, 1, f64::MAX.to_bits()];
    // The bounds of six bytes among them, which most times have.
    let six = [(1 << 35) - 1, 1 << 35, 1_760_000_000_000, (1 << 42) - 1, 1 << 42];
    let others = [0, 1, 127, 128, -1, i64::MIN, i64::MAX, 1 << 55, 1 << 62];
    let times = [&six[..], &others].concat();
    let all = bits
        .iter()
        .flat_map(|bits| times.iter().map(|t_ms| Sample::new(*t_ms, f64::from_bits(*bits))));
    let all: Vec<Sample> = all.collect();
    let message = one(&series(&[("a", "b")], &all));
    agree_with_the_reference(&message);
    let mut reader = Reader::default();
    let request = reader.read(&message).unwrap();
    let read = request.samples(0);
    assert_eq!(read.len(), all.len());
    assert!(read.iter().zip(&all).all(|(a, b)| a.same_bits(b)), "{read:?}");
    assert_eq!(request.times_ms(), Some(i64::MIN..=i64::MAX));
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
    check(&one(&with_sample(&given)), &expect![[r#"__name__="n" a="1" b="2" c="3" | 1@1"#]]);
}

#[test]
fn an_empty_value_is_an_absent_label() {
    let given = [("a", ""), ("b", "2"), ("a", "1"), ("c", "")];
    check(&one(&with_sample(&given)), &expect![[r#"a="1" b="2" | 1@1"#]]);
}

#[test]
fn a_bad_series_is_named_and_the_others_are_read() {
    let good = |name: &str| with_sample(&[("__name__", name)]);
    let labels = |all: &[(&[u8], &[u8])]| {
        written(|out| all.iter().for_each(|(name, value)| bytes(out, 1, &label(name, value))))
    };
    let many: Vec<(String, String)> =
        (0..=LABELS_MAX).map(|i| (format!("l{i:03}"), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let all = [
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
    ];
    let expected = expect![[r#"
            __name__="first" | 1@1
            series 1: a label has an empty name
            series 2: label "a" is given twice
            series 3: label "a" is given twice
            series 4: label 1 is not UTF-8
            series 5: label 0 is not UTF-8
            series 6: label 0 is not UTF-8
            series 7: more than 256 labels
            __name__="last" | 1@1"#]];
    // Whether anyone asks for the labels or not.
    check(&message(&all), &expected);
    let inner = 1..all.len() - 1;
    let with_samples = all.iter().enumerate().map(|(i, one)| match inner.contains(&i) {
        true => [&one[..], &sample_field()].concat(),
        false => one.clone(),
    });
    check(&message(with_samples), &expected);
    let fitting = one(&with_sample(&many[..LABELS_MAX]));
    let mut reader = Reader::default();
    let request = reader.read(&fitting).unwrap();
    let mut labels = Vec::new();
    request.labels(0, &mut labels).unwrap();
    assert_eq!(labels, &many[..LABELS_MAX]);
}

#[test]
fn texts_of_every_length_and_language_are_read() {
    for n_bytes in [1, 2, 126, 127, 128, 129, 300, 20_000] {
        for letter in ["x", "é", "中", "🦀"] {
            let text = letter.repeat(n_bytes / letter.len() + 1);
            let given = [("__name__", "n"), ("a", text.as_str()), ("b", "after")];
            let message = one(&series(&given, &[Sample::new(1_760_000_000_000, 1.0)]));
            agree_with_the_reference(&message);
            let mut reader = Reader::default();
            let request = reader.read(&message).unwrap();
            let mut labels = Vec::new();
            request.labels(0, &mut labels).unwrap();
            assert_eq!(labels, given);
            assert_eq!(request.samples(0).len(), 1);
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
            bad(&sample_field()),
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
            a="b" | 1@1"#]],
    );
}

#[test]
fn a_broken_label_among_samples_is_told_with_its_place_in_the_message() {
    let apart = [&label_field()[..], &sample_field(), b"\x0a\x02\x08\x01", &sample_field()];
    check(
        &message([sample_field(), apart.concat()]),
        &expect![[r#"
            | 1@1
            series 1: no protobuf of a TimeSeries: byte 40: field 1 has another type than remote write gives it"#]],
    );
}

fn sample_field() -> Vec<u8> {
    written(|out| bytes(out, 2, &sample(Sample::new(1, 1.0))))
}

fn with_sample(labels: &[(&str, &str)]) -> Vec<u8> {
    series(labels, &[Sample::new(1, 1.0)])
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
        agree_with_the_reference(&message);
        let mut reader = Reader::default();
        let error = reader.read(&message).unwrap_err();
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
    assert!(Reader::default().read(&huge).is_err());
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
    check_bound(&message([many(SAMPLES_MAX - 1), many(2), many(1), many(1)]));
    // And in the usual form, which is read on another way.
    let usual = series(&[("a", "b")], &[Sample::new(1_760_000_000_000, 0.0)]);
    let usual = |n: usize| [label_field(), usual[label_field().len()..].repeat(n)].concat();
    check_bound(&message([usual(SAMPLES_MAX - 1), usual(2), usual(1), usual(1)]));
}

#[test]
fn histograms_count_as_samples_do() {
    let full = [label_field(), [0x22, 0].repeat(SAMPLES_MAX)].concat();
    let usual = series(&[("a", "b")], &[Sample::new(1_760_000_000_000, 0.0)]);
    let message = message([full, usual, with_sample(&[("a", "b")])]);
    let mut reader = Reader::default();
    let request = reader.read(&message).unwrap();
    assert_eq!(request.n_series(), 0);
    assert_eq!(request.faults().iter().map(|fault| fault.index).collect::<Vec<_>>(), [1, 2]);
}

/// Series 0 and 2 fill the message, so that 1 and 3 are too much.
fn check_bound(message: &[u8]) {
    let mut reader = Reader::default();
    let request = reader.read(message).unwrap();
    assert_eq!(request.n_series(), 2);
    assert_eq!((request.index(0), request.samples(0).len()), (0, SAMPLES_MAX - 1));
    assert_eq!((request.index(1), request.samples(1).len()), (2, 1), "there was room for one");
    let faults: Vec<_> = request.faults().iter().map(|f| (f.index, f.kind.clone())).collect();
    assert_eq!(faults, [1, 3].map(|index| (index, SeriesErrorKind::TooManySamples)));
    assert_eq!(request.counts().samples, SAMPLES_MAX as u64);
}

/// The spelling of every series that has samples.
fn spellings(message: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::default();
    let request = reader.read(message).unwrap();
    (0..request.n_series()).map(|series| request.spelling(series).to_vec()).collect()
}

#[test]
fn a_spelling_is_the_label_fields_whatever_stands_beside_them() {
    let labels = [label_field(), written(|out| bytes(out, 1, &label(b"c", b"d")))];
    let spelling = labels.concat();
    let late = written(|out| bytes(out, 2, &sample(Sample::new(1_760_000_000_000, 2.0))));
    let [first, second] = labels.each_ref().map(Vec::as_slice);
    let (samples, exemplar) = (sample_field(), written(|out| bytes(out, 3, b"exemplar")));
    let unknown = written(|out| number(out, 9, 7));
    let sent = [
        [first, second, &late].concat(),
        [first, second, &late, &late].concat(),
        [first, second, &samples].concat(),
        [first, second, &samples, &exemplar].concat(),
        [&samples, first, second].concat(),
        [first, &samples, second].concat(),
        [first, &exemplar, second, &late].concat(),
        [&unknown, first, &unknown, second, &unknown, &late].concat(),
    ];
    assert_eq!(spellings(&message(&sent)), vec![spelling; sent.len()]);
    let line = r#"a="b" c="d" |"#;
    assert!(told(&message(&sent)).lines().all(|told| told.starts_with(line)));
    // Other labels, in another order, are spelled otherwise.
    let turned = spellings(&one(&[second, first, &late].concat()));
    assert_eq!(turned, [[second, first].concat()]);
}

#[test]
fn samples_can_be_left_out_and_with_them_their_series() {
    let times = |times: &[i64]| times.iter().map(|t| Sample::new(*t, 0.0)).collect::<Vec<_>>();
    let message = message([
        series(&[("a", "0")], &times(&[1, 9, 2])),
        series(&[("a", "1")], &times(&[9])),
        series(&[("a", "2")], &times(&[3, 9])),
    ]);
    let mut reader = Reader::default();
    let mut request = reader.read(&message).unwrap();
    assert_eq!(request.times_ms(), Some(1..=9));
    let mut left_out = Vec::new();
    request.retain_samples(|index, sample| {
        left_out.extend((sample.t_ms == 9).then_some(index));
        sample.t_ms != 9
    });
    assert_eq!(left_out, [0, 1, 2]);
    let kept: Vec<_> = (0..request.n_series())
        .map(|i| (request.index(i), request.samples(i).iter().map(|s| s.t_ms).collect::<Vec<_>>()))
        .collect();
    assert_eq!(kept, [(0, vec![1, 2]), (2, vec![3])]);
    assert_eq!(line(&request, 1).unwrap(), r#"a="2" | 0@3"#);
    assert_eq!(request.counts().samples, 3);
}

#[test]
fn histograms_are_handed_out_with_their_series() {
    let histogram = |bytes_: &[u8]| written(|out| bytes(out, 4, bytes_));
    let message = message([
        with_sample(&[("a", "0")]),
        [label_field(), histogram(b"one"), sample_field(), histogram(b"two")].concat(),
        [label_field(), histogram(b"cut off"), vec![0xff]].concat(),
        [label_field(), histogram(b"three")].concat(),
        [written(|out| bytes(out, 1, &label(b"", b"nameless"))), histogram(b"four")].concat(),
    ]);
    let mut reader = Reader::default();
    let request = reader.read(&message).unwrap();
    let told: Vec<_> = request
        .histograms()
        .map(|(index, spelling, bytes)| (index, spelling, bytes.collect::<Vec<_>>()))
        .collect();
    let labels = label_field();
    assert_eq!(
        told,
        [(1, &labels[..], vec![&b"one"[..], b"two"]), (3, &labels[..], vec![&b"three"[..]])]
    );
    assert_eq!(request.n_series(), 2);
    assert_eq!(request.faults().iter().map(|fault| fault.index).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn exemplars_are_handed_out_with_their_series() {
    let exemplar = |bytes_: &[u8]| written(|out| bytes(out, 3, bytes_));
    let message = message([
        [label_field(), exemplar(b"one"), sample_field(), exemplar(b"two")].concat(),
        [label_field(), exemplar(b"cut off"), vec![0xff]].concat(),
        [label_field(), exemplar(b"three")].concat(),
        [written(|out| bytes(out, 1, &label(b"", b"nameless"))), exemplar(b"four")].concat(),
    ]);
    let mut reader = Reader::default();
    let request = reader.read(&message).unwrap();
    let told: Vec<_> = request
        .exemplars()
        .map(|(index, spelling, bytes)| (index, spelling, bytes.collect::<Vec<_>>()))
        .collect();
    let labels = label_field();
    assert_eq!(
        told,
        [(0, &labels[..], vec![&b"one"[..], b"two"]), (2, &labels[..], vec![&b"three"[..]])]
    );
    assert_eq!(request.counts().exemplars, 3);
    let (mut of_series, mut of_spelling) = (Vec::new(), Vec::new());
    request.labels(0, &mut of_series).unwrap();
    read_labels(told[1].1, &mut of_spelling).unwrap();
    assert_eq!(of_series, of_spelling);
}

#[test]
fn faults_without_end_are_counted_and_the_first_are_told() {
    let bad = [&label_field()[..], b"\xff"].concat();
    let message = message(vec![bad; FAULTS_TOLD_MAX + 9]);
    let mut reader = Reader::default();
    let request = reader.read(&message).unwrap();
    assert_eq!(request.n_faults(), FAULTS_TOLD_MAX as u64 + 9);
    assert_eq!(request.faults().len(), FAULTS_TOLD_MAX);
}

#[test]
fn nothing_of_a_message_is_left_to_the_next() {
    let bad = [&label_field()[..], b"\xff"].concat();
    let apart = [&sample_field()[..], &label_field(), &sample_field(), &label_field()].concat();
    let histogram = written(|out| bytes(out, 4, b"histogram"));
    let exemplar = written(|out| bytes(out, 3, b"exemplar"));
    let others = [label_field(), histogram, exemplar].concat();
    let mut full = message([bad, apart, others]);
    bytes(&mut full, 3, b"metadata");
    let mut reader = Reader::default();
    reader.read(&full).unwrap();
    let fresh = one(&with_sample(&[("x", "y")]));
    let request = reader.read(&fresh).unwrap();
    assert_eq!(request.n_series(), 1);
    assert_eq!(
        (request.n_faults(), request.faults(), request.histograms().count()),
        (0, &[][..], 0)
    );
    assert_eq!(request.exemplars().count(), 0);
    assert_eq!(request.counts(), Counts { samples: 1, ..Counts::default() });
    assert_eq!(request.times_ms(), Some(1..=1));
    assert!(reader.read(b"").unwrap().times_ms().is_none());
    reader.shrink_to(0);
    assert_eq!(reader.read(&fresh).unwrap().n_series(), 1);
}

#[test]
fn blocks_are_opened_one_after_the_other_in_the_same_memory() {
    let mut opener = Opener::default();
    for text in ["a long text", "short", "", "and another text", "and another text,", "an end"] {
        assert_eq!(opener.open(&compress(text.as_bytes()), MIB).unwrap(), text.as_bytes());
    }
    opener.shrink_to(3);
    assert_eq!(opener.open(&compress(b"again"), MIB).unwrap(), b"again");
    let bomb = compress(&[0; 1000]);
    assert!(opener.open(&bomb, 999).is_err());
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

/// Labels as a sender writes them, and samples of any bits.
fn any_series() -> impl Strategy<Value = Told> {
    let labels = btree_map(".{1,140}", ".{1,140}", 0..12);
    let labels = labels.prop_map(|labels| labels.into_iter().collect());
    // Times of today, zeros and everything else, so that both ways of reading are gone.
    let time = prop_oneof![any::<i64>(), 1_000_000_000_000..=4_400_000_000_000i64];
    let value = prop_oneof![any::<u64>(), Just(0)];
    (labels, vec((time, value), 0..5))
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
        let (read, _) = read(&mut Reader::default(), &message).unwrap();
        let with_samples = all.into_iter().enumerate().filter(|(_, one)| !one.1.is_empty());
        prop_assert_eq!(read, with_samples.collect::<Vec<_>>());
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
        told(&message);
        let mut reader = Reader::default();
        let Ok(request) = reader.read(&message) else { return Ok(()) };
        for series in 0..request.n_series() {
            let mut labels = Vec::new();
            if request.labels(series, &mut labels).is_ok() {
                prop_assert!(labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
                prop_assert!(labels.iter().all(|(n, v)| !n.is_empty() && !v.is_empty()));
            }
        }
    }
}
