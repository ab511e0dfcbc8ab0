//! Whatever families come, a page can be read and says what they said.

use std::collections::{BTreeMap, HashSet};

use model::{Family, Labels, MetricKind, Point};
use proptest::prelude::*;
use wire::exposition::{Escaping, Format, Syntax, write};

use crate::protobuf_reader::plain_families;
use crate::text_reader::{self, Sample};

pub(crate) const KINDS: [MetricKind; 5] = [
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Summary,
    MetricKind::Untyped,
    MetricKind::Histogram,
];
const SCHEMES: [Escaping; 4] =
    [Escaping::Underscores, Escaping::AllowUtf8, Escaping::Dots, Escaping::Values];

/// Few different names, so that they clash often, and some that need quotes.
fn names() -> impl Strategy<Value = String> {
    let base = prop::sample::select(vec!["a", "b.c", "b_c", "é", "x\"\\\n", "9", "h:h", "_"]);
    let suffix = prop::sample::select(vec![
        "",
        "",
        "_total",
        "_total",
        "_count",
        "_sum",
        "_bucket",
        "_created",
        "_count_total",
    ]);
    (base, suffix).prop_map(|(base, suffix)| format!("{base}{suffix}"))
}

fn values() -> impl Strategy<Value = f64> {
    prop_oneof![Just(f64::NAN), Just(1.0), Just(-0.0), 0.0..1e9, any::<f64>()]
}

fn labels() -> impl Strategy<Value = Labels> {
    let name = prop::sample::select(vec!["a", "b.c", "b_c", "b:c", "é", "le", "quantile"]);
    let text = prop_oneof![
        3 => "[01.5]{1,3}|[+]Inf|NaN",
        2 => "(?s)[ab\"\\\\\n,={}é]{1,6}",
    ];
    prop::collection::btree_map(name, text, 0..4).prop_map(|pairs| Labels::new(pairs).unwrap())
}

pub(crate) fn families(kinds: &'static [MetricKind]) -> impl Strategy<Value = Vec<Family>> {
    let suffix = prop::sample::select(vec!["", "", "_bucket", "_bucket", "_sum", "_count"]);
    let point = (suffix, labels(), values()).prop_map(|(suffix, labels, value)| Point {
        suffix,
        labels,
        value,
    });
    let points = prop::collection::vec(point, 0..6);
    let family = (names(), "(?s)[a\"\\\\\n]{0,4}", prop::sample::select(kinds), points).prop_map(
        |(name, help, kind, points)| {
            let mut family = Family::new(name, help, kind);
            let mut seen = HashSet::new();
            let is_new = |point: &Point| seen.insert((point.suffix, point.labels.clone()));
            family.points = points.into_iter().filter(is_new).collect();
            family
        },
    );
    prop::collection::vec(family, 0..8)
}

/// Families of single numbers, whose points all belong.
fn plain() -> impl Strategy<Value = Vec<Family>> {
    const PLAIN: [MetricKind; 3] = [MetricKind::Counter, MetricKind::Gauge, MetricKind::Untyped];
    families(&PLAIN).prop_map(|mut families| {
        let points = families.iter_mut().flat_map(|family| &mut family.points);
        points.for_each(|point| point.suffix = "");
        for family in &mut families {
            let mut seen = HashSet::new();
            family.points.retain(|point| seen.insert(point.labels.clone()));
        }
        families
    })
}

/// The families that a page must show: the first of each name that has points.
fn shown(families: &[Family]) -> Vec<&Family> {
    let mut seen = HashSet::new();
    let has_points = families.iter().filter(|family| !family.points.is_empty());
    has_points.filter(|family| seen.insert(&family.name)).collect()
}

fn pairs(labels: &Labels) -> Vec<(String, String)> {
    labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
}

fn text_page(families: &[Family], format: Format) -> String {
    let mut page = Vec::new();
    let _counted_elsewhere = write(families, format, &mut page);
    String::from_utf8(page).unwrap()
}

