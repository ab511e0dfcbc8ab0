//! Modifiers behind an expression: ranges, `offset`, `@`, `anchored` and `smoothed`.

use super::expression::sign;
use super::{Context, Grown, GrownExpr, Parser, above};
use crate::ast::{At, Expr, Extension, Length, MatrixSelector, Subquery, VectorSelector};
use crate::error::{Parsed, fault};
use crate::ops::Sign;
use crate::span::Span;
use crate::token::{Kind, Word};

const RANGE: Context = ("subquery or range selector", "number, duration, step(), or range()");
const BEHIND_RANGE: Context = ("subquery or range", "\":\" or \"]\"");
const STEP: Context = ("subquery selector", "number, duration, step(), range(), or \"]\"");
const BEHIND_STEP: Context = ("subquery selector", "\"]\"");
const OFFSET: Context = ("offset", "number, duration, step(), or range()");
const AT: Context = ("@", "timestamp");

impl Parser<'_> {
    /// The expression with the modifiers that follow.
    pub(super) fn modified(&mut self, mut expr: GrownExpr) -> Parsed<GrownExpr> {
        loop {
            expr = match self.peek()?.kind {
                Kind::LeftBracket => self.ranged(expr)?,
                Kind::Word(Word::Offset) => self.offset(expr)?,
                Kind::At => self.at(expr)?,
                Kind::Word(Word::Anchored) => self.extended(expr, Extension::Anchored)?,
                Kind::Word(Word::Smoothed) => self.extended(expr, Extension::Smoothed)?,
                _ => return Ok(expr),
            }
        }
    }

    /// `[5m]` of a selector, or `[5m:1m]` of anything.
    fn ranged(&mut self, expr: GrownExpr) -> Parsed<GrownExpr> {
        let start = self.take()?.span;
        let range = self.within(RANGE, Self::positive_length)?;
        if self.takes(Kind::Colon)?.is_some() {
            return self.subquery(expr, range);
        }
        let Some(end) = self.takes(Kind::RightBracket)? else {
            return self.unexpected_in(BEHIND_RANGE);
        };
        let brackets = start.to(end.span);
        let height = above(expr.height.max(range.height), brackets)?;
        let selector = plain_selector(expr.tree, brackets)?;
        let span = selector.span.to(end.span);
        let matrix = MatrixSelector { selector, range: range.tree, span };
        Ok(Grown { tree: Expr::Matrix(Box::new(matrix)), height })
    }

    /// The rest of a subquery, from behind its colon.
    fn subquery(&mut self, expr: GrownExpr, range: Grown<Length>) -> Parsed<GrownExpr> {
        let mut height = expr.height.max(range.height);
        let mut step = None;
        if self.peek()?.kind != Kind::RightBracket {
            let length = self.within(STEP, Self::positive_length)?;
            height = height.max(length.height);
            step = Some(length.tree);
        }
        let Some(end) = self.takes(Kind::RightBracket)? else {
            return self.unexpected_in(BEHIND_STEP);
        };
        let span = expr.tree.span().to(end.span);
        let height = above(height, span)?;
        let (expr, range, at, offset) = (expr.tree, range.tree, None, Length::ZERO);
        let subquery = Subquery { expr, range, step, at, offset, span };
        Ok(Grown { tree: Expr::Subquery(Box::new(subquery)), height })
    }

    fn offset(&mut self, mut expr: GrownExpr) -> Parsed<GrownExpr> {
        self.take()?;
        let offset = self.within(OFFSET, Self::offset_length)?;
        let span = expr.tree.span();
        let Some(times) = Times::of(&mut expr.tree) else {
            return fault(span, format!("offset modifier {AFTER_SELECTOR}"));
        };
        if !times.offset.is_zero() {
            return fault(span, "offset may not be set multiple times");
        }
        *times.offset = offset.tree;
        let height = above(offset.height, span)?.max(expr.height);
        Ok(Grown { tree: self.extend_span(expr.tree), height })
    }

    fn at(&mut self, mut expr: GrownExpr) -> Parsed<GrownExpr> {
        self.take()?;
        let span = expr.tree.span();
        let at = self.within(AT, |parser| parser.moment(span))?;
        let Some(times) = Times::of(&mut expr.tree) else {
            return fault(span, format!("@ modifier {AFTER_SELECTOR}"));
        };
        if times.at.is_some() {
            return fault(span, "@ <timestamp> may not be set multiple times");
        }
        *times.at = Some(at);
        Ok(Grown { tree: self.extend_span(expr.tree), height: expr.height })
    }

    /// What stands behind `@`; mistakes are told of the expression before it.
    fn moment(&mut self, span: Span) -> Parsed<At> {
        let at = match self.peek()?.kind {
            Kind::Word(Word::Start) => At::Start,
            Kind::Word(Word::End) => At::End,
            _ => return self.timestamp(span),
        };
        self.take()?;
        self.expect(Kind::LeftParen)?;
        self.expect(Kind::RightParen)?;
        Ok(at)
    }

    fn timestamp(&mut self, span: Span) -> Parsed<At> {
        let sign = sign(self.peek()?.kind);
        if sign.is_some() {
            self.take()?;
        }
        if !matches!(self.peek()?.kind, Kind::Number | Kind::Duration) {
            return self.unexpected();
        }
        let number = self.number()?.value;
        let seconds = if sign == Some(Sign::Minus) { -number } else { number };
        // No time, or one that 64 bits of seconds cannot hold.
        if seconds.is_nan() || seconds.abs() >= i64::MAX as f64 {
            let seconds = fixed(seconds);
            return fault(span, format!("timestamp out of bounds for @ modifier: {seconds}"));
        }
        Ok(At::Time { ms: (seconds * 1000.0).round() as i64 })
    }

    fn extended(&mut self, mut expr: GrownExpr, extension: Extension) -> Parsed<GrownExpr> {
        self.take()?;
        let span = expr.tree.span();
        let word = extension.as_str();
        let selector = match &mut expr.tree {
            Expr::Vector(selector) => selector.as_mut(),
            Expr::Matrix(matrix) => &mut matrix.selector,
            Expr::Subquery(_) => {
                return fault(span, format!("{word} modifier is not supported for subqueries"));
            }
            _ => return fault(span, format!("{word} modifier not implemented")),
        };
        if selector.extension.is_some_and(|known| known != extension) {
            return fault(span, "anchored and smoothed modifiers cannot be used together");
        }
        selector.extension = Some(extension);
        Ok(Grown { tree: self.extend_span(expr.tree), height: expr.height })
    }

    /// The expression, with the modifier that was just read.
    fn extend_span(&self, mut expr: Expr) -> Expr {
        let span = match &mut expr {
            Expr::Vector(node) => &mut node.span,
            Expr::Matrix(node) => &mut node.span,
            Expr::Subquery(node) => &mut node.span,
            _ => return expr,
        };
        span.end = self.taken_end;
        expr
    }
}

