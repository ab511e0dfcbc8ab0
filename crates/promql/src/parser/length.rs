//! Lengths of time: numbers and durations, and arithmetic of them.
//!
//! Within brackets all of the arithmetic is read. Behind `offset` it is read in parentheses only, so
//! that `x offset 5m + 1` adds to the samples, not to the offset.

use super::expression::sign;
use super::{Grown, Parser, above};
use crate::ast::{DurationExpr, DurationKind, Length, Number};
use crate::duration::SECONDS_END;
use crate::error::{Parsed, fault};
use crate::ops::{DurationOp, MUL_TIGHTNESS, Sign};
use crate::span::Span;
use crate::token::{Kind, Word};

/// A duration that is being read.
type GrownDuration = Grown<DurationExpr>;

impl Parser<'_> {
    /// A range or a step: longer than nothing, as far as a literal tells.
    pub(super) fn positive_length(&mut self) -> Parsed<Grown<Length>> {
        let duration = self.duration(1)?;
        match duration.tree.kind {
            DurationKind::Number(number) if number.value.is_nan() || number.value <= 0.0 => {
                fault(number.span, "duration must be greater than 0")
            }
            _ => Ok(duration.map(length)),
        }
    }

    /// What stands behind `offset`.
    pub(super) fn offset_length(&mut self) -> Parsed<Grown<Length>> {
        let duration = match sign(self.peek()?.kind) {
            None => self.duration_operand()?,
            Some(sign) => {
                let start = self.take()?.span;
                match self.peek()?.kind {
                    // Its bounds are those of the signed number.
                    Kind::Number | Kind::Duration => signed(sign, start, self.unbounded()?)?,
                    _ => signed(sign, start, self.duration_operand()?)?,
                }
            }
        };
        match duration.tree.kind {
            DurationKind::Number(number) if number.value.is_nan() => {
                fault(number.span, "duration out of range")
            }
            _ => Ok(duration.map(length)),
        }
    }

    /// A duration, with the operators that bind at least so tight.
    fn duration(&mut self, tightness_min: u8) -> Parsed<GrownDuration> {
        self.deeper(|parser| {
            let mut lhs = match sign(parser.peek()?.kind) {
                None => parser.duration_operand()?,
                Some(sign) => {
                    let start = parser.take()?.span;
                    signed(sign, start, parser.duration(MUL_TIGHTNESS + 1)?)?
                }
            };
            while let Kind::Op(op) = parser.peek()?.kind {
                let Some(duration_op) = DurationOp::from_binary(op) else { break };
                if op.tightness() < tightness_min {
                    break;
                }
                let op_span = parser.take()?.span;
                let rhs = parser.duration(op.right_tightness())?;
                lhs = combined(duration_op, op_span, lhs, rhs)?;
            }
            Ok(lhs)
        })
    }

    /// A number that is next, of any size.
    fn unbounded(&mut self) -> Parsed<GrownDuration> {
        let number = self.number()?;
        let (kind, span) = (DurationKind::Number(number), number.span);
        Ok(Grown::leaf(DurationExpr { kind, is_wrapped: false, span }))
    }

    /// A duration before any operator, without a sign.
    fn duration_operand(&mut self) -> Parsed<GrownDuration> {
        let token = self.peek()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number()?;
                let duration = literal(number, number.span)?;
                Ok(Grown::leaf(duration))
            }
            Kind::Word(Word::Step) => self.query_time(DurationKind::Step),
            Kind::Word(Word::Range) => self.query_time(DurationKind::Range),
            Kind::Word(Word::MinOf) => self.one_of_two(DurationOp::MinOf),
            Kind::Word(Word::MaxOf) => self.one_of_two(DurationOp::MaxOf),
            Kind::LeftParen => self.wrapped_duration(),
            _ => self.unexpected(),
        }
    }

    /// `step()` or `range()`.
    fn query_time(&mut self, kind: DurationKind) -> Parsed<GrownDuration> {
        let start = self.take()?.span;
        self.expect(Kind::LeftParen)?;
        let span = start.to(self.expect(Kind::RightParen)?.span);
        Ok(Grown::leaf(DurationExpr { kind, is_wrapped: false, span }))
    }

    /// `min_of(a, b)` or `max_of(a, b)`.
    fn one_of_two(&mut self, op: DurationOp) -> Parsed<GrownDuration> {
        let start = self.take()?.span;
        self.expect(Kind::LeftParen)?;
        let lhs = self.duration(1)?;
        self.expect(Kind::Comma)?;
        let rhs = self.duration(1)?;
        let span = start.to(self.expect(Kind::RightParen)?.span);
        binary(op, lhs, rhs, span)
    }

    /// A duration in parentheses. A number has no place for them, so a sign that changes nothing
    /// goes around it.
    fn wrapped_duration(&mut self) -> Parsed<GrownDuration> {
        let start = self.take()?.span;
        let mut inner = self.duration(1)?;
        let span = start.to(self.expect(Kind::RightParen)?.span);
        if matches!(inner.tree.kind, DurationKind::Number(_)) {
            let height = above(inner.height, span)?;
            let kind = DurationKind::Sign(Sign::Plus, Box::new(inner.tree));
            inner = Grown { tree: DurationExpr { kind, is_wrapped: false, span }, height };
        }
        inner.tree.is_wrapped = true;
        Ok(inner)
    }
}

