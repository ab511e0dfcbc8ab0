//! Quantiles of numbers that are all known.

use super::annotations::Remarks;
use super::format::short;
use super::instant::{greater, lesser};
use crate::Span;

/// The value below which a part of the values lies, between neighbours by their distance. A NaN is
/// less than any number.
pub(super) fn of(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let order = |a: &f64, b: &f64| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a, b) => b.cmp(&a),
    };
    let rank = q * (values.len() as f64 - 1.0);
    let weight = rank - rank.floor();
    // The two neighbours are found without putting the others in order.
    let (_, lower, above) = values.select_nth_unstable_by(rank.floor().max(0.0) as usize, order);
    let upper = above.iter().copied().min_by(order).unwrap_or(*lower);
    *lower * (1.0 - weight) + upper * weight
}

/// The median distance from the median.
pub(super) fn deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = of(0.5, values.to_vec());
    of(0.5, values.iter().map(|value| (value - median).abs()).collect())
}

/// Says that a part is none.
pub(super) fn doubt(remarks: &mut Remarks, q: f64, span: Span) {
    if !(0.0..=1.0).contains(&q) {
        let text = format!("quantile value should be between 0 and 1, got {}", short(q));
        remarks.warn(span, text);
    }
}

/// The same of a part at each step: of those that are none, the extremes are told.
pub(super) fn doubt_extremes(remarks: &mut Remarks, q: &[f64], span: Span) {
    if q.iter().any(|q| q.is_nan()) {
        doubt(remarks, f64::NAN, span);
    }
    let (min, max) = extremes(q);
    // Only beyond its own end: a least one above 1 is not told beside the greatest.
    if max > 1.0 {
        doubt(remarks, max, span);
    }
    if min < 0.0 {
        doubt(remarks, min, span);
    }
}

/// The least and the greatest; NaN if one is, but for the infinity on its side.
pub(super) fn extremes(values: &[f64]) -> (f64, f64) {
    let of = |pick: fn(f64, f64) -> f64| values.iter().copied().reduce(pick).unwrap_or(f64::NAN);
    (of(lesser), of(greater))
}

#[cfg(test)]
mod tests {
    use super::{deviation, of};

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(of(0.5, vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(of(1.0, vec![1.0, 2.0]), 2.0);
        assert_eq!(of(-0.1, vec![1.0]), f64::NEG_INFINITY);
        assert_eq!(of(1.1, vec![1.0]), f64::INFINITY);
        assert!(of(f64::NAN, vec![1.0]).is_nan());
        assert!(of(0.0, vec![1.0, f64::NAN]).is_nan());
        assert_eq!(of(1.0, vec![1.0, -f64::NAN]), 1.0);
    }

    #[test]
    fn deviations_are_medians() {
        assert_eq!(deviation(&[4.0, 6.0, 2.0, 1.0, 999.0, 1.0, 2.0]), 1.0);
        assert!(deviation(&[1.0, f64::NAN]).is_nan());
    }
}
