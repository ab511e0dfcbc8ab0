//! Answer: what a server says to a query, and whether two say the same.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// A value, or why there is none.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Refused(String),
    Text(String),
    Rows(Rows),
}

/// The samples of each series, by its labels. A scalar is a series without labels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    pub(crate) kind: String,
    pub(crate) series: BTreeMap<Labels, Vec<(i64, f64)>>,
    /// The values of a vector as they stand in the answer.
    pub(crate) order: Vec<f64>,
}

pub(crate) type Labels = BTreeMap<String, String>;

/// Where two answers differ.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// The earliest time at which they do; none if one is refused.
    pub(crate) t_ms: Option<i64>,
    pub(crate) what: String,
}

impl Answer {
    pub(crate) fn read(answer: &e2e::Answer) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            return Self::Refused(format!("{}: no JSON: {}", answer.status, answer.text()));
        };
        if answer.status != 200 {
            let said = body["error"].as_str().map_or_else(|| body.to_string(), str::to_owned);
            // What a client can repair, and what the server did: others are failures.
            let word = if matches!(answer.status, 400 | 422) { "" } else { "FAILED " };
            return Self::Refused(format!("{word}{said}"));
        }
        let data = &body["data"];
        Self::of(data["resultType"].as_str().unwrap_or_default(), &data["result"])
            .unwrap_or_else(|| Self::Refused(format!("FAILED odd answer: {body}")))
    }

    fn of(kind: &str, result: &Value) -> Option<Self> {
        let mut rows = Rows { kind: kind.to_owned(), ..Rows::default() };
        match kind {
            "string" => return Some(Self::Text(result[1].as_str()?.to_owned())),
            "scalar" => {
                rows.series.insert(Labels::new(), vec![sample(result)?]);
            }
            "vector" | "matrix" => {
                for series in result.as_array()? {
                    let labels: Labels = serde_json::from_value(series["metric"].clone()).ok()?;
                    let samples = match kind {
                        "vector" => vec![sample(&series["value"])?],
                        _ => series["values"]
                            .as_array()?
                            .iter()
                            .map(sample)
                            .collect::<Option<_>>()?,
                    };
                    if kind == "vector" {
                        rows.order.push(samples[0].1);
                    }
                    // A label set that is there twice is an answer that nobody can read.
                    if rows.series.insert(labels, samples).is_some() {
                        return None;
                    }
                }
            }
            _ => return None,
        }
        Some(Self::Rows(rows))
    }

    pub(crate) fn rows(&self) -> Option<&Rows> {
        if let Self::Rows(rows) = self { Some(rows) } else { None }
    }

    /// Why there is no value, or nothing.
    pub(crate) fn refusal(&self) -> &str {
        if let Self::Refused(reason) = self { reason } else { "" }
    }

    /// Whether there is a value that is not empty.
    pub(crate) fn says_something(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Text(_) => true,
            Self::Rows(rows) => !rows.series.is_empty(),
        }
    }

    /// All samples, of a series at a time.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (&Labels, i64, f64)> {
        let series = self.rows().into_iter().flat_map(|rows| &rows.series);
        series.flat_map(|(labels, samples)| {
            samples.iter().map(move |(t_ms, value)| (labels, *t_ms, *value))
        })
    }

    /// The values of all samples.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.samples().map(|(_, _, value)| value)
    }

    /// The sample of a series at a time.
    pub(crate) fn value(&self, labels: &Labels, t_ms: i64) -> Option<f64> {
        let samples = self.rows()?.series.get(labels)?;
        samples.iter().find(|(at_ms, _)| *at_ms == t_ms).map(|(_, value)| *value)
    }
}

fn sample(pair: &Value) -> Option<(i64, f64)> {
    let t_ms = (pair[0].as_f64()? * 1000.0).round() as i64;
    Some((t_ms, pair[1].as_str()?.parse().ok()?))
}

/// Whether two numbers are the same up to this share of the larger one; with none to the last bit,
/// the sign of zero included. What is no number is the same as all others that are none.
pub(crate) fn close(a: f64, b: f64, tolerance: f64) -> bool {
    if a.is_nan() && b.is_nan() || a.to_bits() == b.to_bits() {
        return true;
    }
    let most = tolerance * a.abs().max(b.abs()).min(f64::MAX);
    tolerance > 0.0 && (a == b || (a - b).abs() <= most)
}

/// The first difference between two answers beyond this share of a value.
pub(crate) fn difference(ours: &Answer, theirs: &Answer, tolerance: f64) -> Option<Difference> {
    let whole = |what: String| Some(Difference { t_ms: None, what });
    match (ours, theirs) {
        (Answer::Refused(a), Answer::Refused(b)) => {
            // Each for its own words; but a failure is no refusal.
            let failed = [a, b].into_iter().find(|said| said.starts_with("FAILED"));
            failed.and_then(|said| whole(said.clone()))
        }
        (Answer::Text(a), Answer::Text(b)) if a == b => None,
        (Answer::Rows(ours), Answer::Rows(theirs)) if ours.kind == theirs.kind => {
            difference_of_rows(ours, theirs, tolerance)
        }
        _ => whole(format!("ours is {ours}, theirs {theirs}")),
    }
}

fn difference_of_rows(ours: &Rows, theirs: &Rows, tolerance: f64) -> Option<Difference> {
    let mut all: Vec<&Labels> = ours.series.keys().chain(theirs.series.keys()).collect();
    all.sort();
    all.dedup();
    let none = Vec::new();
    let differences = all.into_iter().filter_map(|labels| {
        let ours = ours.series.get(labels).unwrap_or(&none);
        let theirs = theirs.series.get(labels).unwrap_or(&none);
        let (t_ms, what) = difference_of_samples(ours, theirs, tolerance)?;
        Some((t_ms, format!("{labels:?} at {t_ms}: {what}")))
    });
    let first = differences.min_by_key(|(t_ms, _)| *t_ms);
    first.map(|(t_ms, what)| Difference { t_ms: Some(t_ms), what })
}

fn difference_of_samples(
    ours: &[(i64, f64)],
    theirs: &[(i64, f64)],
    tolerance: f64,
) -> Option<(i64, String)> {
    let same = |((ours_ms, ours), (theirs_ms, theirs)): &(&(i64, f64), &(i64, f64))| {
        ours_ms == theirs_ms && close(*ours, *theirs, tolerance)
    };
    let n_same = ours.iter().zip(theirs).take_while(same).count();
    match (ours.get(n_same), theirs.get(n_same)) {
        (None, None) => None,
        (Some((t_ms, value)), None) => Some((*t_ms, format!("ours has {value}, theirs nothing"))),
        (None, Some((t_ms, value))) => Some((*t_ms, format!("theirs has {value}, ours nothing"))),
        (Some(ours), Some(theirs)) if ours.0 == theirs.0 => {
            Some((ours.0, format!("ours has {}, theirs {}", ours.1, theirs.1)))
        }
        (Some(ours), Some(theirs)) => {
            let whose = if ours.0 < theirs.0 { "ours" } else { "theirs" };
            Some((ours.0.min(theirs.0), format!("only {whose} has a value")))
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Text(text) => write!(f, "text {text:?}"),
            Self::Rows(rows) => write!(f, "{} of {} series", rows.kind, rows.series.len()),
        }
    }
}
