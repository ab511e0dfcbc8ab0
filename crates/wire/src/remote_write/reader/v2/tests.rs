use model::Sample;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::super::super::encoder::{self, bytes, double, number, packed_numbers, varint};
use super::super::super::{
    LABEL_BYTES_MAX, LABELS_MAX, Reader, Request, SERIES_LABEL_BYTES_MAX, SYMBOLS_MAX,
    SeriesErrorKind,
};

/// Writes messages of version 2: a table and series that point to it.
#[derive(Default)]
struct Writer {
    symbols: Vec<String>,
    series: Vec<Vec<u8>>,
}

impl Writer {
    fn new() -> Self {
        Self { symbols: vec![String::new()], series: Vec::new() }
    }

    fn symbol(&mut self, text: &str) -> u64 {
        let at = self.symbols.iter().position(|symbol| symbol == text);
        let at = at.unwrap_or_else(|| {
            self.symbols.push(text.to_owned());
            self.symbols.len() - 1
        });
        at as u64
    }

    fn references(&mut self, labels: &[(&str, &str)]) -> Vec<u64> {
        labels.iter().flat_map(|(name, value)| [self.symbol(name), self.symbol(value)]).collect()
    }

    /// A series of these labels and of what else is written.
    fn series(&mut self, labels: &[(&str, &str)], rest: impl FnOnce(&mut Self, &mut Vec<u8>)) {
        let references = self.references(labels);
        let mut series = Vec::new();
        packed_numbers(&mut series, 1, &references);
        rest(self, &mut series);
        self.series.push(series);
    }

    fn message(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.symbols.iter().for_each(|symbol| bytes(&mut out, 4, symbol.as_bytes()));
        self.series.iter().for_each(|series| bytes(&mut out, 5, series));
        out
    }
}

fn sample(out: &mut Vec<u8>, sample: Sample) {
    let mut one = encoder::sample(Sample { start_ms: 0, ..sample });
    if sample.start_ms != 0 {
        number(&mut one, 3, sample.start_ms.cast_unsigned());
    }
    bytes(out, 2, &one);
}

fn one_sample(_: &mut Writer, out: &mut Vec<u8>) {
    sample(out, Sample::new(1, 1.0));
}

fn labels_of<'r>(request: &'r Request<'_>, series: usize) -> Vec<(&'r str, &'r str)> {
    let mut labels = Vec::new();
    request.labels(series, &mut labels).unwrap();
    labels
}

fn faults(message: &[u8]) -> Vec<(usize, SeriesErrorKind)> {
    let mut reader = Reader::default();
    let request = reader.read_v2(message).unwrap();
    request.faults().iter().map(|fault| (fault.index, fault.kind.clone())).collect()
}

/// `up{job="a"} 1` at 1000 ms since 500 ms, byte by byte from the format's own pages.
#[rustfmt::skip]
const GOLDEN: &[u8] = &[
    0x22, 0x00, // symbol 0
    0x22, 0x08, b'_', b'_', b'n', b'a', b'm', b'e', b'_', b'_',
    0x22, 0x02, b'u', b'p',
    0x22, 0x03, b'j', b'o', b'b',
    0x22, 0x01, b'a',
    0x2a, 0x17, // series: 23 bytes
        0x0a, 0x04, 1, 2, 3, 4,
        0x12, 0x0f, // sample: 15 bytes
            0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // 1.0
            0x10, 0xe8, 0x07, // 1000
            0x18, 0xf4, 0x03, // since 500
];

#[test]
fn golden_bytes_are_read() {
    let mut reader = Reader::default();
    let request = reader.read_v2(GOLDEN).unwrap();
    assert_eq!(request.n_series(), 1);
    assert_eq!(labels_of(&request, 0), [("__name__", "up"), ("job", "a")]);
    let expected = Sample { t_ms: 1000, value: 1.0, start_ms: 500 };
    assert!(request.samples(0)[0].same_bits(&expected));
    assert_eq!(request.counts().samples, 1);
    let mut writer = Writer::new();
    writer.series(&[("__name__", "up"), ("job", "a")], |_, out| sample(out, expected));
    assert_eq!(writer.message(), GOLDEN, "the tests' writer writes the same");
}

