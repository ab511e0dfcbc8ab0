//! Lexer: the query as tokens, one at a time.
//!
//! What a character means depends on where it stands: within braces all words are names, within
//! brackets `:` separates range and step and the only words are those of durations. Blanks and
//! comments, `#` to the end of the line, separate tokens and are none.

mod number;
mod text;

use crate::error::{Parsed, fault};
use crate::ops::BinaryOp;
use crate::quote::QuotedChar;
use crate::span::Span;
use crate::token::{Kind, Token, Word, word};

pub(crate) use number::{duration_ns, number};
pub(crate) use text::unquote;

/// Where in brackets the lexer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// Outside.
    Closed,
    /// Within, before the first number.
    Begun,
    /// Within, behind a number.
    Measured,
}

/// Reads tokens off a query.
pub(crate) struct Lexer<'q> {
    query: &'q str,
    /// The first byte not read.
    at: usize,
    /// The first byte of the token that is being read.
    start: usize,
    n_parens_open: usize,
    in_braces: bool,
    bracket: Bracket,
    /// Whether something that takes time was read since the bracket.
    has_duration: bool,
    has_colon: bool,
}

impl<'q> Lexer<'q> {
    pub(crate) fn new(query: &'q str) -> Self {
        Self {
            query,
            at: 0,
            start: 0,
            n_parens_open: 0,
            in_braces: false,
            bracket: Bracket::Closed,
            has_duration: false,
            has_colon: false,
        }
    }

