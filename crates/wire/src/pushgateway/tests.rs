use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, Labels, MetadataKind, ResetHint};
use proptest::prelude::*;

use super::{PushedFamily, PushedPage, PushedValue, read_group, read_page, read_path, write_group};
use crate::openmetrics::Dialect;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

#[test]
fn paths_name_groups() {
    for (path, pairs) in [
        ("job/a", &[("job", "a")][..]),
        ("job/a/", &[("job", "a")]),
        ("job/a/instance/b", &[("job", "a"), ("instance", "b")]),
        ("job/a%2Fb/x/1%20%c3%a9", &[("job", "a/b"), ("x", "1 é")]),
        ("job/a/path@base64/L3Zhci90bXA", &[("job", "a"), ("path", "/var/tmp")]),
        ("job/a/path@base64/L3Zhci90bXA=", &[("job", "a"), ("path", "/var/tmp")]),
        ("job@base64/8J-YgA/x/1", &[("job", "😀"), ("x", "1")]),
        ("job/a/x@base64/=/y/1", &[("job", "a"), ("y", "1")]),
        ("job/a/x/", &[("job", "a")]),
        ("job/a/x//y/1", &[("job", "a"), ("y", "1")]),
        ("job/a/a.b/1", &[("job", "a"), ("a.b", "1")]),
    ] {
        assert_eq!(read_path(path), Ok(labels(pairs)), "{path}");
    }
    for (path, told) in [
        ("", "begins with job/NAME"),
        ("job", "begins with job/NAME"),
        ("job/", "begins with job/NAME"),
        ("job@base64/=", "begins with job/NAME"),
        ("instance/a", "begins with job/NAME"),
        ("job/a/x", "label \"x\" has no value"),
        ("job/a/x/1/y", "label \"y\" has no value"),
        ("job/a/__name__/x", "label \"__name__\" cannot be that of a group"),
        ("job/a//x", "label \"\" cannot be that of a group"),
        ("job/a/job/b", "given twice"),
        ("job/a/x/1/x/2", "given twice"),
        ("job/a%2", "is not a text with percent signs"),
        ("job/a%zz", "is not a text with percent signs"),
        ("job/%ff", "is not a text with percent signs"),
        ("job/a/x@base64/!", "is not a text in base64"),
        ("job/a/x@base64/_w", "is not a text in base64"),
    ] {
        let fault = read_path(path).unwrap_err().to_string();
        assert!(fault.contains(told), "{path}: {fault}");
    }
}

const PAGE: &str = "\
# TYPE runs counter
# HELP runs Runs\\nof it.
runs{mode=\"a\"} 3
runs{mode=\"b\"} 4
lone 5
# TYPE took histogram
took_bucket{le=\"+Inf\"} 2
took_sum 1.5
took_count 2
took_max 1
";

#[test]
fn a_page_is_families() {
    let page = read_page(PAGE.as_bytes(), Dialect::Prometheus).unwrap();
    let told: Vec<_> = page
        .iter()
        .map(|(name, family)| (name.as_str(), family.kind, family.series.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("lone", MetadataKind::Unknown, 1),
            ("runs", MetadataKind::Counter, 2),
            ("took", MetadataKind::Histogram, 3),
            ("took_max", MetadataKind::Unknown, 1),
        ]
    );
    assert_eq!(page["runs"].help, "Runs\nof it.");
    assert_eq!(page["took"].series[0].0, labels(&[("__name__", "took_bucket"), ("le", "+Inf")]));
    assert_eq!(read_group(&write_group(&page)).unwrap(), page);
    assert_eq!(read_page(b"", Dialect::Prometheus).unwrap(), PushedPage::new());
}

#[test]
fn pages_that_no_group_can_have_are_refused_with_the_line() {
    for (page, told) in [
        ("a 1\nb 2 3\n", "line 2: a pushed metric has no timestamp"),
        ("a{x=\"1\"} 1\na{x=\"1\"} 2\n", "line 2: a{x=\"1\"} is there before"),
        ("a{x=\"1\",x=\"2\"} 1\n", "line 1: label \"x\" is given twice"),
        ("a\n", "line 1, column 2: expected a blank"),
    ] {
        let fault = read_page(page.as_bytes(), Dialect::Prometheus).unwrap_err().to_string();
        assert!(fault.starts_with(told), "{fault}");
    }
}

/// A histogram stands behind the page, and is found by its series, whatever that is called.
#[test]
fn histograms_are_kept() {
    let layout = BucketLayout {
        schema: -4,
        zero_threshold: 0.5,
        positive_spans: vec![
            BucketSpan { offset: -3, length: 1 },
            BucketSpan { offset: 9, length: 2 },
        ],
        negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
        custom_bounds: Vec::new(),
    };
    let histogram = Histogram {
        reset_hint: ResetHint::Gauge,
        layout: Arc::new(layout),
        count: 7.5,
        sum: -0.0,
        zero_count: 1.0,
        positive: vec![1.0, 0.0, 2.5],
        negative: vec![3.0],
    };
    let odd = labels(&[("__name__", "a\n# EOF\n"), ("x y", "} \"\\ 1")]);
    let series = vec![
        (odd, PushedValue::Histogram(Arc::new(histogram))),
        (labels(&[("__name__", "n")]), 2.0.into()),
        (labels(&[("__name__", "b")]), PushedValue::Histogram(Arc::new(Histogram::default()))),
    ];
    let mut page = PushedPage::new();
    for (series, value) in series {
        let family =
            PushedFamily { series: vec![(series.clone(), value)], ..PushedFamily::default() };
        page.insert(series.metric_name().to_owned(), family);
    }
    let kept = write_group(&page);
    assert_eq!(read_group(&kept).unwrap(), page);
    for wrong in ["{\"c\"} AA==\n", "{\"b\"} !\n", "{\"b\"} CAUI\n", "b\n"] {
        let fault = read_group(&format!("{kept}{wrong}")).unwrap_err().to_string();
        assert!(fault.contains("histogram 3"), "{wrong}: {fault}");
    }
    assert_eq!(read_group("# EOF\n").unwrap(), PushedPage::new());
}

proptest! {
    #[test]
    fn any_path_is_a_group_or_a_fault(path in "[a-z/%@=0-9_]{0,40}") {
        let _ = read_path(&path);
    }

    #[test]
    fn labels_are_read_from_either_form(value in "\\PC{1,12}") {
        use base64::Engine as _;
        let percent: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let base64 = base64::engine::general_purpose::URL_SAFE.encode(&value);
        let wanted = labels(&[("job", &value), ("x", &value)]);
        prop_assert_eq!(read_path(&format!("job/{percent}/x@base64/{base64}")), Ok(wanted));
    }

    #[test]
    fn groups_are_kept_as_they_were(
        families in proptest::collection::btree_map("\\PC{1,6}", (0..8_usize, "[ -~\n]{0,9}", any::<i32>()), 0..4),
        name in "\\PC{1,6}",
        value in "[ -~\né]{1,9}",
    ) {
        let mut page = PushedPage::new();
        for (metric, (kind, help, number)) in families {
            // Numbers of a page are ordinary ones, and each family is of the sample's own name.
            let series = Labels::new([("__name__", metric.as_str()), (&name, &value)]);
            let Ok(series) = series else { continue };
            let family = PushedFamily {
                kind: MetadataKind::ALL[kind],
                help,
                series: vec![(series, (f64::from(number) / 8.0).into())],
            };
            page.insert(metric, family);
        }
        prop_assert_eq!(read_group(&write_group(&page)).unwrap(), page);
    }
}
