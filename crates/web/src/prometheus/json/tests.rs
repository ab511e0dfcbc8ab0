//! Every number reads back, and looks as other programs expect it.

use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, Labels};
use proptest::prelude::*;

use super::{histogram, labels, message, number, scalar, text, texts, time, value};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn of_value(number: f64) -> String {
    written(|out| value(out, number)).trim_matches('"').to_owned()
}

#[test]
fn values_have_an_exponent_only_when_tiny_or_huge() {
    for (number, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (9.9e-7, "9.9e-07"),
        (-1e-7, "-1e-07"),
        (5e-324, "5e-324"),
        (1e15, "1000000000000000"),
        (9_007_199_254_740_993.0, "9007199254740992"),
        (1.5e20, "150000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e21, "-1.25e+21"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ] {
        assert_eq!(of_value(number), expected);
    }
}

/// Where two texts of the fewest digits are equally near, Prometheus writes the even one.
#[test]
fn digits_halfway_are_even() {
    assert_eq!(of_value(2_344_959_402_071_777.0 / 4.0), "586239850517944.2");
    assert_eq!(of_value(-2_344_959_402_071_779.0 / 4.0), "-586239850517944.8");
}

#[test]
fn scalars_never_have_one() {
    let of = |number| written(|out| scalar(out, number));
    assert_eq!(of(1e21), "\"1000000000000000000000\"");
    assert_eq!(of(1e-7), "\"0.0000001\"");
    assert_eq!(of(f64::NEG_INFINITY), "\"-Inf\"");
}

#[test]
fn times_are_seconds_with_none_or_three_decimals() {
    for (t_ms, expected) in [
        (0, "0"),
        (2000, "2"),
        (1500, "1.500"),
        (1_700_000_000_007, "1700000000.007"),
        (-1, "-0.001"),
        (-1000, "-1"),
        (i64::MAX, "9223372036854775.807"),
        (i64::MIN, "-9223372036854775.808"),
    ] {
        assert_eq!(written(|out| time(out, t_ms)), expected);
    }
}

#[test]
fn texts_are_escaped_and_messages_more() {
    let all = "a\"b\\c\nd\re\tf\u{1}\u{7f}<g>&é\u{1f600}";
    let of_text = written(|out| text(out, all));
    assert_eq!(of_text, "\"a\\\"b\\\\c\\nd\\re\\tf\\u0001\u{7f}<g>&é\u{1f600}\"");
    let of_message = written(|out| message(out, "<a>&\"b\""));
    assert_eq!(of_message, r#""\u003ca\u003e\u0026\"b\"""#);
    assert_eq!(written(|out| texts(out, ["a", "b"])), r#"["a","b"]"#);
    assert_eq!(written(|out| texts(out, [])), "[]");
    assert_eq!(written(|out| number(out, 0.25)), "0.25");
}

#[test]
fn labels_are_an_object_in_the_order_of_names() {
    let some = Labels::new([("b", "<2>"), ("__name__", "up")]).unwrap();
    assert_eq!(written(|out| labels(out, &some)), r#"{"__name__":"up","b":"<2>"}"#);
    assert_eq!(written(|out| labels(out, &Labels::default())), "{}");
}

#[test]
fn histograms_show_the_buckets_that_counted() {
    let layout = BucketLayout {
        schema: 0,
        zero_threshold: 0.001,
        positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
        negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
        custom_bounds: Vec::new(),
    };
    let some = Histogram {
        layout: Arc::new(layout),
        count: 7.0,
        sum: 1e-7,
        zero_count: 2.0,
        positive: vec![1.0, 0.0, 2.0],
        negative: vec![2.0],
        ..Histogram::default()
    };
    let expected = concat!(
        r#"{"count":"7","sum":"1e-07","buckets":[[1,"-2","-1","2"],"#,
        r#"[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"2","4","2"]]}"#
    );
    assert_eq!(written(|out| histogram(out, &some)), expected);
    let empty = Histogram::default();
    assert_eq!(written(|out| histogram(out, &empty)), r#"{"count":"0","sum":"0"}"#);
}

proptest! {
    #[test]
    fn every_value_reads_back(bits: u64) {
        let number = f64::from_bits(bits);
        prop_assume!(!number.is_nan());
        let read: f64 = of_value(number).replace("Inf", "inf").parse().unwrap();
        prop_assert_eq!(read.to_bits(), number.to_bits());
        let plain = written(|out| scalar(out, number));
        prop_assert!(!plain.contains('e'), "{}", plain);
    }

    /// As few as those of the standard library, in the range of plain ones, however they are found.
    #[test]
    fn values_have_the_fewest_digits(whole in 0_u64..1 << 60, digits in 0..18_i32) {
        for number in [whole as f64 / 10_f64.powi(digits), -1.0 / (whole as f64 / 1e12 + 3.0)] {
            prop_assume!(number == 0.0 || number.abs() >= 1e-6);
            prop_assert_eq!(of_value(number).len(), format!("{number}").len());
        }
    }

    #[test]
    fn every_text_is_json(some: String) {
        for written in [written(|out| text(out, &some)), written(|out| message(out, &some))] {
            let read: String = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&read, &some);
        }
    }

    #[test]
    fn every_time_is_json(t_ms in -100_000_000_000_000_i64..100_000_000_000_000) {
        let read: f64 = serde_json::from_str(&written(|out| time(out, t_ms))).unwrap();
        prop_assert_eq!((read * 1000.0).round() as i64, t_ms);
    }
}