#[test]
fn messages_of_one_version_are_none_of_the_other() {
    let v1 = encoder::message([encoder::series(&[("a", "b")], &[Sample::new(1, 1.0)])]);
    let mut reader = Reader::default();
    let refused = reader.read_v2(&v1).unwrap_err().to_string();
    assert!(refused.contains("byte 0: field 1 holds series of version 1.0"), "{refused}");
    let refused = reader.read(GOLDEN).unwrap_err().to_string();
    assert!(refused.contains("field 5 holds series of version 2.0"), "{refused}");
    // Beside series, what is unknown is passed over.
    assert_eq!(reader.read_v2(&[&v1, GOLDEN].concat()).unwrap().n_series(), 1);
    assert_eq!(reader.read(&[GOLDEN, &v1].concat()).unwrap().n_series(), 1);
    assert_eq!(reader.read(&[]).unwrap().n_series(), 0);
}

#[test]
fn the_table_may_stand_behind_and_references_apart() {
    let mut series = Vec::new();
    for reference in [1, 2] {
        number(&mut series, 1, reference);
    }
    sample(&mut series, Sample::new(7, 2.0));
    packed_numbers(&mut series, 1, &[3, 300]);
    let mut message = Vec::new();
    bytes(&mut message, 5, &series);
    for symbol in ["", "a", "b", "c"] {
        bytes(&mut message, 4, symbol.as_bytes());
    }
    (4..300).for_each(|_| bytes(&mut message, 4, b"x"));
    bytes(&mut message, 4, b"three hundred");
    let mut reader = Reader::default();
    let request = reader.read_v2(&message).unwrap();
    assert_eq!(request.faults(), []);
    assert_eq!(labels_of(&request, 0), [("a", "b"), ("c", "three hundred")]);
}

#[test]
fn references_must_be_pairs_within_the_table() {
    let series = |references: &[u64]| {
        let mut series = Vec::new();
        packed_numbers(&mut series, 1, references);
        sample(&mut series, Sample::new(1, 1.0));
        series
    };
    let mut message = Vec::new();
    for symbol in ["", "a", "b"] {
        bytes(&mut message, 4, symbol.as_bytes());
    }
    let mut cut_off = Vec::new();
    bytes(&mut cut_off, 1, &[1, 0x82]);
    sample(&mut cut_off, Sample::new(1, 1.0));
    let huge = u64::from(u32::MAX);
    let bad = [&[1][..], &[1, 2, 1], &[1, 3], &[3, 1], &[1, huge], &[1, huge + 3], &[1, u64::MAX]];
    bytes(&mut message, 5, &series(&[1, 2]));
    bad.iter().for_each(|references| bytes(&mut message, 5, &series(references)));
    bytes(&mut message, 5, &cut_off);
    bytes(&mut message, 5, &series(&[2, 1]));
    let expected = (1..=8).map(|index| (index, SeriesErrorKind::References));
    assert_eq!(faults(&message), expected.collect::<Vec<_>>());
    let mut reader = Reader::default();
    let request = reader.read_v2(&message).unwrap();
    assert_eq!((request.index(0), request.index(1)), (0, 9));
}

#[test]
fn labels_and_symbols_are_bounded() {
    let mut writer = Writer::new();
    let names: Vec<String> = (0..=LABELS_MAX).map(|n| format!("l{n:04}")).collect();
    let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    writer.series(&all, one_sample);
    writer.series(&all[1..], one_sample);
    assert_eq!(faults(&writer.message()), [(0, SeriesErrorKind::TooManyLabels)]);

    let mut message = [0x22, 0].repeat(SYMBOLS_MAX);
    assert!(Reader::default().read_v2(&message).is_ok());
    message.extend([0x22, 0]);
    let error = Reader::default().read_v2(&message).unwrap_err();
    assert!(error.to_string().contains("symbols"), "{error}");
}