    /// The next token; behind the last one, [`Kind::End`] again and again.
    pub(crate) fn token(&mut self) -> Parsed<Token> {
        self.skip_blanks();
        self.start = self.at;
        let kind = match self.peek() {
            None => self.end()?,
            Some(c) if self.in_braces => self.in_braces(c)?,
            Some(c) => self.outside(c)?,
        };
        Ok(Token { kind, span: self.span() })
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blanks;
            if !self.rest().starts_with('#') {
                return;
            }
            let rest = self.rest();
            self.at += rest.find(['\r', '\n']).unwrap_or(rest.len());
        }
    }

    fn end(&self) -> Parsed<Kind> {
        if self.in_braces {
            return self.wrong("unexpected end of input inside braces");
        }
        match self.bracket {
            Bracket::Begun => self.wrong("unexpected end of input in duration expression"),
            _ if self.n_parens_open > 0 => self.wrong("unclosed left parenthesis"),
            Bracket::Measured => self.wrong("unclosed left bracket"),
            Bracket::Closed => Ok(Kind::End),
        }
    }

    fn in_braces(&mut self, c: char) -> Parsed<Kind> {
        match c {
            'a'..='z' | 'A'..='Z' | '_' => {
                self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_');
                Ok(Kind::Identifier)
            }
            ',' => Ok(self.takes(c, Kind::Comma)),
            '"' | '\'' | '`' => self.text(c),
            '=' if self.rest().starts_with("=~") => Ok(self.takes_all("=~", Kind::Match)),
            '=' => Ok(self.takes(c, Kind::Equal)),
            '!' if self.rest().starts_with("!~") => Ok(self.takes_all("!~", Kind::NoMatch)),
            '!' if self.rest().starts_with("!=") => {
                Ok(self.takes_all("!=", Kind::Op(BinaryOp::NotEqual)))
            }
            '!' => {
                let next = QuotedChar(self.rest()[1..].chars().next());
                self.wrong(format!("unexpected character after '!' inside braces: {next}"))
            }
            '{' => self.wrong("unexpected left brace '{'"),
            '}' => {
                self.in_braces = false;
                Ok(self.takes(c, Kind::RightBrace))
            }
            c => {
                let c = QuotedChar(Some(c));
                self.wrong(format!("unexpected character inside braces: {c}"))
            }
        }
    }

    fn outside(&mut self, c: char) -> Parsed<Kind> {
        if self.bracket == Bracket::Begun && !is_of_duration(c) {
            return self.unexpected(c);
        }
        if let Some((written, kind)) = sign(self.rest()) {
            return Ok(self.takes_all(written, kind));
        }
        let behind = self.rest()[c.len_utf8()..].chars().next();
        match c {
            '0'..='9' => self.number_or_duration(),
            '.' if behind.is_some_and(|c| c.is_ascii_digit()) => self.number_or_duration(),
            '"' | '\'' | '`' => self.text(c),
            '(' | ')' | '{' | '[' | ']' => self.enclosing(c),
            '=' if behind == Some('~') => self.wrong("unexpected character after '=': '~'"),
            '=' => Ok(self.takes(c, Kind::Equal)),
            '!' => self.wrong(format!("unexpected character after '!': {}", QuotedChar(behind))),
            'a'..='z' | 'A'..='Z' | '_' | ':' if self.bracket == Bracket::Closed => Ok(self.word()),
            ':' => self.colon(),
            'a'..='z' | 'A'..='Z' | '_' => self.duration_word(c),
            c => self.unexpected(c),
        }
    }

    fn enclosing(&mut self, c: char) -> Parsed<Kind> {
        match c {
            '(' => {
                self.n_parens_open += 1;
                Ok(self.takes(c, Kind::LeftParen))
            }
            ')' if self.n_parens_open == 0 => {
                self.start += 1;
                self.wrong("unexpected right parenthesis ')'")
            }
            ')' => {
                self.n_parens_open -= 1;
                Ok(self.takes(c, Kind::RightParen))
            }
            '{' => {
                self.in_braces = true;
                Ok(self.takes(c, Kind::LeftBrace))
            }
            '[' if self.bracket != Bracket::Closed => self.wrong("unexpected left bracket '['"),
            '[' => {
                self.bracket = Bracket::Begun;
                (self.has_duration, self.has_colon) = (false, false);
                Ok(self.takes(c, Kind::LeftBracket))
            }
            _ if self.bracket == Bracket::Closed => self.wrong("unexpected right bracket ']'"),
            _ => {
                self.bracket = Bracket::Closed;
                Ok(self.takes(c, Kind::RightBracket))
            }
        }
    }

    /// A colon within brackets.
    fn colon(&mut self) -> Parsed<Kind> {
        if self.has_colon {
            return self.wrong("unexpected colon ':'");
        }
        if !self.has_duration {
            self.start += 1;
            return self.wrong("unexpected colon before duration in duration expression");
        }
        self.has_colon = true;
        Ok(self.takes(':', Kind::Colon))
    }

    /// A word within brackets: those that stand for durations, and no other.
    fn duration_word(&mut self, first: char) -> Parsed<Kind> {
        self.skip_while(|c| c.is_ascii_alphabetic() || c == '_');
        match word(&self.query[self.start..self.at]) {
            Some(kind @ Kind::Word(Word::Step | Word::Range | Word::MinOf | Word::MaxOf)) => {
                self.has_duration = true;
                Ok(kind)
            }
            _ => self.unexpected(first),
        }
    }

    /// A word outside of brackets and braces.
    fn word(&mut self) -> Kind {
        self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        let text = &self.query[self.start..self.at];
        match word(text) {
            // A metric of this name is more likely than the modifier, if no value follows.
            Some(Kind::Word(Word::Fill | Word::FillLeft | Word::FillRight))
                if !self.is_followed_by_paren() =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if text.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        }
    }

    fn is_followed_by_paren(&self) -> bool {
        self.rest().trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(')
    }

    fn unexpected<T>(&self, c: char) -> Parsed<T> {
        let is_word = c.is_ascii_alphabetic() || c == '_';
        let c = QuotedChar(Some(c));
        match self.bracket {
            Bracket::Begun => {
                self.wrong(format!("unexpected character in duration expression: {c}"))
            }
            Bracket::Measured if is_word => {
                self.wrong(format!("unexpected character: {c}, expected ':'"))
            }
            Bracket::Measured | Bracket::Closed => self.wrong(format!("unexpected character: {c}")),
        }
    }

    fn rest(&self) -> &'q str {
        &self.query[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_while(&mut self, fits: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !fits(c)).unwrap_or(rest.len());
    }

    fn takes(&mut self, c: char, kind: Kind) -> Kind {
        self.at += c.len_utf8();
        kind
    }

    fn takes_all(&mut self, written: &str, kind: Kind) -> Kind {
        self.at += written.len();
        kind
    }

    fn span(&self) -> Span {
        Span::new(self.start, self.at)
    }

    /// A mistake in the token that is being read. Nothing behind it can be trusted, so it spans the
    /// rest of the query.
    fn wrong<T>(&self, message: impl Into<String>) -> Parsed<T> {
        fault(Span::new(self.start, self.query.len()), message)
    }
}

/// Whether a length of time can begin with it, or go on before its first number.
fn is_of_duration(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.]:()+-*/%^,".contains(c)
}

/// The operator or separator at the beginning of the text, the longest one.
fn sign(text: &str) -> Option<(&'static str, Kind)> {
    use BinaryOp::{Add, Div, Equal, Greater, GreaterEqual, Less, LessEqual, Mod, Mul, NotEqual};
    const SIGNS: [(&str, Kind); 16] = [
        ("==", Kind::Op(Equal)),
        ("!=", Kind::Op(NotEqual)),
        ("<=", Kind::Op(LessEqual)),
        ("</", Kind::Op(BinaryOp::TrimUpper)),
        (">=", Kind::Op(GreaterEqual)),
        (">/", Kind::Op(BinaryOp::TrimLower)),
        ("<", Kind::Op(Less)),
        (">", Kind::Op(Greater)),
        ("+", Kind::Op(Add)),
        ("-", Kind::Op(BinaryOp::Sub)),
        ("*", Kind::Op(Mul)),
        ("/", Kind::Op(Div)),
        ("%", Kind::Op(Mod)),
        ("^", Kind::Op(BinaryOp::Pow)),
        (",", Kind::Comma),
        ("@", Kind::At),
    ];
    SIGNS.into_iter().find(|(written, _)| text.starts_with(written))
}
