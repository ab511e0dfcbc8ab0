//! History: data sets that are long for the number of their series, so that what is measured is
//! how samples are kept and not how labels are.

use std::time::Duration;

use crate::store::Size;
use crate::store::load::Load;
use crate::store::page::{self, PageSeries};
use crate::store::random::Random;
use crate::store::remote_write::{self, N_REQUEST_SAMPLES, Renderer};

/// What every series of a history has.
pub(crate) const SELECTOR: &str = "{job=\"history\"}";
const JOB: &str = "history";
/// So that no server thinks that the samples come from the future.
const END_AGO: Duration = Duration::from_mins(2);
const STEP_MS: i64 = page::STEP.as_millis() as i64;

/// A data set, rendered.
pub(crate) struct History {
    pub(crate) name: &'static str,
    pub(crate) load: Load,
    pub(crate) n_series: usize,
    pub(crate) last_ms: i64,
    /// One series, and the values it must have.
    pub(crate) probe: (String, Vec<f64>),
}

/// A series before it is rendered.
struct Line {
    labels: Vec<u8>,
    values: Vec<f64>,
}

/// What an exporter shows, on some hosts.
pub(crate) fn node(size: Size, now_ms: i64, page: &[PageSeries]) -> anyhow::Result<History> {
    let (n_hosts, n_values) = if size.quick { (2, 120) } else { (4, 480) };
    let mut random = Random::new(2);
    let mut probe = None;
    let mut hosts = Vec::new();
    for host in 0..n_hosts {
        let instance = format!("host-{host}:9100");
        let mut lines = Vec::new();
        for series in page {
            let values = series.values(n_values, &mut random);
            let labels = series.labels(&instance, JOB);
            if series.name() == PROBE && series.has("collector", "cpu") {
                let expression =
                    format!("{PROBE}{{job=\"{JOB}\",instance=\"{instance}\",collector=\"cpu\"}}");
                probe = Some((expression, values.clone()));
            }
            lines.push(Line { labels, values });
        }
        hosts.push(lines);
    }
    let probe = probe.ok_or_else(|| anyhow::anyhow!("the exporter has no {PROBE}"))?;
    let mut times: Vec<i64> = times(now_ms, n_values);
    // Some scrapes are late by some milliseconds.
    for t_ms in &mut times {
        *t_ms += if random.below(20) == 0 { i64::from(1 + random.below(20)) } else { 0 };
    }
    let (load, n_series) = render(&hosts, &times)?;
    let name = "node_exporter's page";
    let last_ms = times.last().copied().unwrap_or(now_ms);
    Ok(History { name, load, n_series, last_ms, probe })
}

/// A series of the exporter whose values use all their digits.
const PROBE: &str = "node_scrape_collector_duration_seconds";

/// A walk whose steps are -2 to 2 (2.3 bits of surprise).
pub(crate) fn integer_walk(size: Size, now_ms: i64) -> anyhow::Result<History> {
    walk("integer walk", size, now_ms, (2, 1.0))
}

/// A walk whose steps are -2.00 to 2.00 (8.6 bits of surprise).
pub(crate) fn decimal_walk(size: Size, now_ms: i64) -> anyhow::Result<History> {
    walk("two-decimal walk", size, now_ms, (200, 100.0))
}

/// Series that walk by up to `reach` units of `1 / divisor`.
fn walk(
    name: &'static str,
    size: Size,
    now_ms: i64,
    (reach, divisor): (u32, f64),
) -> anyhow::Result<History> {
    let (n_series, n_values) = if size.quick { (100, 960) } else { (200, 5760) };
    let mut random = Random::new(3);
    let mut line = |nth: usize| {
        let device = format!("device-{nth:03}");
        let pairs = [
            ("__name__", "walk"),
            ("device", device.as_str()),
            ("instance", "host-0:9100"),
            ("job", JOB),
        ];
        let mut n_units = 1_000_000_i64;
        let values = std::iter::repeat_with(|| {
            n_units += i64::from(random.below(2 * reach + 1)) - i64::from(reach);
            n_units as f64 / divisor
        });
        Line { labels: remote_write::labels(pairs), values: values.take(n_values).collect() }
    };
    let lines: Vec<Line> = (0..n_series).map(&mut line).collect();
    let expression = format!("walk{{job=\"{JOB}\",device=\"device-000\"}}");
    let probe = (expression, lines[0].values.clone());
    let times = times(now_ms, n_values);
    let (load, n_series) = render(&[lines], &times)?;
    let last_ms = times.last().copied().unwrap_or(now_ms);
    Ok(History { name, load, n_series, last_ms, probe })
}

fn times(now_ms: i64, n_values: usize) -> Vec<i64> {
    let end_ms = (now_ms - END_AGO.as_millis() as i64) / STEP_MS * STEP_MS;
    (0..n_values as i64).rev().map(|ago| end_ms - ago * STEP_MS).collect()
}

/// One connection, so that no target runs hours ahead of the others; each request has some
/// samples of all series of one target.
fn render(targets: &[Vec<Line>], times: &[i64]) -> anyhow::Result<(Load, usize)> {
    let mut load = Load::new(1);
    let mut renderer = Renderer::new();
    let n_each = targets.iter().map(|lines| N_REQUEST_SAMPLES / lines.len().max(1)).min();
    let n_each = n_each.unwrap_or(1).max(1);
    for from in (0..times.len()).step_by(n_each) {
        let until = (from + n_each).min(times.len());
        for lines in targets {
            for line in lines {
                let samples: Vec<(i64, f64)> = times[from..until]
                    .iter()
                    .copied()
                    .zip(line.values[from..until].iter().copied())
                    .collect();
                renderer.series(&line.labels, &samples);
            }
            load.add(0, renderer.request()?, lines.len() * (until - from));
        }
    }
    Ok((load, targets.iter().map(Vec::len).sum()))
}
