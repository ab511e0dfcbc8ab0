//! Bodies of the push API and what becomes of them, as files: one body per line, the outcome on
//! the line after it. `UPDATE_EXPECT=1` writes the outcomes anew.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::fmt::Write as _;
use std::path::Path;

use expect_test::expect_file;
use wire::push::{self, MetricPush, PushError, PushErrorKind};

/// Reads every body of `tests/cases/push/<file>` and compares the file with what it should be.
#[track_caller]
fn check(file: &str, outcome: fn(&[u8]) -> Result<String, PushError>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/push").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut want = String::new();
    for body in text.lines().filter(|line| !line.starts_with("  ")) {
        let outcome = outcome(body.as_bytes()).unwrap_or_else(|error| refusal(&error));
        writeln!(want, "{body}\n  {outcome}").unwrap();
    }
    assert!(!want.is_empty(), "{file} has no bodies");
    expect_file![path].assert_eq(&want);
}

fn refusal(error: &PushError) -> String {
    let kind = match error.kind {
        PushErrorKind::Syntax { .. } => "syntax",
        PushErrorKind::Shape => "shape",
        PushErrorKind::Limit => "limit",
    };
    format!("! {kind} at {:?}: {error}", error.field)
}

fn show(metric: &MetricPush<'_>) -> String {
    let mut text = metric.series("service_metric").to_string();
    for sample in metric.samples() {
        match sample.t_ms {
            Some(t_ms) => write!(text, " {:?}@{t_ms}", sample.value).unwrap(),
            None => write!(text, " {:?}", sample.value).unwrap(),
        }
    }
    text
}

#[test]
fn climate_b1_services() {
    check("service.txt", |body| push::parse_service(body).map(|push| format!("{push:?}")));
}

#[test]
fn climate_b2_metrics() {
    check("metric.txt", |body| push::parse_metric(body).map(|metric| show(&metric)));
}

#[test]
fn climate_b2_metric_batches() {
    check("batch.txt", |body| {
        let metrics = push::parse_metric_batch(body)?;
        let shown: Vec<String> = metrics.iter().map(show).collect();
        Ok(format!("{} items {}", metrics.len(), shown.join(" | ")).trim_end().to_owned())
    });
}

#[test]
fn climate_b3_pipelines() {
    check("pipeline.txt", |body| push::parse_pipeline(body).map(|push| format!("{push:?}")));
}

#[test]
fn climate_b4_alerts() {
    check("alert.txt", |body| push::parse_alert(body).map(|push| format!("{push:?}")));
}

#[test]
fn climate_acknowledgements() {
    check("acknowledge.txt", |body| push::parse_acknowledge(body).map(|push| format!("{push:?}")));
}
