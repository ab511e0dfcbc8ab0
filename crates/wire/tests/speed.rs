//! How fast the formats are. Run in release:
//! `cargo test --release -p wire --test speed -- --ignored --nocapture --test-threads 1`

use std::time::Duration;

use model::Family;
use stdx::{Clock, SystemClock};
use wire::exposition::{Escaping, Format, LeftOut, Syntax, write};
use wire::json_lines::read_line;
use wire::openmetrics::{Dialect, Line, Page};
use wire::push::parse_metric_batch;

/// The fastest of several runs: the one that was disturbed least.
fn fastest(mut run: impl FnMut()) -> Duration {
    let clock = SystemClock::new();
    let runs = (0..50).map(|_| {
        let start = clock.monotonic();
        run();
        clock.monotonic() - start
    });
    runs.min().expect("fifty runs")
}

/// 200 families, 800 points with three labels each.
fn families() -> Vec<Family> {
    let values = [0.0, 1.0, 12.75, 16_777_216_000.0];
    let family = |n: usize| {
        let name = format!("node_subsystem_{n}_seconds_total");
        let mut family = Family::counter(name, "What this counter counts, in one sentence.");
        for (cpu, value) in ["0", "1", "2", "3"].into_iter().zip(values) {
            family.push_with([("cpu", cpu), ("mode", "system"), ("zone", "rack-7b")], value);
        }
        family
    };
    (0..200).map(family).collect()
}

#[test]
#[ignore = "measures, in release only"]
fn a_page_of_800_points_takes_less_than_300_us() {
    let families = families();
    let mut page = Vec::new();
    for syntax in [Syntax::Text, Syntax::OpenMetrics, Syntax::Protobuf] {
        let format = Format { syntax, escaping: Escaping::Underscores };
        let took = fastest(|| {
            page.clear();
            assert_eq!(write(&families, format, &mut page), LeftOut::default());
        });
        println!("{syntax:?}: {took:?} for {} bytes", page.len());
        assert!(took < Duration::from_micros(300), "{syntax:?}: {took:?}");
    }
}

#[test]
#[ignore = "measures, in release only"]
fn a_core_reads_a_million_metrics_a_second() {
    let bare = |i: usize| {
        format!(r#"{{"service": "api-{}", "metric_type": "cpu", "value": {}.25}}"#, i % 50, i % 100)
    };
    let full = |i: usize| {
        format!(
            r#"{{"service":"api-{}","metric_type":"response_time_ms","value":{}.125,"timestamp":{},"labels":{{"zone":"eu-1","host":"node-{}"}}}}"#,
            i % 50,
            i % 1000,
            1_700_000_000 + i,
            i % 9
        )
    };
    for (what, item) in
        [("bare", &bare as &dyn Fn(usize) -> String), ("with time and labels", &full)]
    {
        let items: Vec<String> = (0..10_000).map(item).collect();
        let body = format!(r#"{{"metrics": [{}]}}"#, items.join(", "));
        let took = fastest(|| {
            assert_eq!(parse_metric_batch(body.as_bytes()).unwrap().len(), 10_000);
        });
        let per_second = 10_000.0 / took.as_secs_f64();
        let mb_per_second = body.len() as f64 / took.as_secs_f64() / 1e6;
        println!("{what}: {took:?}, {per_second:.0} metrics/s, {mb_per_second:.0} MB/s");
        assert!(per_second > 1e6, "{what}: {per_second}");
    }
}

#[test]
#[ignore = "measures, in release only"]
fn a_core_reads_three_million_lines_a_second() {
    let families = families();
    for (syntax, dialect) in
        [(Syntax::Text, Dialect::Prometheus), (Syntax::OpenMetrics, Dialect::OpenMetrics)]
    {
        let mut text = Vec::new();
        let format = Format { syntax, escaping: Escaping::Underscores };
        assert_eq!(write(&families, format, &mut text), LeftOut::default());
        let took = fastest(|| {
            let mut page = Page::new(text.as_slice(), dialect);
            let mut n_samples = 0;
            while let Some(line) = page.next().unwrap() {
                n_samples += usize::from(matches!(line, Line::Sample(_)));
            }
            assert_eq!(n_samples, 800);
        });
        let per_second = 800.0 / took.as_secs_f64();
        let mb_per_second = text.len() as f64 / took.as_secs_f64() / 1e6;
        println!("{dialect:?}: {took:?}, {per_second:.0} samples/s, {mb_per_second:.0} MB/s");
        assert!(per_second > 3e6, "{dialect:?}: {per_second}");
    }
}

#[test]
#[ignore = "measures, in release only"]
fn a_core_reads_ten_million_samples_of_json_lines_a_second() {
    let values: Vec<String> = (0..10_000).map(|i| format!("{}.{:02}", i % 977, i % 100)).collect();
    let times: Vec<String> =
        (0..10_000).map(|i| format!("{}", 1_700_000_000_000_i64 + 15_000 * i)).collect();
    let (values, times) = (values.join(","), times.join(","));
    let line = format!(
        r#"{{"metric":{{"__name__":"up","job":"x"}},"values":[{values}],"timestamps":[{times}]}}"#
    );
    let took = fastest(|| assert_eq!(read_line(line.as_bytes()).unwrap().samples.len(), 10_000));
    let per_second = 10_000.0 / took.as_secs_f64();
    println!("{took:?}, {per_second:.0} samples/s");
    assert!(per_second > 1e7, "{per_second}");
}
