use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::codec::histograms::random;

type Row = (SeriesRef, HistogramSample);

fn row(reference: u64, t_ms: i64, start_ms: i64, histogram: Histogram) -> Row {
    let histogram = Arc::new(histogram);
    (SeriesRef::from_bits(reference), HistogramSample { t_ms, start_ms, histogram })
}

/// Rows of a few layouts; each row changes to any of them.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let time = || prop_oneof![any::<i64>(), 0..2_000_000_000_000_i64];
    let start = prop_oneof![Just(0), any::<i64>(), 0..2_000_000_000_000_i64];
    let runs = vec(random::run(), 1..4);
    let picks = vec((any::<prop::sample::Index>(), any::<u64>(), time(), start), 1..30);
    (runs, picks).prop_map(|(runs, picks)| {
        let all: Vec<Histogram> = runs.into_iter().flatten().collect();
        let pick = |(at, reference, t_ms, start_ms): (prop::sample::Index, _, _, _)| {
            row(reference, t_ms, start_ms, at.get(&all).clone())
        };
        picks.into_iter().map(pick).collect()
    })
}

fn encoded(rows: &[Row]) -> Vec<u8> {
    let (mut payload, mut before) = (Vec::new(), BeforeHistogram::default());
    for (reference, sample) in rows {
        let begin = payload.len();
        encode_histogram(&mut payload, &mut before, *reference, sample);
        assert!(payload.len() - begin <= histogram_bytes(&sample.histogram));
    }
    payload
}

fn decoded(payload: &[u8]) -> Result<Vec<Row>, MalformedPayload> {
    Histograms::new(payload).collect()
}

fn same(one: &Row, other: &Row) -> bool {
    let mut sample = other.1.clone();
    if sample.histogram.is_stale_marker() {
        sample.histogram = Arc::new(Histogram::stale_marker());
    }
    one.0 == other.0 && one.1.same_bits(&sample)
}

proptest! {
    #[test]
    fn rows_come_back(rows in rows()) {
        let out = decoded(&encoded(&rows)).unwrap();
        prop_assert_eq!(out.len(), rows.len());
        for (one, other) in out.iter().zip(&rows) {
            prop_assert!(same(one, other), "{:?} is not {:?}", one, other);
        }
    }

    #[test]
    fn damaged_payloads_do_no_harm(
        rows in rows(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut payload = encoded(&rows);
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let _any = decoded(&payload);
        payload.truncate(cut.index(payload.len()));
        let _any = decoded(&payload);
    }

    #[test]
    fn any_payload_does_no_harm(payload in vec(any::<u8>(), 0..200)) {
        let _any = decoded(&payload);
    }
}

fn counting(layout: &Arc<BucketLayout>, count: f64) -> Histogram {
    Histogram { layout: Arc::clone(layout), count, zero_count: count, ..Histogram::default() }
}

#[test]
fn a_layout_is_written_where_it_changes() {
    let layout = |schema| Arc::new(BucketLayout { schema, ..BucketLayout::default() });
    let (one, other) = (layout(1), layout(2));
    let rows = [
        row(7, 1000, 0, Histogram::stale_marker()),
        row(7, 1000, 900, counting(&one, 3.0)),
        row(8, 1000, 900, counting(&layout(1), 4.0)),
        row(9, 1000, 900, Histogram::stale_marker()),
        row(9, 2000, 900, counting(&one, 5.0)),
        row(9, 3000, 900, counting(&other, 6.0)),
    ];
    #[rustfmt::skip]
    let expected: &[u8] = &[
        14, 0xd0, 0x0f, 0, 0, 1, 0b1000,                // stale: no layout, one byte of numbers
        0, 0, 0xca, 0x01, 6, 1, 1, 0x10, 0, 0, 0,       // the layout in six bytes,
            11, 0b0100, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3,   // then the numbers
        2, 0, 0xca, 0x01, 0,
            11, 0b0100, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4,
        2, 0, 0xca, 0x01, 0, 1, 0b1000,
        0, 0xd0, 0x0f, 0x9a, 0x11, 0,
            11, 0b0100, 0, 0, 0, 0, 0, 0, 0, 0, 5, 5,
        0, 0xd0, 0x0f, 0xea, 0x20, 6, 2, 1, 0x10, 0, 0, 0,
            11, 0b0100, 0, 0, 0, 0, 0, 0, 0, 0, 6, 6,
    ];
    assert_eq!(encoded(&rows), expected);
    let out = decoded(expected).unwrap();
    assert!(out.iter().zip(&rows).all(|(one, other)| same(one, other)));
    assert!(Arc::ptr_eq(&out[1].1.histogram.layout, &out[4].1.histogram.layout));
}

#[test]
fn a_histogram_without_any_layout_is_malformed() {
    let rows = [row(1, 1, 0, counting(&Arc::default(), 1.0))];
    let mut payload = encoded(&rows);
    assert_eq!(payload[3], 6, "here the layout begins");
    payload.drain(4..10);
    payload[3] = 0;
    assert!(decoded(&payload).is_err());
}
