//! Parser: tokens to a tree, by operators' tightness (Pratt's way).
//!
//! An expression is what stands before the first operator, then operators with their right sides for
//! as long as these bind tight enough. Modifiers (`[5m]`, `offset`, `@`, `anchored`) bind tightest.
//! Tokens are read when they are asked for, so that of two mistakes the one that stands first in
//! Prometheus' reading is told.

mod aggregate;
mod binary;
mod expression;
mod length;
mod modifier;
mod selector;

use model::Matcher;

use crate::ast::Expr;
use crate::check;
use crate::error::{Fault, ParseError, Parsed, fault};
use crate::lexer::Lexer;
use crate::span::Span;
use crate::token::{Kind, Token};

/// The longest query, bytes: room for a filter by thousands of names, which dashboards write.
pub const QUERY_BYTES_MAX: usize = 256 << 10;

/// The deepest nesting: parentheses, calls, signs, right sides of `^`.
///
/// Reading takes up to 4.3 KiB of stack a level in an unoptimised build, so this many take less than
/// half of a thread's 2 MiB; `tests/bounds.rs` tries. People nest a dozen levels.
pub const NESTING_MAX: usize = 200;

/// The highest tree, nodes from the root to the furthest leaf. Beside nesting, chains make a tree
/// higher: `a or b or ..` by one node a member, read without recursion.
///
/// All that walks a tree by recursion, dropping it included, relies on this: it takes up to 1.1 KiB
/// a level here. Generated queries chain a few hundred members.
pub const HEIGHT_MAX: usize = 500;

/// The most matchers by regular expressions in a query: each takes kilobytes, and some a megabyte.
pub const REGEXES_MAX: usize = 1_000;

/// Reads and checks a query.
///
/// # Errors
/// The first mistake, in the words of Prometheus where it has some.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    let read = || {
        let mut parser = Parser::new(query)?;
        let mut expr = parser.query()?;
        check::check(&mut expr)?;
        Ok(expr)
    };
    read().map_err(|fault: Box<Fault>| ParseError::new(query, *fault))
}

/// Reads a selector alone, `x{job="a"}` without times: what `match[]` of the API takes. A name before
/// the brace becomes the last matcher. Whether any of them asks for something is not checked.
///
/// # Errors
/// The first mistake.
pub fn parse_selector(query: &str) -> Result<Vec<Matcher>, ParseError> {
    let read = || {
        let mut parser = Parser::new(query)?;
        let selector = parser.vector_selector()?;
        parser.expect_end()?;
        Ok(selector.matchers)
    };
    read().map_err(|fault: Box<Fault>| ParseError::new(query, *fault))
}

/// Where in the grammar the parser is, as far as messages tell, and what would fit there.
type Context = (&'static str, &'static str);

/// Nothing that messages tell.
const ANYWHERE: Context = ("", "");

/// A tree and how many nodes high it is.
struct Grown<T> {
    tree: T,
    height: usize,
}

/// An expression that is being read.
type GrownExpr = Grown<Expr>;

impl<T> Grown<T> {
    fn leaf(tree: T) -> Self {
        Self { tree, height: 1 }
    }

    fn map<U>(self, f: impl FnOnce(T) -> U) -> Grown<U> {
        Grown { tree: f(self.tree), height: self.height }
    }
}

struct Parser<'q> {
    query: &'q str,
    lexer: Lexer<'q>,
    /// Tokens that were looked at but not taken: at most two.
    ahead: [Option<Token>; 2],
    /// Where the last token that was taken ends.
    taken_end: usize,
    context: Context,
    /// How many levels of recursion are open.
    depth: usize,
    n_regexes: usize,
}

impl<'q> Parser<'q> {
    fn new(query: &'q str) -> Parsed<Self> {
        if query.len() > QUERY_BYTES_MAX {
            let message = format!("the query is longer than {QUERY_BYTES_MAX} bytes");
            return fault(Span::new(0, query.len()), message);
        }
        let lexer = Lexer::new(query);
        Ok(Self {
            query,
            lexer,
            ahead: [None; 2],
            taken_end: 0,
            context: ANYWHERE,
            depth: 0,
            n_regexes: 0,
        })
    }

    fn query(&mut self) -> Parsed<Expr> {
        if self.peek()?.kind == Kind::End {
            return fault(Span::default(), "no expression found in input");
        }
        let expr = self.expression(1)?;
        self.expect_end()?;
        Ok(expr.tree)
    }

    fn expect_end(&mut self) -> Parsed<()> {
        match self.peek()?.kind {
            Kind::End => Ok(()),
            _ => self.unexpected(),
        }
    }

    /// The next token, not taken.
    fn peek(&mut self) -> Parsed<Token> {
        match self.ahead[0] {
            Some(token) => Ok(token),
            None => Ok(*self.ahead[0].insert(self.lexer.token()?)),
        }
    }

    /// The token behind the next one.
    fn peek_second(&mut self) -> Parsed<Token> {
        self.peek()?;
        match self.ahead[1] {
            Some(token) => Ok(token),
            None => Ok(*self.ahead[1].insert(self.lexer.token()?)),
        }
    }

    fn take(&mut self) -> Parsed<Token> {
        let token = self.peek()?;
        self.ahead = [self.ahead[1], None];
        self.taken_end = token.span.end;
        Ok(token)
    }

    /// Takes the next token if it is this one.
    fn takes(&mut self, kind: Kind) -> Parsed<Option<Token>> {
        match self.peek()?.kind == kind {
            true => self.take().map(Some),
            false => Ok(None),
        }
    }

    /// Takes this token, or says that another one stands there.
    fn expect(&mut self, kind: Kind) -> Parsed<Token> {
        match self.takes(kind)? {
            Some(token) => Ok(token),
            None => self.unexpected(),
        }
    }

    fn text(&self, span: Span) -> &'q str {
        &self.query[span.start..span.end]
    }

    /// The next token does not fit where the parser is.
    fn unexpected<T>(&mut self) -> Parsed<T> {
        self.unexpected_in(self.context)
    }

    /// The next token does not fit here.
    fn unexpected_in<T>(&mut self, (place, expected): Context) -> Parsed<T> {
        let token = self.peek()?;
        let mut message = format!("unexpected {}", token.describe(self.text(token.span)));
        if !place.is_empty() {
            message.push_str(&format!(" in {place}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        fault(token.span, message)
    }

    /// Reads with another context.
    fn within<T>(
        &mut self,
        context: Context,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.context, context);
        let done = read(self)?;
        self.context = outer;
        Ok(done)
    }

    /// Reads one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == NESTING_MAX {
            let span = self.peek()?.span;
            return fault(
                span,
                format!("the expression is nested deeper than {NESTING_MAX} levels"),
            );
        }
        self.depth += 1;
        let done = read(self)?;
        self.depth -= 1;
        Ok(done)
    }
}

/// The height of a node above trees of which the highest is so high.
fn above(height: usize, span: Span) -> Parsed<usize> {
    match height < HEIGHT_MAX {
        true => Ok(height + 1),
        false => fault(span, format!("the expression is more than {HEIGHT_MAX} levels high")),
    }
}
