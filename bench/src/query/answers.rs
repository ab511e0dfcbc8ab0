//! Answers: whether servers say the same. An answer that is wrong was not fast.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// Samples by the labels of their series and their time in milliseconds.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answers(BTreeMap<(String, i64), f64>);

/// How two servers' answers compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness {
    pub(crate) n_values: usize,
    /// Values that only one of them has.
    pub(crate) n_lonely: usize,
    /// By which share of the larger one two values differ: the middle one and the largest.
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Answers {
    /// Adds what a server said to the query of this number.
    ///
    /// # Errors
    /// That was no answer.
    pub(crate) fn add(&mut self, nth: usize, body: &str) -> anyhow::Result<()> {
        let body: Value = serde_json::from_str(body).context("an answer is no JSON")?;
        let result = body.pointer("/data/result").and_then(Value::as_array);
        for series in result.with_context(|| format!("no result: {body}"))? {
            // As an object of JSON, whose names are sorted.
            let labels = format!("{nth} {}", series["metric"]);
            let one = series.get("value").into_iter();
            let many = series.get("values").and_then(Value::as_array).into_iter().flatten();
            for pair in one.chain(many) {
                let t_ms = pair[0].as_f64().map(|seconds| (seconds * 1000.0).round() as i64);
                let value = pair[1].as_str().and_then(|text| text.parse::<f64>().ok());
                let (t_ms, value) = t_ms.zip(value).with_context(|| format!("{pair} is odd"))?;
                let there = self.0.insert((labels.clone(), t_ms), value);
                ensure!(there.is_none(), "{labels} is there twice");
            }
        }
        Ok(())
    }

    pub(crate) fn compared_with(&self, other: &Self) -> Likeness {
        let mut shares: Vec<f64> = Vec::new();
        for (key, value) in &self.0 {
            shares.extend(other.0.get(key).map(|theirs| difference(*value, *theirs)));
        }
        shares.sort_by(f64::total_cmp);
        let n_lonely = self.0.len() + other.0.len() - 2 * shares.len();
        let median = shares.get(shares.len() / 2).copied().unwrap_or(0.0);
        let most = shares.last().copied().unwrap_or(0.0);
        Likeness { n_values: self.0.len(), n_lonely, median, most }
    }
}

/// As a share of the larger one; numbers that are none are alike.
fn difference(a: f64, b: f64) -> f64 {
    if a == b || (a.is_nan() && b.is_nan()) {
        return 0.0;
    }
    let share = (a - b).abs() / a.abs().max(b.abs());
    if share.is_nan() { f64::INFINITY } else { share }
}

#[cfg(test)]
mod tests {
    use super::{Answers, Likeness};

    fn answers(result: &str) -> Answers {
        let mut answers = Answers::default();
        answers.add(0, &format!("{{\"data\":{{\"result\":{result}}}}}")).unwrap();
        answers
    }

    #[test]
    fn answers_are_alike_whatever_their_order() {
        let one = answers(
            "[{\"metric\":{\"b\":\"1\",\"a\":\"2\"},\"values\":[[1,\"4\"],[2.5,\"NaN\"]]},\
             {\"metric\":{},\"value\":[1,\"+Inf\"]}]",
        );
        let other = answers(
            "[{\"metric\":{},\"value\":[1.000,\"+Inf\"]},\
             {\"metric\":{\"a\":\"2\",\"b\":\"1\"},\"values\":[[1,\"3\"],[2.5,\"NaN\"]]}]",
        );
        let likeness = one.compared_with(&other);
        assert_eq!(likeness, Likeness { n_values: 3, n_lonely: 0, median: 0.0, most: 0.25 });
        let less = answers("[{\"metric\":{},\"value\":[1,\"-Inf\"]}]");
        let likeness = one.compared_with(&less);
        assert_eq!((likeness.n_lonely, likeness.most), (2, f64::INFINITY));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(Answers::default().add(0, "{\"status\":\"error\"}").is_err());
        assert!(Answers::default().add(0, "").is_err());
        let twice = "{\"data\":{\"result\":[{\"metric\":{},\"values\":[[1,\"4\"],[1,\"4\"]]}]}}";
        assert!(Answers::default().add(0, twice).is_err());
    }
}
