//! Printing: a tree as the text that Prometheus writes for it.
//!
//! One line, matchers sorted, one blank around operators. Reading the text again gives the same tree,
//! but for what the text has no place for: fractions of milliseconds, and the `+` of a number.

use std::fmt::{self, Display, Formatter};

use model::{MatchOp, Matcher};

use crate::ast::{
    Aggregate, At, Binary, Call, Card, DurationExpr, DurationKind, Expr, Fill, Length, Matching,
    MatrixSelector, Number, Subquery, VectorSelector,
};
use crate::ops::{DurationOp, Sign};
use crate::quote::Quoted;
use crate::token::word;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregate(node) => aggregate(f, node),
            Self::Binary(node) => binary(f, node),
            Self::Call(node) => call(f, node),
            Self::Matrix(node) => matrix(f, node),
            Self::Number(node) => write!(f, "{node}"),
            Self::Paren(node) => write!(f, "({})", node.expr),
            Self::Text(node) => write!(f, "{}", node.value),
            Self::Subquery(node) => write!(f, "{}{}", node.expr, SubqueryTimes(node)),
            Self::Unary(node) => write!(f, "{}{}", node.op, node.expr),
            Self::Vector(node) => vector(f, node),
        }
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.is_duration {
            // Seconds of a fraction are seldom exact; nanoseconds of a literal are.
            true => write!(f, "{}", Ms((self.value * 1e9).round() as i64 / 1_000_000)),
            false => write!(f, "{}", Plain(self.value)),
        }
    }
}

/// A number without exponent, as short as reads back.
pub(crate) struct Plain(pub(crate) f64);

impl Display for Plain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

/// A number as Go's `%v`, which prints fills: as [`Plain`] up to six digits before the point and four
/// zeros behind it, else with an exponent of at least two digits.
struct General(f64);

impl Display for General {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let scientific = format!("{:e}", self.0);
        let parts = scientific.split_once('e');
        let parts = parts.and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
        match parts {
            Some((digits, power)) if !(-4..6).contains(&power) => {
                let sign = if power < 0 { '-' } else { '+' };
                write!(f, "{digits}e{sign}{:02}", power.abs())
            }
            _ => write!(f, "{}", Plain(self.0)),
        }
    }
}

/// Milliseconds as a duration: `1h30m`. Years and weeks only where nothing is left over, because
/// `90d` is easier to read than `12w6d`.
struct Ms(i64);

impl Display for Ms {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64, bool); 7] = [
            ("y", 365 * 86_400_000, true),
            ("w", 7 * 86_400_000, true),
            ("d", 86_400_000, false),
            ("h", 3_600_000, false),
            ("m", 60_000, false),
            ("s", 1_000, false),
            ("ms", 1, false),
        ];
        let mut rest = self.0.unsigned_abs();
        if rest == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        for (unit, unit_ms, must_fit) in UNITS {
            if rest >= unit_ms && (!must_fit || rest.is_multiple_of(unit_ms)) {
                write!(f, "{}{unit}", rest / unit_ms)?;
                rest %= unit_ms;
            }
        }
        Ok(())
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { ns } => write!(f, "{}", Ms(ns / 1_000_000)),
            Self::Computed(duration) => write!(f, "{duration}"),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.is_wrapped {
            true => write!(f, "({})", self.kind),
            false => write!(f, "{}", self.kind),
        }
    }
}

impl Display for DurationKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Sign(Sign::Plus, of) => write!(f, "{of}"),
            Self::Sign(Sign::Minus, of) => write!(f, "-{of}"),
            Self::Binary(op @ (DurationOp::MinOf | DurationOp::MaxOf), lhs, rhs) => {
                write!(f, "{op}({lhs}, {rhs})")
            }
            Self::Binary(op, lhs, rhs) => write!(f, "{lhs} {op} {rhs}"),
        }
    }
}

fn aggregate(f: &mut Formatter<'_>, node: &Aggregate) -> fmt::Result {
    write!(f, "{}(", AggregateHead(node))?;
    if let Some(param) = &node.param {
        write!(f, "{param}, ")?;
    }
    write!(f, "{})", node.expr)
}

/// An aggregation up to its parenthesis: `sum by (job) `.
pub(crate) struct AggregateHead<'n>(pub(crate) &'n Aggregate);

impl Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Aggregate { op, grouping, .. } = self.0;
        let labels = Names(&grouping.labels);
        match grouping.is_without {
            true => write!(f, "{op} without ({labels}) "),
            false if grouping.labels.is_empty() => write!(f, "{op}"),
            false => write!(f, "{op} by ({labels}) "),
        }
    }
}

/// Names of labels with commas between, quoted where they need it.
struct Names<'n>(&'n [String]);

impl Display for Names<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, name) in self.0.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { ", " })?;
            // `without`, `inf` and `nan` are no labels here. Prometheus prints them bare, and cannot
            // read what it printed.
            match word(name).is_some_and(|kind| !kind.is_label_name()) {
                true => write!(f, "{}", Quoted(name))?,
                false => write!(f, "{}", Name(name))?,
            }
        }
        Ok(())
    }
}

