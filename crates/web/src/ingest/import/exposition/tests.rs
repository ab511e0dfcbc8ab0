//! What becomes of a page: its samples, since when they count, and their exemplars.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use expect_test::{Expect, expect};
use model::{METRIC_NAME, Matcher};
use stdx::Clock;
use storage::memory::MemoryStore;
use storage::{Ingest, Limits, Querier as _, Select};
use wire::openmetrics::Dialect;

use super::PageReader;
use crate::ingest::lines::{Encoding, Intake, Sink};
use crate::meter::ImportMeter;

const NOW_MS: i64 = 1_780_000_000_000;

struct StoppedClock;

impl Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// What is stored of a page, a line for each sample and exemplar, and how much was passed over. Times
/// are told from now on.
async fn stored(page: &str) -> String {
    let store = Arc::new(MemoryStore::default());
    let ingest = Ingest::new(store.clone(), Limits::default(), Arc::new(StoppedClock));
    let meter = Arc::<ImportMeter>::default();
    let sink = Sink::new(ingest, "test".into(), meter.clone());
    let (reader, body) =
        (PageReader::new(Dialect::OpenMetrics, NOW_MS), Body::from(page.to_owned()));
    let intake = Intake::new(Encoding::Identity, reader, sink, &body).unwrap();
    let told = intake.run(body).await.unwrap();
    let mut out = String::new();
    let every = || vec![Matcher::not_equal(METRIC_NAME, "")];
    for series in store.select(&Select::floats(every(), i64::MIN, i64::MAX)).unwrap() {
        let series = series.unwrap();
        for sample in &series.samples {
            write!(out, "{} {}", series.labels, sample.value).unwrap();
            match sample.start_ms {
                0 => writeln!(out).unwrap(),
                start_ms => writeln!(out, " since {}", start_ms - NOW_MS).unwrap(),
            }
        }
    }
    for series in store.exemplars(&every(), i64::MIN, i64::MAX).unwrap() {
        for exemplar in &series.exemplars {
            writeln!(out, "{} # {} {}", series.labels, exemplar.labels, exemplar.value).unwrap();
        }
    }
    writeln!(out, "passed over {}", meter.skipped.get()).unwrap();
    if let Err(error) = told.into_result() {
        writeln!(out, "{error:?}").unwrap();
    }
    out
}

async fn check(page: &str, expected: &Expect) {
    expected.assert_eq(&stored(page).await);
}

/// Wherever the line stands in its family.
#[tokio::test]
async fn a_family_counts_since_its_created_lines() {
    check(
        "# TYPE a counter\n\
         a_total{x=\"1\",y=\"2\"} 1\n\
         a_created{y=\"2\",x=\"1\"} 1779999999\n\
         a_total{x=\"2\"} 2 # {trace_id=\"t\"} 7\n\
         a_total{le=\"1\"} 3\n\
         a_created{le=\"1\"} 1779999998.5\n\
         # TYPE h histogram\n\
         # HELP h About.\n\
         h_created 1779999997\n\
         h_bucket{le=\"1\"} 1\n\
         h_bucket{le=\"+Inf\"} 2\n\
         h_count 2\n\
         h_sum 3\n\
         # TYPE s summary\n\
         s{quantile=\"0.5\"} 1\n\
         s_count 2\n\
         s_created 1779999996\n\
         s_sum 3\n\
         # TYPE g gauge\n\
         g_created 5\n\
         # EOF\n",
        &expect![[r#"
            a_total{le="1"} 3 since -1500
            a_total{x="1",y="2"} 1 since -1000
            a_total{x="2"} 2
            g_created{} 5
            h_bucket{le="+Inf"} 2 since -3000
            h_bucket{le="1.0"} 1 since -3000
            h_count{} 2 since -3000
            h_sum{} 3 since -3000
            s{quantile="0.5"} 1
            s_count{} 2 since -4000
            s_sum{} 3 since -4000
            a_total{x="2"} # {trace_id="t"} 7
            passed over 0
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_start_of_nothing_is_passed_over() {
    check(
        "# TYPE a counter\n\
         a_total 1\n\
         a_created NaN\n\
         a_created{x=\"1\"} 1779999999\n\
         other 1\n\
         # TYPE b counter\n\
         a_total{y=\"1\"} 1\n\
         b_total 1\n\
         b_created 1880000000\n\
         # EOF\n",
        &expect![[r#"
            a_total{} 1
            a_total{y="1"} 1
            b_total{} 1
            other{} 1
            passed over 2
        "#]],
    )
    .await;
}

/// A family larger than what waits goes ahead with what is known of it.
#[tokio::test]
async fn a_large_family_does_not_wait_for_its_end() {
    let mut page = "# TYPE a counter\na_created{i=\"0\"} 1779999999\n".to_owned();
    (0..5000).for_each(|i| writeln!(page, "a_total{{i=\"{i}\"}} 1").unwrap());
    page.push_str("a_created{i=\"4999\"} 1779999999\n# EOF\n");
    let stored = stored(&page).await;
    assert_eq!(stored.lines().count(), 5001);
    assert!(stored.contains("a_total{i=\"0\"} 1 since -1000\n"));
    assert!(stored.contains("a_total{i=\"4999\"} 1 since -1000\n"));
    assert!(stored.ends_with("passed over 0\n"));
}

/// An exemplar goes with its own sample or not at all.
#[tokio::test]
async fn the_exemplar_of_a_refused_sample_is_no_other_samples() {
    let page = "a_total 1\n\
                b_total 1 99999999999 # {trace_id=\"t\"} 7\n\
                c_total 1 # {trace_id=\"u\"} 8\n\
                # EOF\n";
    let stored = stored(page).await;
    let (told, refused) = stored.split_once("passed over 0\n").unwrap();
    assert_eq!(told, "a_total{} 1\nc_total{} 1\nc_total{} # {trace_id=\"u\"} 8\n");
    assert!(refused.contains("line 2: "), "{refused}");
}
