//! Native histograms as scripts write them: `{{schema:1 sum:3 count:22 buckets:[5 10 7]}}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BucketLayout, BucketSpan, Histogram, ResetHint, SCHEMA_CUSTOM};

use crate::language::number;

/// A histogram with its buckets by index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    schema: i8,
    sum: f64,
    count: f64,
    zero_count: f64,
    zero_threshold: f64,
    custom_bounds: Vec<f64>,
    hint: ResetHint,
    positive: BTreeMap<i32, f64>,
    negative: BTreeMap<i32, f64>,
}

impl Written {
    /// What stands between the braces.
    pub(crate) fn parse(text: &str) -> Self {
        let mut written = Self::default();
        let (mut offset, mut negative_offset) = (0, 0);
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        let mut rest = text.trim();
        while let Some((key, behind)) = rest.split_once(':') {
            let value_end = match behind.starts_with('[') {
                true => behind.find(']').expect("a list ends") + 1,
                false => behind.find(' ').unwrap_or(behind.len()),
            };
            let (value, behind) = behind.split_at(value_end);
            rest = behind.trim_start();
            let list = || -> Vec<f64> {
                let inner = value.trim_matches(['[', ']']);
                inner.split_ascii_whitespace().map(one).collect()
            };
            match key.trim() {
                "schema" => written.schema = one(value) as i8,
                "sum" => written.sum = one(value),
                "count" => written.count = one(value),
                "z_bucket" => written.zero_count = one(value),
                "z_bucket_w" => written.zero_threshold = one(value),
                "custom_values" => written.custom_bounds = list(),
                "offset" => offset = one(value) as i32,
                "n_offset" => negative_offset = one(value) as i32,
                "buckets" => positive = list(),
                "n_buckets" => negative = list(),
                "counter_reset_hint" => {
                    written.hint = match value {
                        "gauge" => ResetHint::Gauge,
                        "reset" => ResetHint::Reset,
                        "not_reset" => ResetHint::NotReset,
                        _ => ResetHint::Unknown,
                    }
                }
                other => panic!("histogram key {other}"),
            }
        }
        written.positive = (offset..).zip(positive).collect();
        written.negative = (negative_offset..).zip(negative).collect();
        written
    }

    /// With another one added, or taken away.
    pub(crate) fn plus(&self, other: &Self, sign: f64) -> Self {
        let mut sum = self.clone();
        sum.sum += sign * other.sum;
        sum.count += sign * other.count;
        sum.zero_count += sign * other.zero_count;
        let shift = match self.schema {
            SCHEMA_CUSTOM => 0,
            schema => (other.schema - schema).max(0),
        };
        let sides = [(&mut sum.positive, &other.positive), (&mut sum.negative, &other.negative)];
        for (ours, theirs) in sides {
            for (index, count) in theirs {
                *ours.entry(((index - 1) >> shift) + 1).or_insert(0.0) += sign * count;
            }
        }
        sum
    }

    /// Of the buckets of a classic histogram: upper bounds and counts below them.
    pub(crate) fn of_classic(buckets: &[(f64, f64)], count: Option<f64>, sum: Option<f64>) -> Self {
        let mut buckets = buckets.to_vec();
        let greatest = buckets.iter().map(|(_, count)| *count).fold(0.0, f64::max);
        if !buckets.iter().any(|(bound, _)| bound.is_infinite()) {
            buckets.push((f64::INFINITY, count.unwrap_or(greatest)));
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0.0;
        let mut written = Self { schema: SCHEMA_CUSTOM, ..Self::default() };
        for (index, (bound, count)) in (0..).zip(&buckets) {
            written.positive.insert(index, count - below);
            below = *count;
            if bound.is_finite() {
                written.custom_bounds.push(*bound);
            }
        }
        written.count = below;
        written.sum = sum.unwrap_or(0.0);
        written
    }

    pub(crate) fn histogram(&self) -> Arc<Histogram> {
        let (positive_spans, positive) = spans(&self.positive);
        let (negative_spans, negative) = spans(&self.negative);
        let layout = BucketLayout {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive_spans,
            negative_spans,
            custom_bounds: self.custom_bounds.clone(),
        };
        Arc::new(Histogram {
            reset_hint: self.hint,
            layout: Arc::new(layout),
            count: self.count,
            sum: self.sum,
            zero_count: self.zero_count,
            positive,
            negative,
        })
    }
}

fn one(text: &str) -> f64 {
    number(text).unwrap_or_else(|| panic!("number {text}"))
}

fn spans(buckets: &BTreeMap<i32, f64>) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0;
    for index in buckets.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => spans.push(BucketSpan { offset: index - next, length: 1 }),
        }
        next = index + 1;
    }
    (spans, buckets.values().copied().collect())
}
