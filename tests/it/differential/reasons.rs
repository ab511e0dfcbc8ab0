//! Reasons: where Prometheus 3, which ours follows, answers otherwise than Prometheus 2.42 on
//! purpose. Each is a test on the smallest expression that is answered differently, as narrow as
//! can be, so that nothing else passes for it.

mod zero_point;

use crate::differential::TOLERANCE;
use crate::differential::answer::{Answer, Labels, close, difference};
use crate::differential::query::{Aggregate, Binary, Expr};
use crate::differential::sides::{Pair, Question, Sides, Times};
use crate::differential::smallest::{Smallest, inner_steps, sorted_values};

/// Why a difference is none of ours.
pub(crate) struct Reason {
    name: &'static str,
    holds: fn(&Smallest, &Sides) -> bool,
}

/// The first that holds counts.
const REASONS: [Reason; 16] = [
    Reason { name: "operands differ by rounding, the operator enlarges that", holds: enlarged },
    Reason { name: "a counter's zero point comes second", holds: zero_point_comes_second },
    Reason { name: "`atan2` removes the name", holds: atan2_removes_names },
    Reason { name: "names are removed last, so that none is there twice", holds: names_are_apart },
    Reason { name: "names are removed last, so that they group", holds: names_group },
    Reason { name: "partners are counted before a filter", holds: counted_before_the_filter },
    Reason { name: "a subquery without a step is empty", holds: without_a_step },
    Reason { name: "sums and means are compensated", holds: compensated },
    Reason { name: "what is infinite has no deviation", holds: no_deviation },
    Reason { name: "which of the equal are on top", holds: equal_on_top },
    Reason { name: "less than one on top is none, however little", holds: less_than_one_on_top },
    Reason { name: "wrong factors are refused before any series is seen", holds: wrong_factors },
    Reason { name: "`@` fixes a window for all steps", holds: window_stays },
    Reason { name: "Go's `sinh` and `cosh` end too soon", holds: overflows_in_go },
    Reason { name: "Go's logarithm of numbers below 2^-1022", holds: subnormal_logarithm },
    Reason { name: "two texts of a number are equally short", holds: equally_short },
];

/// The reason of a difference, if it is one of those known.
pub(crate) fn reason(smallest: &Smallest, sides: &Sides) -> Option<&'static str> {
    REASONS.iter().find(|reason| (reason.holds)(smallest, sides)).map(|reason| reason.name)
}

fn aggregate(smallest: &Smallest) -> Option<&Aggregate> {
    if let Expr::Aggregate(of) = &smallest.question.expr { Some(of) } else { None }
}

/// What goes in is the same up to [`TOLERANCE`], not to the last bit, and what comes out differs by
/// more: a difference of large numbers, a comparison, a step of `floor`, a division by a zero whose
/// sign a compensated sum has lost.
fn enlarged(smallest: &Smallest, sides: &Sides) -> bool {
    let Pair { ours, theirs } = &smallest.pair;
    ours.rows().is_some() && theirs.rows().is_some() && !smallest.is_exact(sides)
}

fn zero_point_comes_second(smallest: &Smallest, _: &Sides) -> bool {
    zero_point::explains(smallest)
}

/// Prometheus 2 forgot to remove the name there. Both must answer the same with another operator
/// in its place, which removes it.
fn atan2_removes_names(smallest: &Smallest, sides: &Sides) -> bool {
    let Expr::Binary(of) = &smallest.question.expr else { return false };
    if of.op != "atan2" {
        return false;
    }
    let expr = Expr::Binary(Box::new(Binary { op: "+", ..(**of).clone() }));
    answers_alike(sides, expr, smallest.question.times)
}

fn answers_alike(sides: &Sides, expr: Expr, times: Times) -> bool {
    let pair = sides.ask(&Question { expr, times });
    difference(&pair.ours, &pair.theirs, TOLERANCE).is_none()
}

/// Prometheus 2 removed the names at once and then found series of two metrics twice.
fn names_are_apart(smallest: &Smallest, _: &Sides) -> bool {
    let has_many_names = |expr: &Expr| match expr {
        Expr::Selector(selector) | Expr::Range(selector, _) => selector.text.contains("__name__=~"),
        Expr::Binary(of) => of.op == "or",
        _ => false,
    };
    let theirs = smallest.pair.theirs.refusal();
    let is_twice = theirs.contains("same labelset") || theirs.contains("ensure unique matches");
    is_twice && smallest.pair.ours.rows().is_some() && smallest.question.expr.any(&has_many_names)
}

