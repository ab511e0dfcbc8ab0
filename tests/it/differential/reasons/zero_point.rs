//! Zero point: how far a rate is extrapolated towards the moment at which its counter was zero.
//!
//! A counter that was zero within the window is extrapolated no further back than to there. Prometheus
//! 2 then looked whether that is near the first sample; Prometheus 3 looks first whether the window's
//! edge is near, and takes half an interval if it is not, or the zero point if that is nearer still.

use crate::differential::TOLERANCE;
use crate::differential::answer::{Labels, close};
use crate::differential::query::{At, Expr, When};
use crate::differential::sides::Times;
use crate::differential::smallest::Smallest;

/// Whether each value that differs is what the one and the other rule make of the samples.
pub(super) fn explains(smallest: &Smallest) -> bool {
    let Expr::Call(function @ ("rate" | "increase"), args) = &smallest.question.expr else {
        return false;
    };
    let (Some(window), [part]) = (window(smallest.question.times, &args[0]), &smallest.parts[..])
    else {
        return false;
    };
    let (Some(ours), Some(theirs), Some(samples)) =
        (smallest.pair.ours.rows(), smallest.pair.theirs.rows(), part.theirs.rows())
    else {
        return false;
    };
    if !ours.series.keys().eq(theirs.series.keys()) {
        return false;
    }
    let per_second = if *function == "rate" { (window.1 - window.0) as f64 / 1000.0 } else { 1.0 };
    samples.series.iter().all(|(labels, samples)| {
        let labels = without_name(labels);
        let value = |rows: &crate::differential::answer::Rows| {
            rows.series.get(&labels).and_then(|samples| samples.first()).map(|(_, value)| *value)
        };
        let (Some(ours), Some(theirs)) = (value(ours), value(theirs)) else { return true };
        let is = |value, expected: f64| close(value, expected / per_second, TOLERANCE);
        close(ours, theirs, TOLERANCE)
            || (is(ours, increase(samples, window, Rule::EdgeFirst))
                && is(theirs, increase(samples, window, Rule::ZeroFirst)))
    })
}

fn without_name(labels: &Labels) -> Labels {
    let mut labels = labels.clone();
    labels.remove("__name__");
    labels
}

/// From when to when the samples lie, in milliseconds.
fn window(times: Times, of: &Expr) -> Option<(i64, i64)> {
    let Times::At(t_ms) = times else { return None };
    let (range_s, when): (u32, When) = match of {
        Expr::Range(selector, range_s) => (*range_s, selector.when),
        Expr::Subquery(subquery) => (subquery.range_s, subquery.when),
        _ => return None,
    };
    let at_ms = if let Some(At::Ms(at_ms)) = when.at { at_ms } else { t_ms };
    let end_ms = at_ms - when.offset_ms;
    Some((end_ms - i64::from(range_s) * 1000, end_ms))
}

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    /// Prometheus 2.
    ZeroFirst,
    /// Prometheus 3.
    EdgeFirst,
}

fn increase(samples: &[(i64, f64)], (start_ms, end_ms): (i64, i64), rule: Rule) -> f64 {
    let ([(first_ms, first), ..], [.., (last_ms, last)]) = (samples, samples) else {
        return f64::NAN;
    };
    let drops = samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1);
    let risen = last - first + drops.sum::<f64>();
    let seconds = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
    let sampled = seconds(*first_ms, *last_ms);
    let interval = sampled / (samples.len() - 1) as f64;
    let near = |to_edge: f64| if to_edge >= interval * 1.1 { interval / 2.0 } else { to_edge };
    let to_start = seconds(start_ms, *first_ms);
    let to_zero = match risen > 0.0 && *first >= 0.0 {
        true => sampled * (first / risen),
        false => f64::INFINITY,
    };
    let to_start = match rule {
        Rule::ZeroFirst => near(to_start.min(to_zero)),
        Rule::EdgeFirst => near(to_start).min(to_zero),
    };
    risen * (sampled + to_start + near(seconds(*last_ms, end_ms))) / sampled
}

#[cfg(test)]
mod tests {
    use super::{Rule, increase};

    #[test]
    fn the_rules_differ_where_zero_is_further_than_half_an_interval() {
        // Three samples 10 s apart; the window begins 30 s before them, the counter 8 s.
        let samples = [(30_000, 8.0), (40_000, 18.0), (50_000, 28.0)];
        assert_eq!(increase(&samples, (0, 50_000), Rule::ZeroFirst), 28.0);
        assert_eq!(increase(&samples, (0, 50_000), Rule::EdgeFirst), 25.0);
        let sooner = [(30_000, 3.0), (40_000, 13.0), (50_000, 23.0)];
        for rule in [Rule::ZeroFirst, Rule::EdgeFirst] {
            assert_eq!(increase(&sooner, (0, 50_000), rule), 23.0);
        }
    }
}