const AFTER_SELECTOR: &str = "must be preceded by an instant vector selector or range vector \
                              selector or a subquery";

/// The times of an expression that has some.
struct Times<'e> {
    at: &'e mut Option<At>,
    offset: &'e mut Length,
}

impl<'e> Times<'e> {
    fn of(expr: &'e mut Expr) -> Option<Self> {
        match expr {
            Expr::Vector(node) => Some(Self { at: &mut node.at, offset: &mut node.offset }),
            Expr::Matrix(node) => {
                let node = &mut node.selector;
                Some(Self { at: &mut node.at, offset: &mut node.offset })
            }
            Expr::Subquery(node) => Some(Self { at: &mut node.at, offset: &mut node.offset }),
            _ => None,
        }
    }
}

/// The selector before a range, which has no times yet: they belong behind the range.
fn plain_selector(expr: Expr, brackets: Span) -> Parsed<VectorSelector> {
    match expr {
        Expr::Vector(selector) if !selector.offset.is_zero() => {
            fault(brackets, "no offset modifiers allowed before range")
        }
        Expr::Vector(selector) if selector.at.is_some() => {
            fault(brackets, "no @ modifiers allowed before range")
        }
        Expr::Vector(selector) => Ok(*selector),
        _ => fault(brackets, "ranges only allowed for vector selectors"),
    }
}

/// As Go's `%f`.
fn fixed(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => format!("{value:.6}"),
    }
}