/// Prometheus 2 looked for a second partner only where the comparison held. With `bool` it holds
/// everywhere.
fn counted_before_the_filter(smallest: &Smallest, sides: &Sides) -> bool {
    let Expr::Binary(of) = &smallest.question.expr else { return false };
    let Pair { ours, theirs } = &smallest.pair;
    let is_filter = ["==", "!=", "<", "<=", ">", ">="].contains(&of.op);
    if !is_filter || !ours.refusal().starts_with("multiple matches") || theirs.rows().is_none() {
        return false;
    }
    let modifiers = format!("bool {}", of.modifiers);
    let expr = Expr::Binary(Box::new(Binary { modifiers, ..(**of).clone() }));
    let with_bool = sides.ask(&Question { expr, times: smallest.question.times });
    with_bool.theirs.refusal().starts_with("multiple matches")
}

/// Prometheus 2 gave it the value of a step after its end, if all of it is fixed by `@`.
fn without_a_step(smallest: &Smallest, _: &Sides) -> bool {
    let (Expr::Subquery(of), Times::At(t_ms)) = (&smallest.question.expr, smallest.question.times)
    else {
        return false;
    };
    let (start_ms, end_ms, _) = inner_steps(of, t_ms);
    start_ms > end_ms && !smallest.pair.ours.says_something()
}

/// Series whose name is to be removed are still grouped by it. Without the name among the labels
/// both must answer the same.
fn names_group(smallest: &Smallest, sides: &Sides) -> bool {
    let Some(of) = aggregate(smallest) else { return false };
    let grouping = of.grouping.replace("__name__, ", "");
    if grouping == of.grouping {
        return false;
    }
    let expr = Expr::Aggregate(Box::new(Aggregate { grouping, ..of.clone() }));
    answers_alike(sides, expr, smallest.question.times)
}

