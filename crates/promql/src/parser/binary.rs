//! Operators between two expressions and their modifiers: `bool`, `on`, `group_left`, `fill`.

use super::expression::sign;
use super::{Grown, GrownExpr, Parser, above};
use crate::ast::{Binary, Card, Expr, Fill, Matching};
use crate::error::{Parsed, fault};
use crate::lexer::unquote;
use crate::ops::{BinaryOp, Sign};
use crate::span::Span;
use crate::token::{Kind, Word};

impl Parser<'_> {
    /// The operator that is next, its modifiers and its right side.
    pub(super) fn binary(&mut self, lhs: GrownExpr, op: BinaryOp) -> Parsed<GrownExpr> {
        let op_start = self.take()?.span;
        let returns_bool = self.takes(Kind::Word(Word::Bool))?.is_some();
        let matching = self.matching()?;
        let rhs = self.expression(op.right_tightness())?;
        let span = lhs.tree.span().to(rhs.tree.span());
        let height = above(lhs.height.max(rhs.height), span)?;
        let mut op_span = op_start;
        let between = self.query[op_start.end..rhs.tree.span().start].trim_ascii_end();
        op_span.end += between.len();
        let (lhs, rhs, matching) = (lhs.tree, rhs.tree, Some(matching));
        let binary = Binary { op, lhs, rhs, returns_bool, matching, op_span, span };
        Ok(Grown { tree: Expr::Binary(Box::new(binary)), height })
    }

    fn matching(&mut self) -> Parsed<Matching> {
        let mut matching = Matching {
            card: Card::OneToOne,
            is_on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill: Fill::default(),
        };
        if let Kind::Word(word @ (Word::On | Word::Ignoring)) = self.peek()?.kind {
            self.take()?;
            matching.is_on = word == Word::On;
            (matching.labels, _) = self.labels()?;
            self.group(&mut matching)?;
        }
        matching.fill = self.fill()?;
        Ok(matching)
    }

    /// `group_left` or `group_right`, and the labels to include if a parenthesis follows.
    fn group(&mut self, matching: &mut Matching) -> Parsed<()> {
        matching.card = match self.peek()?.kind {
            Kind::Word(Word::GroupLeft) => Card::ManyToOne,
            Kind::Word(Word::GroupRight) => Card::OneToMany,
            _ => return Ok(()),
        };
        self.take()?;
        let can_go_on = |kind: Kind| kind.begins_expression() || is_fill(kind);
        match self.peek()?.kind {
            // Labels or the right side; of what fits neither, labels are missed.
            kind if kind == Kind::LeftParen || !can_go_on(kind) => {
                (matching.include, _) = self.labels()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// `fill` of both sides, or `fill_left` and `fill_right` in either order.
    fn fill(&mut self) -> Parsed<Fill> {
        let mut fill = Fill::default();
        if self.takes(Kind::Word(Word::Fill))?.is_some() {
            let value = Some(self.fill_value()?);
            return Ok(Fill { lhs: value, rhs: value, is_one: true });
        }
        loop {
            match self.peek()?.kind {
                Kind::Word(Word::FillLeft) if fill.lhs.is_none() => {
                    self.take()?;
                    fill.lhs = Some(self.fill_value()?);
                }
                Kind::Word(Word::FillRight) if fill.rhs.is_none() => {
                    self.take()?;
                    fill.rhs = Some(self.fill_value()?);
                }
                _ => return Ok(fill),
            }
        }
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Kind::LeftParen)?;
        let sign = sign(self.peek()?.kind);
        if sign.is_some() {
            self.take()?;
        }
        if !matches!(self.peek()?.kind, Kind::Number | Kind::Duration) {
            return self.unexpected();
        }
        let value = self.number()?.value;
        self.expect(Kind::RightParen)?;
        Ok(if sign == Some(Sign::Minus) { -value } else { value })
    }

    /// A list of labels in parentheses; a comma may follow the last one. Also where it ends.
    pub(super) fn labels(&mut self) -> Parsed<(Vec<String>, Span)> {
        if self.takes(Kind::LeftParen)?.is_none() {
            return self.unexpected_in(("grouping opts", "\"(\""));
        }
        let mut labels = Vec::new();
        loop {
            if let Some(end) = self.takes(Kind::RightParen)? {
                return Ok((labels, end.span));
            }
            labels.push(self.label()?);
            match self.peek()?.kind {
                Kind::Comma => drop(self.take()?),
                Kind::RightParen => {}
                _ => return self.unexpected_in(("grouping opts", "\",\" or \")\"")),
            }
        }
    }

    fn label(&mut self) -> Parsed<String> {
        let token = self.peek()?;
        let text = self.text(token.span);
        let name = match token.kind {
            Kind::Text => unquote(text),
            kind if kind.is_label_name() => text.into(),
            _ => return self.unexpected_in(("grouping opts", "label")),
        };
        self.take()?;
        match name.as_str().filter(|name| !name.is_empty()) {
            Some(name) => Ok(name.to_owned()),
            None => fault(token.span, format!("invalid label name for grouping: {name}")),
        }
    }
}

/// Whether a token begins the modifier for elements without partner.
fn is_fill(kind: Kind) -> bool {
    matches!(kind, Kind::Word(Word::Fill | Word::FillLeft | Word::FillRight))
}
