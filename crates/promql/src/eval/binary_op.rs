//! Operators between two values.

use super::annotations::Remarks;
use super::answer::Value;
use super::format::plain;
use super::native::{Native, are_equal};
use super::native_shape;
use super::native_trim::{Keep, trimmed};
use crate::{BinaryOp, Span};

/// What an operator makes of two values.
pub(super) struct Outcome {
    pub(super) value: Value,
    /// Of comparisons: whether it holds.
    pub(super) holds: bool,
}

/// The operator between two numbers; a comparison gives the left one.
pub(super) fn floats(op: BinaryOp, lhs: f64, rhs: f64) -> (f64, bool) {
    match op {
        BinaryOp::Add => (lhs + rhs, true),
        BinaryOp::Sub => (lhs - rhs, true),
        BinaryOp::Mul => (lhs * rhs, true),
        BinaryOp::Div => (lhs / rhs, true),
        BinaryOp::Mod => (lhs % rhs, true),
        BinaryOp::Pow => (lhs.powf(rhs), true),
        BinaryOp::Atan2 => (lhs.atan2(rhs), true),
        BinaryOp::Equal => (lhs, lhs == rhs),
        BinaryOp::NotEqual => (lhs, lhs != rhs),
        BinaryOp::Less => (lhs, lhs < rhs),
        BinaryOp::LessEqual => (lhs, lhs <= rhs),
        BinaryOp::Greater => (lhs, lhs > rhs),
        BinaryOp::GreaterEqual => (lhs, lhs >= rhs),
        BinaryOp::TrimUpper | BinaryOp::TrimLower => (f64::NAN, false),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => (lhs, true),
    }
}

/// Why an operator gives nothing, or what there is to say of what it gives.
pub(super) enum Doubt {
    Warning(String),
    Info(String),
}

/// The operator between two values; what there is to say goes to `tell`.
pub(super) fn values(
    op: BinaryOp,
    lhs: &Value,
    rhs: &Value,
    tell: &mut dyn FnMut(Doubt),
) -> Option<Outcome> {
    use BinaryOp::{Add, Div, Equal, Mul, NotEqual, Sub, TrimLower, TrimUpper};
    let is_trim = matches!(op, TrimUpper | TrimLower);
    let native = |native: Native| {
        Some(Outcome { value: Value::Histogram(native.into_histogram()), holds: true })
    };
    match (lhs, op, rhs) {
        (Value::Float(a), _, Value::Float(b)) if !is_trim => {
            let (value, holds) = floats(op, *a, *b);
            Some(Outcome { value: Value::Float(value), holds })
        }
        (Value::Float(factor), Mul, Value::Histogram(histogram))
        | (Value::Histogram(histogram), Mul, Value::Float(factor)) => {
            native(Native::from(&**histogram).times(*factor))
        }
        (Value::Histogram(histogram), Div, Value::Float(by)) => {
            native(Native::from(&**histogram).divided(*by))
        }
        (Value::Histogram(histogram), TrimUpper | TrimLower, Value::Float(at)) => {
            let keep = if op == TrimUpper { Keep::Below } else { Keep::Above };
            native(trimmed(Native::from(&**histogram), *at, keep))
        }
        (Value::Histogram(a), Equal | NotEqual, Value::Histogram(b)) => {
            let holds = are_equal(a, b) == (op == Equal);
            Some(Outcome { value: lhs.clone(), holds })
        }
        (Value::Histogram(a), Add | Sub, Value::Histogram(b)) => {
            native(added(op, Native::from(&**a), Native::from(&**b), tell)?)
        }
        _ => {
            tell(Doubt::Info(format!(
                "incompatible sample types encountered for binary operator \"{op}\": {} {op} {}",
                kind(lhs),
                kind(rhs)
            )));
            None
        }
    }
}

/// The sum or the difference of two histograms.
fn added(op: BinaryOp, a: Native, b: Native, tell: &mut dyn FnMut(Doubt)) -> Option<Native> {
    let (result, operation) = match op {
        BinaryOp::Add => (a.plus(b), "addition"),
        _ => (a.minus(b), "subtraction"),
    };
    let Some((native, meeting)) = result else {
        let text = format!("incompatible bucket layout encountered for binary operator {op}");
        tell(Doubt::Warning(text));
        return None;
    };
    if meeting.hints_conflicted {
        let text = format!("conflicting counter resets during histogram {operation}");
        tell(Doubt::Warning(text));
        return None;
    }
    if meeting.bounds_differed {
        let text = format!("mismatched custom buckets were reconciled during {operation}");
        tell(Doubt::Info(text));
    }
    Some(native)
}

impl Doubt {
    /// Notes it.
    pub(super) fn note(self, remarks: &mut Remarks, span: Span) {
        match self {
            Self::Warning(text) => remarks.warn(span, text),
            Self::Info(text) => remarks.info(span, text),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Float(_) => "float",
        Value::Histogram(_) => "histogram",
    }
}

/// 1 or 0.
pub(super) fn truth(holds: bool) -> Value {
    Value::Float(if holds { 1.0 } else { 0.0 })
}

/// The text of a value in a label.
pub(super) fn label_text(value: &Value) -> String {
    match value {
        Value::Float(value) => plain(*value),
        Value::Histogram(histogram) => native_shape::text(histogram),
    }
}