/// A few bytes point to a long symbol again and again.
#[test]
fn labels_take_no_more_memory_than_allowed() {
    let long = "x".repeat(SERIES_LABEL_BYTES_MAX / 2 - 40);
    let mut writer = Writer::new();
    writer.series(&[("a", &long), ("b", &long), ("c", &long)], one_sample);
    let n_fitting = LABEL_BYTES_MAX / SERIES_LABEL_BYTES_MAX;
    for _ in 0..2 * n_fitting {
        writer.series(&[("a", &long), ("b", &long)], one_sample);
    }
    let mut reader = Reader::default();
    let message = writer.message();
    let request = reader.read_v2(&message).unwrap();
    assert_eq!(request.n_series(), n_fitting);
    assert_eq!(request.n_faults(), 1 + n_fitting as u64);
    assert!(request.faults().iter().all(|fault| fault.kind == SeriesErrorKind::LabelBytes));
    assert!(reader.joined.len() <= LABEL_BYTES_MAX);
}

#[test]
fn a_series_says_something() {
    let mut writer = Writer::new();
    writer.series(&[("a", "b")], |_, _| {});
    writer.series(&[("a", "b")], |_, out| bytes(out, 5, b"\x08\x01"));
    writer.series(&[("a", "b")], |_, out| bytes(out, 4, b""));
    writer.series(&[("", "b")], |_, out| bytes(out, 4, b""));
    assert_eq!(
        faults(&writer.message()),
        [
            (0, SeriesErrorKind::NoSamples),
            (1, SeriesErrorKind::NoSamples),
            (3, SeriesErrorKind::EmptyName),
        ]
    );
}

#[test]
fn samples_count_since_their_own_start_else_since_that_of_the_series() {
    let now = 1_760_000_000_000;
    let mut writer = Writer::new();
    let started = |t_ms, start_ms| Sample { t_ms, value: 1.0, start_ms };
    let all = [started(now, now - 9), started(now + 1, 0), started(5, 3), started(6, 0)];
    writer.series(&[("a", "b")], |_, out| {
        all.iter().for_each(|one| sample(out, *one));
        number(out, 6, 77);
    });
    writer.series(&[("a", "c")], |_, out| all.iter().for_each(|one| sample(out, *one)));
    let mut reader = Reader::default();
    let message = writer.message();
    let request = reader.read_v2(&message).unwrap();
    let starts = |series: usize| -> Vec<i64> {
        request.samples(series).iter().map(|sample| sample.start_ms).collect()
    };
    assert_eq!(starts(0), [now - 9, 77, 3, 77]);
    assert_eq!(starts(1), [now - 9, 0, 3, 0]);
}

#[test]
fn histograms_count_since_their_own_start_else_since_that_of_the_series() {
    let histogram = |out: &mut Vec<u8>, start_ms: u64| {
        let mut one = Vec::new();
        number(&mut one, 1, 0);
        number(&mut one, 15, 1000);
        number(&mut one, 17, start_ms);
        bytes(out, 3, &one);
    };
    let mut writer = Writer::new();
    writer.series(&[("a", "b")], |_, out| {
        histogram(out, 5);
        histogram(out, 0);
        number(out, 6, 77);
    });
    writer.series(&[("a", "c")], |_, out| histogram(out, 0));
    let mut reader = Reader::default();
    let message = writer.message();
    let request = reader.read_v2(&message).unwrap();
    assert_eq!(request.counts().histograms, 3);
    let starts: Vec<Vec<i64>> = request
        .histograms()
        .map(|(index, _, all)| {
            all.map(|one| request.read_histogram(index, one).unwrap().start_ms).collect()
        })
        .collect();
    assert_eq!(starts, [vec![5, 77], vec![0]]);
}

