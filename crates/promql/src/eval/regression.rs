//! Regression: the line nearest to samples, and a smoothing that follows their trend.

use model::Sample;

use super::kahan::KahanSum;

/// The slope in units per second, and the value at `zero_ms`, of the line with the least squares.
fn line(samples: &[Sample], zero_ms: i64) -> (f64, f64) {
    let first = samples[0].value;
    if samples.iter().all(|sample| sample.value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let mut sums = [KahanSum::default(); 4];
    for sample in samples {
        let (x, y) = (sample.t_ms.saturating_sub(zero_ms) as f64 / 1e3, sample.value);
        for (sum, term) in sums.iter_mut().zip([x, y, x * y, x * x]) {
            *sum = sum.plus(term);
        }
    }
    let n = samples.len() as f64;
    let [x, y, xy, xx] = sums.map(|sum| sum.sum + sum.lost);
    let covariance = xy - x * y / n;
    let variance = xx - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}

/// `deriv`: the slope per second.
pub(super) fn deriv(samples: &[Sample]) -> Option<f64> {
    (samples.len() >= 2).then(|| line(samples, samples[0].t_ms).0)
}

/// `predict_linear`: where the line is so many seconds after the time of evaluation.
pub(super) fn predicted(samples: &[Sample], t_ms: i64, ahead_s: f64) -> Option<f64> {
    if samples.len() < 2 {
        return None;
    }
    let (slope, intercept) = line(samples, t_ms);
    Some(slope * ahead_s + intercept)
}

/// `double_exponential_smoothing`: the last value, smoothed with the trend until there.
pub(super) fn smoothed(samples: &[Sample], factors: &[f64]) -> Option<f64> {
    let ([smoothing, trend], [first, second, ..]) = (factors, samples) else { return None };
    let (mut before, mut value) = (0.0, first.value);
    let mut slope = second.value - first.value;
    for (i, sample) in samples.iter().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (value - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * sample.value + (1.0 - smoothing) * (value + slope);
        (before, value) = (value, next);
    }
    Some(value)
}
