//! Reasons: where Prometheus 3, which ours follows, answers otherwise than Prometheus 2.42 on
//! purpose. Each is a test on the smallest expression that is answered differently, as narrow as
//! can be, so that nothing else passes for it.

use crate::differential::query::Expr;
use crate::differential::smallest::Smallest;

/// Why a difference is none of ours.
pub(crate) struct Reason {
    pub(crate) name: &'static str,
    holds: fn(&Smallest) -> bool,
}

/// The first that holds counts.
pub(crate) const REASONS: [Reason; 3] = [
    Reason { name: "operands that differ by rounding, enlarged by the operator", holds: enlarged },
    Reason { name: "names are removed at the end of the query", holds: names_removed_late },
    Reason { name: "sums and means are compensated", holds: compensated },
];

/// The reason of a difference, if it is one of those known.
pub(crate) fn reason(smallest: &Smallest) -> Option<&'static str> {
    REASONS.iter().find(|reason| (reason.holds)(smallest)).map(|reason| reason.name)
}

/// What goes in is the same up to [`TOLERANCE`](crate::differential::TOLERANCE), not to the last
/// bit, and what comes out differs by more: a difference of large numbers, a comparison, a step of
/// `floor`.
fn enlarged(smallest: &Smallest) -> bool {
    !smallest.is_exact() && !smallest.different_values().is_empty()
}

/// Prometheus 2 removed the name at once and then found series twice.
fn names_removed_late(smallest: &Smallest) -> bool {
    let theirs = smallest.pair.theirs.refusal();
    theirs.contains("same labelset") && smallest.pair.ours.rows().is_some()
}

/// Sums have carried what rounding lost since Prometheus 3, as far as it is lost at all: both are
/// as close as sums of so many numbers of this size come.
fn compensated(smallest: &Smallest) -> bool {
    let Some(numbers) = smallest.parts.last() else { return false };
    let (n, most) = numbers.theirs.values().filter(|value| value.is_finite()).fold(
        (0.0, 0.0_f64),
        |(n, most), value| (n + 1.0, most.max(value.abs())),
    );
    let lost = n * n * most * f64::EPSILON;
    let is_close: &dyn Fn(f64, f64) -> bool = match &smallest.question.expr {
        Expr::Aggregate(of) if of.op == "sum" || of.op == "avg" => &|a, b| (a - b).abs() <= lost,
        Expr::Aggregate(of) if of.op == "stdvar" => &|a, b| (a - b).abs() <= lost * most,
        Expr::Aggregate(of) if of.op == "stddev" => &|a, b| (a * a - b * b).abs() <= lost * most,
        Expr::Call("avg_over_time" | "sum_over_time", _) => &|a, b| (a - b).abs() <= lost,
        Expr::Call("stdvar_over_time", _) => &|a, b| (a - b).abs() <= lost * most,
        Expr::Call("stddev_over_time", _) => &|a, b| (a * a - b * b).abs() <= lost * most,
        _ => return false,
    };
    let differences = smallest.different_values();
    !differences.is_empty()
        && differences.into_iter().all(|pair| matches!(pair, (Some(a), Some(b)) if is_close(a, b)))
}