/// A label's name, quoted if it could not be read back otherwise.
struct Name<'n>(&'n str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_plain =
            self.0.chars().all(fits) && !self.0.starts_with(|c: char| c.is_ascii_digit());
        match is_plain && !self.0.is_empty() {
            true => f.write_str(self.0),
            false => write!(f, "{}", Quoted(self.0)),
        }
    }
}

fn binary(f: &mut Formatter<'_>, node: &Binary) -> fmt::Result {
    write!(f, "{} {} {}", node.lhs, BinaryHead(node), node.rhs)
}

/// An operator with its modifiers: `+ on (job) group_left (a)`.
pub(crate) struct BinaryHead<'n>(pub(crate) &'n Binary);

impl Display for BinaryHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.op)?;
        if self.0.returns_bool {
            f.write_str(" bool")?;
        }
        match &self.0.matching {
            Some(matching) => write!(f, "{matching}"),
            None => Ok(()),
        }
    }
}

impl Display for Matching {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let group = match self.card {
            Card::ManyToOne => Some("left"),
            Card::OneToMany => Some("right"),
            Card::OneToOne | Card::ManyToMany => None,
        };
        if self.is_on || !self.labels.is_empty() || group.is_some() {
            let word = if self.is_on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", Names(&self.labels))?;
        }
        if let Some(side) = group {
            write!(f, " group_{side} ({})", Names(&self.include))?;
        }
        write!(f, "{}", self.fill)
    }
}

impl Display for Fill {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(both) = self.lhs.filter(|_| self.is_one) {
            return write!(f, " fill ({})", General(both));
        }
        for (side, value) in [("left", self.lhs), ("right", self.rhs)] {
            if let Some(value) = value {
                write!(f, " fill_{side} ({})", General(value))?;
            }
        }
        Ok(())
    }
}

fn call(f: &mut Formatter<'_>, node: &Call) -> fmt::Result {
    write!(f, "{}(", node.function.name)?;
    for (place, arg) in node.args.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        write!(f, "{comma}{arg}")?;
    }
    f.write_str(")")
}

fn vector(f: &mut Formatter<'_>, node: &VectorSelector) -> fmt::Result {
    write!(f, "{}{}", Series(node), AtTime(node.at))?;
    extension(f, node)?;
    write!(f, "{}", Offset(&node.offset))
}

fn matrix(f: &mut Formatter<'_>, node: &MatrixSelector) -> fmt::Result {
    let selector = &node.selector;
    write!(f, "{}[{}]", Series(selector), node.range)?;
    extension(f, selector)?;
    write!(f, "{}{}", AtTime(selector.at), Offset(&selector.offset))
}

fn extension(f: &mut Formatter<'_>, node: &VectorSelector) -> fmt::Result {
    node.extension.map_or(Ok(()), |extension| write!(f, " {}", extension.as_str()))
}

/// What stands behind the expression of a subquery: `[1h:5m] @ end() offset 1m`.
pub(crate) struct SubqueryTimes<'n>(pub(crate) &'n Subquery);

impl Display for SubqueryTimes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Subquery { range, step, at, offset, .. } = self.0;
        write!(f, "[{range}:")?;
        if let Some(step) = step {
            write!(f, "{step}")?;
        }
        write!(f, "]{}{}", AtTime(*at), Offset(offset))
    }
}

/// A selector without its times. Matchers are sorted, so that equal selectors print alike.
struct Series<'n>(&'n VectorSelector);

impl Display for Series<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let VectorSelector { name, matchers, .. } = self.0;
        let n_in_braces = matchers.len() - usize::from(name.is_some());
        let mut written: Vec<String> = matchers[..n_in_braces].iter().map(matcher).collect();
        written.sort_unstable();
        f.write_str(name.as_deref().unwrap_or_default())?;
        match (written.is_empty(), name) {
            (true, Some(_)) => Ok(()),
            _ => write!(f, "{{{}}}", written.join(",")),
        }
    }
}

fn matcher(matcher: &Matcher) -> String {
    let op = match_op(matcher.op());
    format!("{}{op}{}", Name(&matcher.name), Quoted(matcher.value()))
}

/// A matcher's operator as it is written.
pub(crate) fn match_op(op: MatchOp) -> &'static str {
    match op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Match => "=~",
        MatchOp::NoMatch => "!~",
    }
}

struct AtTime(Option<At>);

impl Display for AtTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(At::Time { ms }) => write!(f, " @ {:.3}", ms as f64 / 1000.0),
            Some(At::Start) => f.write_str(" @ start()"),
            Some(At::End) => f.write_str(" @ end()"),
        }
    }
}

struct Offset<'n>(&'n Length);

impl Display for Offset<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.is_zero() {
            true => Ok(()),
            false => write!(f, " offset {}", self.0),
        }
    }
}
