//! What a line says, what it refuses, and that nothing is lost on the way.

use model::{Labels, STALE_MARKER_BITS, Sample};
use proptest::prelude::*;

use super::{LineError, Nans, SeriesLine, read_line, write_line};
use crate::openmetrics::ORDINARY_NAN_BITS;

fn written(series: &SeriesLine, nans: Nans) -> String {
    let mut out = Vec::new();
    write_line(&series.labels, &series.samples, nans, &mut out);
    String::from_utf8(out).unwrap()
}

fn series(values: &[f64]) -> SeriesLine {
    let labels = Labels::of_metric("up", [("job", "x\"\n")]).unwrap();
    let samples = values.iter().zip(1..).map(|(value, t_ms)| Sample::new(t_ms, *value));
    SeriesLine { labels, samples: samples.collect() }
}

#[test]
fn values_are_written_so_that_they_can_be_told_apart() {
    let special = [
        1.0,
        -0.0,
        0.1,
        1e300,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::from_bits(ORDINARY_NAN_BITS),
        f64::from_bits(STALE_MARKER_BITS),
        f64::from_bits(0xfff8_0000_0000_0005),
    ];
    assert_eq!(
        written(&series(&special), Nans::Exact),
        concat!(
            r#"{"metric":{"__name__":"up","job":"x\"\n"},"values":[1,-0,0.1,1e300,"Infinity","#,
            r#""-Infinity",null,"StaleNaN","NaN(fff8000000000005)"],"#,
            r#""timestamps":[1,2,3,4,5,6,7,8,9]}"#,
            "\n"
        )
    );
    let plain = written(&series(&special[6..]), Nans::Plain);
    assert!(plain.contains(r#""values":[null,null,null]"#), "{plain}");
}

#[test]
fn what_victoria_metrics_writes_is_read() {
    let line = br#" {"metric":{"__name__":"up","job":"a"},"values":[1,null,"NaN","Infinity","-inf",-2.5e-3],"timestamps":[1549891472010,2,3,4,5,-6],"more":{"x":[1]}} "#;
    let read = read_line(line).unwrap();
    assert_eq!(read.labels.to_string(), "up{job=\"a\"}");
    let bits: Vec<u64> = read.samples.iter().map(|sample| sample.value.to_bits()).collect();
    let infinities = [f64::INFINITY.to_bits(), f64::NEG_INFINITY.to_bits()];
    assert_eq!(bits[..3], [1.0_f64.to_bits(), ORDINARY_NAN_BITS, ORDINARY_NAN_BITS]);
    assert_eq!(bits[3..5], infinities);
    let times: Vec<i64> = read.samples.iter().map(|sample| sample.t_ms).collect();
    assert_eq!(times, [1_549_891_472_010, 2, 3, 4, 5, -6]);
}

#[test]
fn a_bad_line_is_refused_with_its_place() {
    for (line, expected) in [
        ("", "EOF"),
        ("[]", "an object with"),
        ("{}", "no \"metric\""),
        (r#"{"metric":{},"values":[1]}"#, "no \"timestamps\""),
        (r#"{"metric":{},"values":[1],"timestamps":[]}"#, "1 values have 0 timestamps"),
        (
            r#"{"metric":{},"values":[1],"timestamps":[1],"start_timestamps":[1,2]}"#,
            "2 start timestamps",
        ),
        (r#"{"metric":{"a":1},"values":[],"timestamps":[]}"#, "column 16"),
        (r#"{"metric":{"":"x"},"values":[],"timestamps":[]}"#, "empty name"),
        (r#"{"metric":{"a":"x","a":"y"},"values":[],"timestamps":[]}"#, "twice"),
        (r#"{"metric":{},"metric":{},"values":[],"timestamps":[]}"#, "given twice"),
        (r#"{"metric":{},"values":["1"],"timestamps":[1]}"#, "StaleNaN"),
        (r#"{"metric":{},"values":[NaN],"timestamps":[1]}"#, "column 24"),
        (r#"{"metric":{},"values":["NaN(7)"],"timestamps":[1]}"#, "StaleNaN"),
        (r#"{"metric":{},"values":["NaN(0000000000000000)"],"timestamps":[1]}"#, "StaleNaN"),
        (r#"{"metric":{},"values":[true],"timestamps":[1]}"#, "StaleNaN"),
        (r#"{"metric":{},"values":[1],"timestamps":[1.5]}"#, "column 43"),
        (r#"{"metric":{},"values":[1],"timestamps":[1]} {}"#, "trailing"),
    ] {
        let error: LineError = read_line(line.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(expected), "{line}: {error}");
    }
}

#[test]
fn an_endless_nesting_is_refused() {
    let line = format!("{{\"x\":{}", "[".repeat(100_000));
    assert!(read_line(line.as_bytes()).is_err());
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let value = prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(-0.0),
        Just(f64::from_bits(STALE_MARKER_BITS)),
        Just(f64::from_bits(ORDINARY_NAN_BITS)),
        any::<i32>().prop_map(f64::from),
        Just(9_007_199_254_740_993.0),
    ];
    let start = prop_oneof![Just(0), any::<i64>()];
    (any::<i64>(), value, start).prop_map(|(t_ms, value, start_ms)| Sample {
        t_ms,
        value,
        start_ms,
    })
}

proptest! {
    #[test]
    fn every_bit_comes_back(
        pairs in prop::collection::btree_map("\\PC{1,6}|a", "\\PC{1,6}|[\"\\\\\n]{1,4}", 0..4),
        samples in prop::collection::vec(any_sample(), 0..40),
    ) {
        let line = SeriesLine { labels: Labels::new(pairs).unwrap(), samples };
        let text = written(&line, Nans::Exact);
        let back = read_line(text.trim_end_matches('\n').as_bytes()).unwrap();
        prop_assert_eq!(&back.labels, &line.labels);
        prop_assert_eq!(back.samples.len(), line.samples.len());
        for (back, sent) in back.samples.iter().zip(&line.samples) {
            prop_assert!(back.same_bits(sent), "{:?} became {:?} in {}", sent, back, text);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..80)) {
        let _either = read_line(&line);
    }

    #[test]
    fn a_line_that_was_damaged_is_read_or_refused(at in 0_usize..90, byte in any::<u8>()) {
        let mut line = written(&series(&[1.0, f64::NAN]), Nans::Exact).into_bytes();
        let at = at % line.len();
        line[at] = byte;
        let _either = read_line(&line);
    }
}