/// Text formats do not tell -0 from 0, nor one NaN from another.
fn same_value(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

proptest! {
    #[test]
    fn text_says_what_the_families_said(families in plain()) {
        let format = Format { syntax: Syntax::Text, escaping: Escaping::AllowUtf8 };
        let read = text_reader::families(&text_page(&families, format));
        let shown = shown(&families);
        prop_assert_eq!(read.len(), shown.len());
        for (read, family) in read.iter().zip(shown) {
            prop_assert_eq!(&read.name, &family.name);
            prop_assert_eq!(read.help.as_deref().unwrap_or_default(), &family.help);
            prop_assert_eq!(read.samples.len(), family.points.len());
            for (sample, point) in read.samples.iter().zip(&family.points) {
                prop_assert_eq!(&sample.name, &family.name);
                prop_assert_eq!(&sample.labels, &pairs(&point.labels));
                prop_assert!(same_value(sample.value, point.value));
            }
        }
    }

    #[test]
    fn protobuf_says_what_the_families_said(families in plain()) {
        let format = Format { syntax: Syntax::Protobuf, escaping: Escaping::AllowUtf8 };
        let mut page = Vec::new();
        let left_out = write(&families, format, &mut page);
        prop_assert_eq!(left_out.points, 0);
        let read = plain_families(&page);
        let shown = shown(&families);
        prop_assert_eq!(read.len(), shown.len());
        for ((name, kind, metrics), family) in read.iter().zip(shown) {
            prop_assert_eq!(name, &family.name);
            prop_assert_eq!(KINDS[*kind as usize], family.kind);
            prop_assert_eq!(metrics.len(), family.points.len());
            for ((labels, value), point) in metrics.iter().zip(&family.points) {
                prop_assert_eq!(labels, &pairs(&point.labels));
                prop_assert_eq!(value.to_bits(), point.value.to_bits());
            }
        }
    }

    #[test]
    fn every_text_page_keeps_the_rules(
        families in families(&KINDS),
        escaping in prop::sample::select(&SCHEMES[..]),
    ) {
        for syntax in [Syntax::Text, Syntax::OpenMetrics] {
            let page = text_page(&families, Format { syntax, escaping });
            let body = match syntax {
                Syntax::OpenMetrics => page.strip_suffix("# EOF\n").expect("the end is marked"),
                _ => &page,
            };
            check_rules(&text_reader::families(body), syntax == Syntax::OpenMetrics, escaping);
        }
    }

    #[test]
    fn every_protobuf_page_can_be_read(
        families in families(&KINDS),
        escaping in prop::sample::select(&SCHEMES[..]),
    ) {
        let mut page = Vec::new();
        let _counted_elsewhere = write(&families, Format { syntax: Syntax::Protobuf, escaping }, &mut page);
        crate::protobuf_reader::dump(&page);
    }
}

fn check_rules(families: &[text_reader::Family], openmetrics: bool, escaping: Escaping) {
    let mut taken = HashSet::new();
    for family in families {
        for name in names_of(family, openmetrics) {
            assert!(taken.insert(name.clone()), "{name} belongs to two families");
        }
        let mut series = HashSet::new();
        for sample in &family.samples {
            assert!(series.insert((&sample.name, &sample.labels)), "{sample:?} twice");
            check_sample(family, sample, openmetrics, escaping);
        }
        if family.kind == "histogram" {
            check_histogram(&family.samples);
        }
    }
}

/// The names that belong to a family: its own and those of its samples, written or not.
fn names_of(family: &text_reader::Family, openmetrics: bool) -> Vec<String> {
    let suffixes: &[&str] = match (family.kind.as_str(), openmetrics) {
        ("counter", true) => &["", "_total", "_created"],
        ("histogram", true) => &["", "_bucket", "_sum", "_count", "_created"],
        ("histogram", false) => &["", "_bucket", "_sum", "_count"],
        ("summary", true) => &["", "_sum", "_count", "_created"],
        ("summary", false) => &["", "_sum", "_count"],
        _ => &[""],
    };
    suffixes.iter().map(|suffix| format!("{}{suffix}", family.name)).collect()
}

fn check_sample(
    family: &text_reader::Family,
    sample: &Sample,
    openmetrics: bool,
    escaping: Escaping,
) {
    let suffix = sample.name.strip_prefix(&family.name).expect("samples carry the family's name");
    let suffixes: &[&str] = match (family.kind.as_str(), openmetrics) {
        ("counter", true) => &["_total"],
        ("histogram", _) => &["_bucket", "_sum", "_count"],
        ("summary", _) => &["", "_sum", "_count"],
        ("unknown", true) | ("untyped" | "counter", false) | ("gauge", _) => &[""],
        other => panic!("type {other:?}"),
    };
    assert!(suffixes.contains(&suffix), "{} in a {}", sample.name, family.kind);
    assert!(!(openmetrics && family.kind == "counter") || sample.value >= 0.0, "{sample:?}");
    let mut names = HashSet::new();
    for (name, _) in &sample.labels {
        assert!(names.insert(name), "label {name} twice");
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        assert!(plain || escaping == Escaping::AllowUtf8, "label {name}");
    }
}

/// Of each label set: bounds rise to infinity, and its lines stand together.
fn check_histogram(samples: &[Sample]) {
    let mut bounds: BTreeMap<Vec<(String, String)>, Vec<f64>> = BTreeMap::new();
    let mut order = Vec::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        let le = labels.iter().position(|(name, _)| name == "le").map(|at| labels.remove(at).1);
        assert_eq!(le.is_some(), sample.name.ends_with("_bucket"), "{sample:?}");
        if order.last() != Some(&labels) {
            order.push(labels.clone());
        }
        let bounds = bounds.entry(labels).or_default();
        bounds.extend(le.map(|le| le.parse::<f64>().unwrap()));
    }
    assert_eq!(order.len(), bounds.len(), "label sets are interleaved");
    for bounds in bounds.values() {
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{bounds:?}");
        assert_eq!(bounds.last(), Some(&f64::INFINITY));
    }
}
