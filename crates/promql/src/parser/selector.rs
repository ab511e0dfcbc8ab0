//! Selectors: `x{job="a", "utf8 name"=~"b.*"}`.

use model::{METRIC_NAME, MatchOp, Matcher};

use super::{Grown, GrownExpr, Parser, REGEXES_MAX};
use crate::ast::{Expr, Length, VectorSelector};
use crate::error::{Parsed, fault};
use crate::lexer::unquote;
use crate::ops::BinaryOp;
use crate::span::Span;
use crate::token::Kind;

/// What stands in the place of a comma.
const BETWEEN: (&str, &str) = ("label matching", "\",\" or \"}\"");

impl Parser<'_> {
    pub(super) fn selector(&mut self) -> Parsed<GrownExpr> {
        let selector = self.vector_selector()?;
        Ok(Grown::leaf(Expr::Vector(Box::new(selector))))
    }

    /// A metric's name, matchers in braces, or both.
    pub(super) fn vector_selector(&mut self) -> Parsed<VectorSelector> {
        let start = self.peek()?;
        let mut name = None;
        let mut span = start.span;
        if start.kind.is_metric_name() {
            self.take()?;
            name = Some(self.text(start.span).to_owned());
        } else if start.kind != Kind::LeftBrace {
            return self.unexpected();
        }
        let mut matchers = Vec::new();
        if self.takes(Kind::LeftBrace)?.is_some() {
            span = span.to(self.matchers(&mut matchers)?);
        }
        matchers.extend(name.as_ref().map(|name| Matcher::equal(METRIC_NAME, name.as_str())));
        let (at, offset, extension) = (None, Length::ZERO, None);
        Ok(VectorSelector { name, matchers, at, offset, extension, span })
    }

    /// Matchers to the closing brace, which is returned; a comma may follow the last one.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<Span> {
        loop {
            if let Some(end) = self.takes(Kind::RightBrace)? {
                return Ok(end.span);
            }
            matchers.push(self.matcher()?);
            match self.peek()?.kind {
                Kind::Comma => drop(self.take()?),
                Kind::RightBrace => {}
                _ => return self.unexpected_in(BETWEEN),
            }
        }
    }

    /// `name="value"`, or the metric's name in quotes.
    fn matcher(&mut self) -> Parsed<Matcher> {
        let token = self.peek()?;
        let text = self.text(token.span);
        let name = match token.kind {
            Kind::Identifier => text.to_owned(),
            Kind::Text => unquote(text).to_lossy(),
            _ => return self.unexpected_in(("label matching", "identifier or \"}\"")),
        };
        self.take()?;
        let Some(op) = match_op(self.peek()?.kind) else {
            return match token.kind {
                Kind::Text => Ok(Matcher::equal(METRIC_NAME, name)),
                _ => self.unexpected_in(("label matching", "label matching operator")),
            };
        };
        self.take()?;
        let Some(value) = self.takes(Kind::Text)? else {
            return self.unexpected_in(("label matching", "string"));
        };
        let span = token.span.to(value.span);
        if matches!(op, MatchOp::Match | MatchOp::NoMatch) {
            self.n_regexes += 1;
        }
        if self.n_regexes > REGEXES_MAX {
            let message = format!("the query has more than {REGEXES_MAX} regular expressions");
            return fault(span, message);
        }
        // No series has a label that is not UTF-8, so that hardly any has this one instead.
        let text = unquote(self.text(value.span)).to_lossy();
        let matcher = Matcher::new(name, op, text);
        matcher.or_else(|error| fault(span, error.to_string()))
    }
}

fn match_op(kind: Kind) -> Option<MatchOp> {
    match kind {
        Kind::Equal => Some(MatchOp::Equal),
        Kind::Op(BinaryOp::NotEqual) => Some(MatchOp::NotEqual),
        Kind::Match => Some(MatchOp::Match),
        Kind::NoMatch => Some(MatchOp::NoMatch),
        _ => None,
    }
}
