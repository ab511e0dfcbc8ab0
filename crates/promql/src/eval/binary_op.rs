//! Operators between two values.

use super::answer::Value;
use super::format::plain;
use crate::BinaryOp;

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

/// The operator between two values; `Err` with what there is to say if it has no meaning.
pub(super) fn values(op: BinaryOp, lhs: &Value, rhs: &Value) -> Result<Outcome, String> {
    let is_trim = matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
    match (lhs, rhs) {
        (Value::Float(a), Value::Float(b)) if !is_trim => {
            let (value, holds) = floats(op, *a, *b);
            Ok(Outcome { value: Value::Float(value), holds })
        }
        _ => Err(format!(
            "incompatible sample types encountered for binary operator \"{op}\": {} {op} {}",
            kind(lhs),
            kind(rhs)
        )),
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
        Value::Histogram(histogram) => {
            format!("{{count:{}, sum:{}}}", plain(histogram.count), plain(histogram.sum))
        }
    }
}
