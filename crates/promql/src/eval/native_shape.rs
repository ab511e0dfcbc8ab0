//! What the buckets of a native histogram say: quantiles, fractions, spread, its text.

use model::{Bucket, Histogram};

use super::format::{plain, short};
use super::kahan::KahanSum;

/// All buckets that counted something, rising. A zero bucket ends at 0 where the other side has
/// nothing.
fn buckets(histogram: &Histogram) -> Vec<Bucket> {
    let clip = |mut bucket: Bucket| {
        let is_zero = bucket.lower < 0.0 && bucket.upper > 0.0;
        if is_zero && !histogram.has_custom_bounds() {
            if histogram.negative.is_empty() && !histogram.positive.is_empty() {
                bucket.lower = 0.0;
            } else if histogram.positive.is_empty() && !histogram.negative.is_empty() {
                bucket.upper = 0.0;
            }
        }
        bucket
    };
    histogram.buckets().filter(|bucket| bucket.count != 0.0).map(clip).collect()
}

/// The function of this name, if it asks a histogram alone.
pub(super) fn statistic(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_avg" => |histogram| histogram.sum / histogram.count,
        "histogram_count" => |histogram| histogram.count,
        "histogram_stddev" => |histogram| variance(histogram).sqrt(),
        "histogram_stdvar" => variance,
        "histogram_sum" => |histogram| histogram.sum,
        _ => return None,
    })
}

/// What observations that are no numbers do to a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blur {
    /// It lies among them.
    Unknown,
    /// It is too high.
    Skewed,
}

/// The value below which a part of the observations lies.
pub(super) fn quantile(q: f64, histogram: &Histogram) -> (f64, Option<Blur>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    let all = buckets(histogram);
    let is_rising = histogram.sum.is_nan() || q < 0.5;
    let rank = if is_rising { q } else { 1.0 - q } * histogram.count;
    let (mut count, mut found) = (0.0, None);
    let mut places: Vec<usize> = (0..all.len()).collect();
    if !is_rising {
        places.reverse();
    }
    for place in places {
        found = Some(all[place]);
        count += all[place].count;
        if count >= rank {
            break;
        }
    }
    let counted: f64 = all.iter().map(|bucket| bucket.count).sum();
    let Some(mut bucket) = found else { return among_none(rank, histogram) };
    if histogram.has_custom_bounds() {
        // The ends of the first and the last bucket are not known.
        match (bucket.lower == f64::NEG_INFINITY, bucket.upper) {
            (true, upper) if upper <= 0.0 => return (upper, None),
            (true, _) => bucket.lower = 0.0,
            (false, f64::INFINITY) => return (bucket.lower, None),
            _ => {}
        }
    }
    let has_nan = histogram.sum.is_nan() && counted < histogram.count;
    let count = count.min(histogram.count);
    if count < rank {
        return match histogram.sum.is_nan() {
            true => (f64::NAN, Some(Blur::Unknown)),
            false => (bucket.upper, None),
        };
    }
    let within = if is_rising { rank - (count - bucket.count) } else { count - rank };
    let value = within_bucket(histogram, bucket, within / bucket.count);
    (value, has_nan.then_some(Blur::Skewed))
}

/// The value that so many observations are below, if no bucket has any.
fn among_none(rank: f64, histogram: &Histogram) -> (f64, Option<Blur>) {
    match (rank > 0.0, histogram.sum.is_nan()) {
        // All of them are no numbers.
        (true, true) => (f64::NAN, Some(Blur::Unknown)),
        (false, true) => (f64::NAN, Some(Blur::Skewed)),
        // As many as the count says were never in any bucket: there is no bound but 0.
        (true, false) => (0.0, None),
        (false, false) => (f64::NAN, None),
    }
}

/// The value at a part of a bucket.
fn within_bucket(histogram: &Histogram, bucket: Bucket, part: f64) -> f64 {
    let Bucket { lower, upper, .. } = bucket;
    if histogram.has_custom_bounds() || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * part;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        return (log_lower + (log_upper - log_lower) * part).exp2();
    }
    -(log_upper + (log_lower - log_upper) * (1.0 - part)).exp2()
}

/// The part of all observations that lies between two values, and whether some are no numbers.
pub(super) fn fraction(lower: f64, upper: f64, histogram: &Histogram) -> (f64, bool) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    let all = buckets(histogram);
    let counted: f64 = all.iter().map(|bucket| bucket.count).sum();
    if lower >= upper {
        return (0.0, false);
    }
    // Above all buckets is what the count says, but for observations that are no numbers.
    let n_all = if histogram.sum.is_nan() { counted } else { histogram.count };
    let rank = |value: f64| rank_of(value, histogram, &all).unwrap_or(n_all).min(n_all);
    ((rank(upper) - rank(lower)) / histogram.count, n_all < histogram.count)
}

/// How many observations are below a value; `None` if it is above all buckets.
fn rank_of(value: f64, histogram: &Histogram, all: &[Bucket]) -> Option<f64> {
    let mut rank = 0.0;
    for bucket in all {
        let mut lower = bucket.lower;
        if histogram.has_custom_bounds() && lower == f64::NEG_INFINITY && bucket.upper > 0.0 {
            lower = 0.0;
        }
        if lower >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            let part = part_below(value, lower, bucket.upper, histogram);
            return Some(rank + bucket.count * part);
        }
        rank += bucket.count;
    }
    None
}

fn part_below(value: f64, lower: f64, upper: f64, histogram: &Histogram) -> f64 {
    if lower == f64::NEG_INFINITY {
        return 1.0;
    }
    if histogram.has_custom_bounds() || (lower <= 0.0 && upper >= 0.0) {
        return (value - lower) / (upper - lower);
    }
    let [lower_log, upper_log, log] = [lower, upper, value].map(|v| v.abs().log2());
    match value > 0.0 {
        true => (log - lower_log) / (upper_log - lower_log),
        false => 1.0 - (log - upper_log) / (lower_log - upper_log),
    }
}

/// The mean square of the distance from the mean, each observation taken in its bucket's middle.
fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut sum = KahanSum::default();
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        let Bucket { lower, upper, .. } = bucket;
        let middle = if histogram.has_custom_bounds() {
            (lower + upper) / 2.0
        } else if lower <= 0.0 && upper >= 0.0 {
            0.0
        } else {
            let root = (upper * lower).sqrt();
            if upper < 0.0 { -root } else { root }
        };
        let delta = middle - mean;
        sum = sum.plus(bucket.count * delta * delta);
    }
    (sum.sum + sum.lost) / histogram.count
}

/// `{count:2, sum:3, [-2,-1):1, (1,2]:2}`
pub(super) fn text(histogram: &Histogram) -> String {
    let mut parts =
        vec![format!("count:{}", short(histogram.count)), format!("sum:{}", short(histogram.sum))];
    for bucket in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        let open = if bucket.lower_inclusive { '[' } else { '(' };
        let close = if bucket.upper_inclusive { ']' } else { ')' };
        let (lower, upper) = (short(bucket.lower), short(bucket.upper));
        parts.push(format!("{open}{lower},{upper}{close}:{}", plain(bucket.count)));
    }
    format!("{{{}}}", parts.join(", "))
}
