//! One set of families in every format, as files. `UPDATE_EXPECT=1` writes them anew.

use std::path::Path;

use expect_test::expect_file;
use model::{Family, Labels, MetricKind, Point};
use wire::exposition::{Escaping, Format, LeftOut, Syntax, write};

use crate::protobuf_reader;

/// What a small host, its GPU and a service say.
fn families() -> Vec<Family> {
    let mut per_cpu = Family::gauge("cpu_percent_per_cpu", "Percent of time busy, per core.");
    for (core, percent) in [("0", 12.5), ("1", 0.0), ("2", 100.0)] {
        per_cpu.push_with([("core", core)], percent);
    }
    let mut gpu = Family::gauge("gpu_temperature_celsius", "Temperature of the GPU.");
    gpu.push_with([("gpu_id", "0"), ("name", "NVIDIA \"H200\"\\SXM\n5")], 41.0);
    let mut pushed = Family::new("queue.size", "A name of today.", MetricKind::Untyped);
    pushed.push_with([("service.name", "api"), ("zone", "größe")], f64::NEG_INFINITY);
    vec![
        Family::gauge(
            "cpu_percent_total",
            "Percent of time busy; a gauge\nin spite of its name \\o/.",
        )
        .with_value(37.5),
        per_cpu,
        Family::counter("cpu_ctx_switches_total", "Context switches since \"boot\".")
            .with_value(123_456_789.0),
        Family::counter("boots", "A counter without the suffix.").with_value(1.0),
        Family::gauge("memory_virtual_total_bytes", "").with_value(16_777_216_000.0),
        Family::gauge("never_measured", "Not a number.").with_value(f64::NAN),
        Family::gauge("no_points", "Not shown."),
        gpu,
        pushed,
        histogram(),
        summary(),
    ]
}

fn histogram() -> Family {
    let mut family =
        Family::new("request_seconds", "How long requests took.", MetricKind::Histogram);
    for method in ["get", "post"] {
        let labels = |le: &str| Labels::new([("method", method), ("le", le)]).unwrap();
        let points = [
            ("_bucket", "0.005", 2.0),
            ("_bucket", "1", 5_000_000.0),
            ("_bucket", "+Inf", 5_000_001.0),
            ("_sum", "", 17.25),
            ("_count", "", 5_000_001.0),
        ];
        family.points.extend(points.map(|(suffix, le, value)| Point {
            suffix,
            labels: labels(le),
            value,
        }));
    }
    family
}

fn summary() -> Family {
    let mut family = Family::new("gc_seconds", "Pauses.", MetricKind::Summary);
    let points = [("", "0.5", 0.001), ("", "0.99", 0.02), ("_sum", "", 1.5), ("_count", "", 90.0)];
    family.points.extend(points.map(|(suffix, quantile, value)| Point {
        suffix,
        labels: Labels::new([("quantile", quantile)]).unwrap(),
        value,
    }));
    family
}

#[track_caller]
fn check(syntax: Syntax, escaping: Escaping, file: &str) {
    let mut page = Vec::new();
    let left_out = write(&families(), Format { syntax, escaping }, &mut page);
    assert_eq!(left_out, LeftOut::default());
    let text = match syntax {
        Syntax::Protobuf => protobuf_reader::dump(&page),
        Syntax::Text | Syntax::OpenMetrics => String::from_utf8(page).unwrap(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/exposition");
    expect_file![folder.join(file)].assert_eq(&text);
}

#[test]
fn text() {
    check(Syntax::Text, Escaping::Underscores, "text.txt");
    check(Syntax::Text, Escaping::AllowUtf8, "text-utf8.txt");
}

#[test]
fn openmetrics() {
    check(Syntax::OpenMetrics, Escaping::Underscores, "openmetrics.txt");
    check(Syntax::OpenMetrics, Escaping::AllowUtf8, "openmetrics-utf8.txt");
}

#[test]
fn protobuf() {
    check(Syntax::Protobuf, Escaping::Underscores, "protobuf.txt");
    check(Syntax::Protobuf, Escaping::AllowUtf8, "protobuf-utf8.txt");
}