/// Sums have carried what rounding lost since Prometheus 3, as far as it is lost at all: both are
/// as close as sums of so many numbers of this size come.
fn compensated(smallest: &Smallest, _: &Sides) -> bool {
    let Some(numbers) = smallest.parts.last() else { return false };
    let finite = numbers.theirs.values().filter(|value| value.is_finite());
    let (n, most) =
        finite.fold((0.0, 0.0_f64), |(n, most), value| (n + 1.0, most.max(value.abs())));
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

/// Prometheus 2 said 0 of a single value, whatever it was.
fn no_deviation(smallest: &Smallest, _: &Sides) -> bool {
    let is_deviation = aggregate(smallest).is_some_and(|of| ["stddev", "stdvar"].contains(&of.op));
    let is_odd = smallest.parts.iter().any(|part| part.theirs.values().any(|x| !x.is_finite()));
    let differences = smallest.different_values();
    let says_so =
        |pair: &(Option<f64>, Option<f64>)| matches!(pair, (Some(a), Some(0.0)) if a.is_nan());
    is_deviation && is_odd && !differences.is_empty() && differences.iter().all(says_so)
}

/// Of equal values any may be among the first, in both, and differently each time.
fn equal_on_top(smallest: &Smallest, sides: &Sides) -> bool {
    let times = smallest.question.times;
    let has_equal = |of: &Aggregate| {
        let pair = sides.ask(&Question { expr: of.of.clone(), times });
        let values = sorted_values(&pair.theirs);
        values.windows(2).any(|two| two[0] == two[1])
    };
    if let Some(of) = aggregate(smallest).filter(|of| is_top(of)) {
        let Pair { ours, theirs } = &smallest.pair;
        return has_equal(of) && sorted_values(ours) == sorted_values(theirs);
    }
    // It may not show when it is asked for alone.
    smallest.question.expr.any(&|expr| match expr {
        Expr::Aggregate(of) => is_top(of) && has_equal(of),
        _ => false,
    })
}

/// Prometheus 2 refused what is no whole number of 64 bits, on either side.
fn less_than_one_on_top(smallest: &Smallest, _: &Sides) -> bool {
    let Pair { ours, theirs } = &smallest.pair;
    let is_none = ours.rows().is_some_and(|rows| rows.series.is_empty());
    let is_less = theirs.refusal().starts_with("Scalar value -");
    aggregate(smallest).is_some_and(is_top) && is_none && is_less
}

fn is_top(of: &Aggregate) -> bool {
    ["topk", "bottomk"].contains(&of.op)
}

/// Prometheus, 3 as well, looks at the factors of `holt_winters` when it has a series to smooth. A
/// query that is refused as soon as there are data is better refused before; this one is ours.
fn wrong_factors(smallest: &Smallest, _: &Sides) -> bool {
    let Pair { ours, theirs } = &smallest.pair;
    let is_refused = ["invalid smoothing factor", "invalid trend factor"]
        .iter()
        .any(|start| ours.refusal().starts_with(start));
    let is_empty = theirs.rows().is_some_and(|rows| rows.series.is_empty());
    matches!(&smallest.question.expr, Expr::Call("holt_winters", _)) && is_refused && is_empty
}

/// Prometheus 2 did not keep what `@` fixes over the steps of a range: windows moved, and scalars
/// were lost in subqueries. At single steps it knew better, and ours says the same at each.
fn window_stays(smallest: &Smallest, sides: &Sides) -> bool {
    let is_fixed = smallest.question.expr.any(&|expr| match expr {
        Expr::Selector(selector) | Expr::Range(selector, _) => selector.when.at.is_some(),
        Expr::Subquery(of) => of.when.at.is_some(),
        _ => false,
    });
    let Times::Range { start_ms, end_ms, step_ms } = smallest.question.times else { return false };
    let ours = &smallest.pair.ours;
    let as_at_single_steps = |t_ms: i64| {
        let question = Question { times: Times::At(t_ms), ..smallest.question.clone() };
        let single = sides.ask(&question).theirs;
        let at_step: Vec<_> = ours.samples().filter(|(_, at_ms, _)| *at_ms == t_ms).collect();
        at_step.len() == single.samples().count()
            && at_step.into_iter().all(|(labels, _, value)| {
                single.value(labels, t_ms).is_some_and(|theirs| close(value, theirs, TOLERANCE))
            })
    };
    is_fixed && (start_ms..=end_ms).step_by(step_ms as usize).all(as_at_single_steps)
}

/// Both halve a power of e, of which the whole is too large a number.
fn overflows_in_go(smallest: &Smallest, _: &Sides) -> bool {
    let Expr::Call("sinh" | "cosh", _) = &smallest.question.expr else { return false };
    let is_so = |(ours, theirs): (Option<f64>, Option<f64>)| {
        theirs.is_some_and(f64::is_infinite) && ours.is_some_and(|ours| ours.abs() > f64::MAX / 2.0)
    };
    let differences = smallest.different_values();
    !differences.is_empty() && differences.into_iter().all(is_so)
}

/// It takes the exponent of such a number to be -1022, whatever zeros its digits begin with. Powers
/// are made of logarithms.
fn subnormal_logarithm(smallest: &Smallest, _: &Sides) -> bool {
    let has_logarithm = match &smallest.question.expr {
        Expr::Call(name, _) => ["ln", "log2", "log10"].contains(name),
        Expr::Binary(of) => of.op == "^",
        _ => false,
    };
    let Some(part) = smallest.parts.first() else { return false };
    let n_subnormal = part.theirs.values().filter(|value| value.is_subnormal()).count();
    has_logarithm && smallest.different_values().len() <= n_subnormal
}

/// The labels of `count_values` are the shortest decimal digits that tell a number. Of two that are
/// as short and as near, Go and Rust take different ones.
fn equally_short(smallest: &Smallest, _: &Sides) -> bool {
    let Some(of) = aggregate(smallest).filter(|of| of.op == "count_values") else { return false };
    let Some(Expr::Text(label)) = &of.param else { return false };
    let as_numbers = |answer: &Answer| -> Option<Vec<(Labels, u64, i64, u64)>> {
        let number = |(labels, t_ms, value): (&Labels, i64, f64)| {
            let mut labels = labels.clone();
            let counted: f64 = labels.remove(label)?.parse().ok()?;
            Some((labels, counted.to_bits(), t_ms, value.to_bits()))
        };
        let mut all = answer.samples().map(number).collect::<Option<Vec<_>>>()?;
        all.sort();
        Some(all)
    };
    let ours = as_numbers(&smallest.pair.ours);
    ours.is_some() && ours == as_numbers(&smallest.pair.theirs)
}