/// Name, kind, help and unit of what a message says of metrics, or why it says nothing.
fn described(message: &[u8]) -> Vec<String> {
    let mut reader = Reader::default();
    let request = reader.read_v2(message).unwrap();
    let said: Vec<String> = request
        .metadata()
        .map(|said| match said {
            Ok((name, said)) => {
                format!("{name} {} {:?} {:?}", said.kind.as_str(), said.help, said.unit)
            }
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(request.counts().metadata, said.len() as u64);
    said
}

fn metadata(out: &mut Vec<u8>, kind: u64, [help, unit]: [u64; 2]) {
    let mut one = Vec::new();
    number(&mut one, 1, kind);
    number(&mut one, 3, help);
    number(&mut one, 4, unit);
    bytes(out, 5, &one);
}

#[test]
fn metrics_are_described_once_each_by_the_name_of_their_family() {
    let mut writer = Writer::new();
    let mut describe = |name: &str, kind: u64, is_native: bool| {
        writer.series(&[("__name__", name), ("i", "0")], |writer, out| {
            if is_native {
                bytes(out, 3, b"");
            } else {
                sample(out, Sample::new(1, 1.0));
            }
            let texts = [writer.symbol("Help."), writer.symbol("seconds")];
            metadata(out, kind, texts);
        });
    };
    describe("a_total", 1, false);
    describe("a_total", 2, false);
    describe("b_bucket", 3, false);
    describe("c_count", 5, false);
    describe("d_count", 3, true);
    describe("_sum", 5, false);
    describe("e_sum", 2, false);
    // Nothing said, and nothing to say it of.
    writer.series(&[("__name__", "silent")], |_, out| {
        sample(out, Sample::new(1, 1.0));
        bytes(out, 5, b"");
    });
    writer.series(&[("job", "nameless")], |_, out| {
        sample(out, Sample::new(1, 1.0));
        metadata(out, 1, [0, 0]);
    });
    assert_eq!(
        described(&writer.message()),
        [
            r#"a_total counter "Help." "seconds""#,
            r#"b histogram "Help." "seconds""#,
            r#"c summary "Help." "seconds""#,
            r#"d_count histogram "Help." "seconds""#,
            r#"_sum summary "Help." "seconds""#,
            r#"e_sum gauge "Help." "seconds""#,
        ]
    );
}

#[test]
fn bad_metadata_are_told_alone() {
    let mut writer = Writer::new();
    for (name, texts) in [("a", [99, 0]), ("b", [0, u64::MAX]), ("c", [0, 0])] {
        writer.series(&[("__name__", name)], |_, out| {
            sample(out, Sample::new(1, 1.0));
            metadata(out, 1, texts);
        });
    }
    assert_eq!(
        described(&writer.message()),
        [
            "the help of a metric's metadata is none of the symbols",
            "the unit of a metric's metadata is none of the symbols",
            r#"c counter "" """#,
        ]
    );
}

fn exemplar(out: &mut Vec<u8>, references: &[u64], t_ms: i64) {
    let mut one = Vec::new();
    packed_numbers(&mut one, 1, references);
    double(&mut one, 2, 0.5);
    number(&mut one, 3, t_ms.cast_unsigned());
    bytes(out, 4, &one);
}

#[test]
fn exemplars_have_labels_from_the_table_and_the_time_of_their_sample() {
    let mut writer = Writer::new();
    writer.series(&[("a", "b")], |writer, out| {
        sample(out, Sample::new(1, 1.0));
        sample(out, Sample::new(9, 1.0));
        let trace = writer.references(&[("trace_id", "4f")]);
        exemplar(out, &trace, 5);
        exemplar(out, &trace, 0);
        exemplar(out, &trace[..1], 5);
        exemplar(out, &[1, 99], 5);
    });
    writer.series(&[("a", "c")], |_, out| {
        bytes(out, 3, b"\x08\x00\x78\x07");
        exemplar(out, &[], 0);
    });
    writer.series(&[("a", "d")], |_, out| exemplar(out, &[], 0));
    let mut reader = Reader::default();
    let message = writer.message();
    let request = reader.read_v2(&message).unwrap();
    let told: Vec<Vec<String>> = request
        .exemplars()
        .map(|(index, _, all)| {
            let one = |message: &[u8]| match request.read_exemplar(index, message) {
                Ok(one) => format!("{:?} {} @ {}", one.labels.get("trace_id"), one.value, one.t_ms),
                Err(error) => error.to_string(),
            };
            all.map(one).collect()
        })
        .collect();
    let bad = "the exemplar's references to labels are odd in number or point beyond the symbols";
    assert_eq!(
        told,
        [
            vec![r#"Some("4f") 0.5 @ 5"#, r#"Some("4f") 0.5 @ 9"#, bad, bad],
            vec!["None 0.5 @ 7"],
            vec!["None 0.5 @ 0"],
        ]
    );
}

/// A few bytes of an exemplar point to a long symbol again and again.
#[test]
fn exemplars_are_bounded() {
    let mut writer = Writer::new();
    let long = "x".repeat(1000);
    writer.series(&[("a", &long)], |_, out| {
        sample(out, Sample::new(1, 1.0));
        exemplar(out, &[1, 2], 5);
        exemplar(out, &[1; 10_000], 5);
    });
    let mut reader = Reader::default();
    let message = writer.message();
    let request = reader.read_v2(&message).unwrap();
    let (index, _, all) = request.exemplars().next().unwrap();
    for one in all {
        let error = request.read_exemplar(index, one).unwrap_err().to_string();
        assert!(error.contains("128 UTF-8 characters"), "{error}");
    }
}

#[test]
fn a_broken_outline_refuses_the_message() {
    for broken in [&b"\x22"[..], b"\x2a\x05ab", b"\x20\x01", b"\x28\x01", b"\x07", b"\xff"] {
        let message = [GOLDEN, broken].concat();
        let error = Reader::default().read_v2(&message).unwrap_err();
        assert_eq!(error.cause.offset, GOLDEN.len(), "{broken:?}: {error}");
        assert!(error.to_string().contains("Request of version 2"), "{error}");
    }
}

#[test]
fn nothing_of_a_message_is_left_to_the_next() {
    let mut writer = Writer::new();
    writer.series(&[("__name__", "n")], |_, out| {
        sample(out, Sample::new(1, 1.0));
        bytes(out, 3, b"");
        exemplar(out, &[], 0);
        metadata(out, 1, [0, 0]);
        number(out, 6, 77);
    });
    writer.series(&[], |_, _| {});
    let mut reader = Reader::default();
    assert_eq!(reader.read_v2(&writer.message()).unwrap().n_faults(), 1);
    let v1 = encoder::message([encoder::series(&[("x", "y")], &[Sample::new(3, 1.0)])]);
    let request = reader.read(&v1).unwrap();
    assert_eq!((request.n_series(), request.n_faults(), request.histograms().count()), (1, 0, 0));
    assert_eq!((request.exemplars().count(), request.metadata().count()), (0, 0));
    assert_eq!(request.counts().metadata, 0);
    let request = reader.read_v2(GOLDEN).unwrap();
    assert_eq!((request.n_series(), request.metadata().count()), (1, 0));
    reader.shrink_to(0);
    assert_eq!(reader.read_v2(GOLDEN).unwrap().n_series(), 1);
}

/// Labels and samples without starts.
type Told = (Vec<(String, String)>, Vec<(i64, u64)>);

fn any_series() -> impl Strategy<Value = Told> {
    let labels = btree_map(".{1,140}", ".{1,140}", 0..8);
    let time = prop_oneof![any::<i64>(), 1_000_000_000_000..=4_400_000_000_000i64];
    let value = prop_oneof![any::<u64>(), Just(0)];
    (labels.prop_map(|labels| labels.into_iter().collect()), vec((time, value), 1..5))
}

fn borrowed(labels: &[(String, String)]) -> Vec<(&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn samples_of(told: &Told) -> Vec<Sample> {
    told.1.iter().map(|(t, bits)| Sample::new(*t, f64::from_bits(*bits))).collect()
}

/// A series' spelling, and of each sample its time, the bits of its value, and its start.
type Spelled = (Vec<u8>, Vec<(i64, u64, i64)>);

fn series_of(request: &Request<'_>) -> Vec<Spelled> {
    let one = |series: usize| {
        let samples = request.samples(series).iter();
        let samples = samples.map(|s| (s.t_ms, s.value.to_bits(), s.start_ms)).collect();
        (request.spelling(series).to_vec(), samples)
    };
    (0..request.n_series()).map(one).collect()
}

fn message_v2(all: &[Told]) -> Vec<u8> {
    let mut writer = Writer::new();
    for told in all {
        writer.series(&borrowed(&told.0), |_, out| {
            samples_of(told).into_iter().for_each(|one| sample(out, one));
        });
    }
    writer.message()
}

proptest! {
    /// The same series, told in both versions, are spelled the same and have the same samples.
    #[test]
    fn both_versions_say_the_same(all in vec(any_series(), 0..8)) {
        let v1: Vec<Vec<u8>> = all
            .iter()
            .map(|told| encoder::series(&borrowed(&told.0), &samples_of(told)))
            .collect();
        let (v1, v2) = (encoder::message(v1), message_v2(&all));
        let (mut one, mut two) = (Reader::default(), Reader::default());
        let (one, two) = (one.read(&v1).unwrap(), two.read_v2(&v2).unwrap());
        prop_assert_eq!(two.n_faults(), 0);
        prop_assert_eq!(series_of(&one), series_of(&two));
        for (series, told) in all.iter().enumerate() {
            prop_assert_eq!(labels_of(&two, series), borrowed(&told.0));
        }
    }

    /// Whatever the form of a sample, its start is its own.
    #[test]
    fn starts_are_read(t_ms in any::<i64>(), start_ms in prop_oneof![any::<i64>(), 1_000_000_000_000..=4_400_000_000_000i64], now in any::<bool>()) {
        let t_ms = if now { 1_760_000_000_000 } else { t_ms };
        let given = Sample { t_ms, value: 1.5, start_ms };
        let mut writer = Writer::new();
        writer.series(&[("a", "b")], |_, out| sample(out, given));
        let message = writer.message();
        let mut reader = Reader::default();
        let request = reader.read_v2(&message).unwrap();
        prop_assert!(request.samples(0)[0].same_bits(&given));
    }

    #[test]
    fn damaged_messages_end_without_a_panic(
        all in vec(any_series(), 1..4),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        noise in vec(any::<u8>(), 0..200),
    ) {
        let mut message = message_v2(&all);
        let at = at.index(message.len());
        message[at] = byte;
        for message in [message, noise] {
            let mut reader = Reader::default();
            let Ok(request) = reader.read_v2(&message) else { continue };
            for series in 0..request.n_series() {
                let mut labels = Vec::new();
                if request.labels(series, &mut labels).is_ok() {
                    prop_assert!(labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
                }
            }
            let _said = request.metadata().count();
            for (index, _, all) in request.exemplars() {
                all.for_each(|one| _ = request.read_exemplar(index, one));
            }
            for (index, _, all) in request.histograms() {
                all.for_each(|one| _ = request.read_histogram(index, one));
            }
        }
    }
}

#[test]
fn lengths_are_counted_as_they_are_written() {
    for length in [0, 1, 127, 128, 16_383, 16_384, 1 << 21, 1 << 28, u32::MAX as usize] {
        let mut out = Vec::new();
        varint(&mut out, length as u64);
        assert_eq!(super::head_bytes(length), 1 + out.len(), "{length}");
    }
}
