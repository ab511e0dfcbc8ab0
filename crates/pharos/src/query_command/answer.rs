//! Answer: what the query API gives, read from its JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// What a query gave, and what the server has to say about it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) data: Data,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

/// The values.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    /// One number.
    Scalar(Point),
    /// One text.
    String(Point),
    /// Series with one value each.
    Vector(Vec<Series>),
    /// Series with values over time.
    Matrix(Vec<Series>),
}

/// A time in Unix seconds and a value as the API writes it.
pub(super) type Point = (f64, String);

/// A series with its values.
#[derive(Debug, Deserialize)]
pub(super) struct Series {
    pub(super) metric: BTreeMap<String, String>,
    value: Option<Point>,
    #[serde(default)]
    values: Vec<Point>,
    histogram: Option<(f64, Histogram)>,
    #[serde(default)]
    histograms: Vec<(f64, Histogram)>,
}

/// What is shown of a native histogram.
#[derive(Debug, Deserialize)]
struct Histogram {
    count: String,
    sum: String,
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Data>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

impl Answer {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// It is no answer of the query API.
    pub(super) fn read(body: &[u8]) -> anyhow::Result<Self> {
        let envelope: Envelope = serde_json::from_slice(body).context("no JSON of a query")?;
        let Envelope { data, warnings, infos } = envelope;
        let Some(data) = data else { bail!("it has no data") };
        Ok(Self { data, warnings, infos })
    }
}

impl Series {
    /// Times and values, the earliest first; of a histogram its count and sum.
    pub(super) fn points(&self) -> Vec<(f64, String)> {
        let floats = self.value.iter().chain(&self.values).cloned();
        let histograms = self.histogram.iter().chain(&self.histograms);
        let histograms =
            histograms.map(|(t, of)| (*t, format!("count {} sum {}", of.count, of.sum)));
        let mut all: Vec<(f64, String)> = floats.chain(histograms).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }

    /// `name{label="value",...}`, as a selector writes it.
    pub(super) fn name(&self) -> String {
        let metric = self.metric.get("__name__").map(String::as_str).unwrap_or_default();
        let is_plain = is_name(metric, ":");
        let mut out = if is_plain { metric.to_owned() } else { String::new() };
        let mut parts = Vec::new();
        if !is_plain {
            parts.push(format!("{metric:?}"));
        }
        for (name, value) in self.metric.iter().filter(|(name, _)| *name != "__name__") {
            parts.push(match is_name(name, "") {
                true => format!("{name}={value:?}"),
                false => format!("{name:?}={value:?}"),
            });
        }
        if out.is_empty() || !parts.is_empty() {
            write!(out, "{{{}}}", parts.join(",")).expect("a string takes any text");
        }
        out
    }
}

/// Whether a name needs no quotes; names of metrics may have further characters.
fn is_name(name: &str, further: &str) -> bool {
    let may_stand = |c: char| c.is_ascii_alphanumeric() || c == '_' || further.contains(c);
    name.chars().all(may_stand) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Unix milliseconds of a time in an answer.
pub(super) fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
