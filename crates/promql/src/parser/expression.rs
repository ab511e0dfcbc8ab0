//! Expressions: operators by tightness, signs, and what can stand alone.

use super::{Grown, GrownExpr, Parser, above};
use crate::ast::{Call, Expr, Number, Paren, TextLiteral, Unary};
use crate::error::{Parsed, fault};
use crate::functions::function;
use crate::lexer::{duration_ns, number, unquote};
use crate::ops::{BinaryOp, MUL_TIGHTNESS, Sign};
use crate::span::Span;
use crate::token::{Kind, Token, Word};

impl Parser<'_> {
    /// An expression, with the operators that bind at least so tight.
    pub(super) fn expression(&mut self, tightness_min: u8) -> Parsed<GrownExpr> {
        self.deeper(|parser| {
            let mut lhs = parser.operand()?;
            while let Kind::Op(op) = parser.peek()?.kind {
                if op.tightness() < tightness_min {
                    break;
                }
                lhs = parser.binary(lhs, op)?;
            }
            Ok(lhs)
        })
    }

    /// An expression before any operator.
    fn operand(&mut self) -> Parsed<GrownExpr> {
        if let Some(sign) = sign(self.peek()?.kind) {
            return self.signed(sign);
        }
        let expr = self.primary()?;
        self.modified(expr)
    }

    /// A sign and what it stands before: `^` binds tighter, `*` does not.
    fn signed(&mut self, sign: Sign) -> Parsed<GrownExpr> {
        let start = self.take()?.span;
        let Grown { tree, height } = self.expression(MUL_TIGHTNESS + 1)?;
        let span = start.to(tree.span());
        if let Expr::Number(mut number) = tree {
            number.span = span;
            number.value = if sign == Sign::Minus { -number.value } else { number.value };
            return Ok(Grown { tree: Expr::Number(number), height });
        }
        let height = above(height, span)?;
        Ok(Grown { tree: Expr::Unary(Box::new(Unary { op: sign, expr: tree, span })), height })
    }

    fn primary(&mut self) -> Parsed<GrownExpr> {
        match self.peek()?.kind {
            Kind::LeftParen => self.paren(),
            Kind::Text => {
                let span = self.take()?.span;
                let value = unquote(self.text(span));
                Ok(Grown::leaf(Expr::Text(Box::new(TextLiteral { value, span }))))
            }
            Kind::Number | Kind::Duration => {
                Ok(Grown::leaf(Expr::Number(Box::new(self.number()?))))
            }
            Kind::LeftBrace => self.selector(),
            kind if kind.is_function_name() || kind.is_metric_name() => self.named(kind),
            _ => self.unexpected(),
        }
    }

    fn paren(&mut self) -> Parsed<GrownExpr> {
        let start = self.take()?.span;
        let Grown { tree, height } = self.expression(1)?;
        let span = start.to(self.expect(Kind::RightParen)?.span);
        let height = above(height, span)?;
        Ok(Grown { tree: Expr::Paren(Box::new(Paren { expr: tree, span })), height })
    }

    /// What begins with a name: what follows tells a function or an aggregation from a metric.
    fn named(&mut self, kind: Kind) -> Parsed<GrownExpr> {
        let behind = self.peek_second()?.kind;
        match kind {
            Kind::Aggregate(op)
                if matches!(
                    behind,
                    Kind::LeftParen | Kind::Word(Word::By) | Kind::Word(Word::Without)
                ) =>
            {
                self.aggregate(op)
            }
            kind if kind.is_function_name() && behind == Kind::LeftParen => self.call(),
            _ => self.selector(),
        }
    }

    fn call(&mut self) -> Parsed<GrownExpr> {
        let name = self.take()?.span;
        let (args, height, end) = self.args()?;
        let Some(function) = function(self.text(name)) else {
            let text = crate::quote::Quoted(self.text(name));
            return fault(name, format!("unknown function with name {text}"));
        };
        let span = name.to(end);
        let height = above(height, span)?;
        Ok(Grown { tree: Expr::Call(Box::new(Call { function, args, span })), height })
    }

    /// Arguments in parentheses: these, the height of the highest, and the closing parenthesis.
    pub(super) fn args(&mut self) -> Parsed<(Vec<Expr>, usize, Span)> {
        self.expect(Kind::LeftParen)?;
        let (mut args, mut height) = (Vec::new(), 0);
        if let Some(end) = self.takes(Kind::RightParen)? {
            return Ok((args, height, end.span));
        }
        loop {
            let arg = self.expression(1)?;
            height = height.max(arg.height);
            args.push(arg.tree);
            if let Some(end) = self.takes(Kind::RightParen)? {
                return Ok((args, height, end.span));
            }
            let comma = self.expect(Kind::Comma)?;
            if !self.peek()?.kind.begins_expression() {
                return fault(comma.span, "trailing commas not allowed in function call args");
            }
        }
    }

    /// A number or duration, which the next token is.
    pub(super) fn number(&mut self) -> Parsed<Number> {
        let token = self.take()?;
        let value = self.value_of(token)?;
        Ok(Number { value, is_duration: token.kind == Kind::Duration, span: token.span })
    }

    /// The number, or the seconds, of such a token.
    fn value_of(&self, token: Token) -> Parsed<f64> {
        let text = self.text(token.span);
        let value = match token.kind {
            Kind::Duration => duration_ns(text).map(|ns| ns as f64 / 1e9),
            _ => number(text),
        };
        value.or_else(|message| fault(token.span, message))
    }
}

/// The sign that a token is.
pub(super) fn sign(kind: Kind) -> Option<Sign> {
    match kind {
        Kind::Op(BinaryOp::Add) => Some(Sign::Plus),
        Kind::Op(BinaryOp::Sub) => Some(Sign::Minus),
        _ => None,
    }
}