/// A number as a duration, if it is one that can be counted in nanoseconds.
fn literal(number: Number, span: Span) -> Parsed<DurationExpr> {
    if number.value.abs() > SECONDS_END {
        return fault(span, "duration out of range");
    }
    Ok(DurationExpr { kind: DurationKind::Number(number), is_wrapped: false, span: number.span })
}

/// A sign and a duration. A number takes the sign up; `+` is dropped.
fn signed(sign: Sign, start: Span, operand: GrownDuration) -> Parsed<GrownDuration> {
    let span = start.to(operand.tree.span);
    if let DurationKind::Number(number) = operand.tree.kind {
        let value = if sign == Sign::Minus { -number.value } else { number.value };
        let duration = literal(Number { value, span, ..number }, start)?;
        return Ok(Grown::leaf(duration));
    }
    if sign == Sign::Plus {
        return Ok(operand);
    }
    let height = above(operand.height, span)?;
    let kind = DurationKind::Sign(sign, Box::new(operand.tree));
    Ok(Grown { tree: DurationExpr { kind, is_wrapped: false, span }, height })
}

/// An operator and its two sides. What can be seen to divide by zero is refused.
fn combined(
    op: DurationOp,
    op_span: Span,
    lhs: GrownDuration,
    rhs: GrownDuration,
) -> Parsed<GrownDuration> {
    let is_zero = matches!(&rhs.tree.kind, DurationKind::Number(number) if number.value == 0.0);
    match op {
        DurationOp::Div if is_zero => fault(op_span, "division by zero"),
        DurationOp::Mod if is_zero => fault(op_span, "modulo by zero"),
        _ => {
            let span = lhs.tree.span.to(rhs.tree.span);
            binary(op, lhs, rhs, span)
        }
    }
}

fn binary(
    op: DurationOp,
    lhs: GrownDuration,
    rhs: GrownDuration,
    span: Span,
) -> Parsed<GrownDuration> {
    let height = above(lhs.height.max(rhs.height), span)?;
    let kind = DurationKind::Binary(op, Box::new(lhs.tree), Box::new(rhs.tree));
    Ok(Grown { tree: DurationExpr { kind, is_wrapped: false, span }, height })
}

/// A duration as a length of time: a literal in whole nanoseconds.
fn length(duration: DurationExpr) -> Length {
    match duration.kind {
        DurationKind::Number(number) => Length::Fixed { ns: (number.value * 1e9).round() as i64 },
        _ => Length::Computed(Box::new(duration)),
    }
}
