//! Tokens: the words and signs of a query, and how messages name them.

use crate::ops::{AggregateOp, BinaryOp};
use crate::quote::Quoted;
use crate::span::Span;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The end of the query.
    End,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    /// `=`
    Equal,
    /// `=~`, within braces only.
    Match,
    /// `!~`, within braces only.
    NoMatch,
    At,
    Number,
    Duration,
    /// A quoted text, with its quotes.
    Text,
    /// A name without colons.
    Identifier,
    /// A name with colons, which only metrics have.
    MetricIdentifier,
    Op(BinaryOp),
    Aggregate(AggregateOp),
    Word(Word),
}

/// A word with a meaning of its own in some places; in others it is a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Offset,
    Anchored,
    Smoothed,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Bool,
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

/// The words, in any case of letters, and what they are.
const WORDS: [(&str, Kind); 25] = [
    ("and", Kind::Op(BinaryOp::And)),
    ("or", Kind::Op(BinaryOp::Or)),
    ("unless", Kind::Op(BinaryOp::Unless)),
    ("atan2", Kind::Op(BinaryOp::Atan2)),
    ("offset", Kind::Word(Word::Offset)),
    ("anchored", Kind::Word(Word::Anchored)),
    ("smoothed", Kind::Word(Word::Smoothed)),
    ("by", Kind::Word(Word::By)),
    ("without", Kind::Word(Word::Without)),
    ("on", Kind::Word(Word::On)),
    ("ignoring", Kind::Word(Word::Ignoring)),
    ("group_left", Kind::Word(Word::GroupLeft)),
    ("group_right", Kind::Word(Word::GroupRight)),
    ("fill", Kind::Word(Word::Fill)),
    ("fill_left", Kind::Word(Word::FillLeft)),
    ("fill_right", Kind::Word(Word::FillRight)),
    ("bool", Kind::Word(Word::Bool)),
    ("start", Kind::Word(Word::Start)),
    ("end", Kind::Word(Word::End)),
    ("step", Kind::Word(Word::Step)),
    ("range", Kind::Word(Word::Range)),
    ("min_of", Kind::Word(Word::MinOf)),
    ("max_of", Kind::Word(Word::MaxOf)),
    ("inf", Kind::Number),
    ("nan", Kind::Number),
];

/// What a word is, if it has a meaning of its own.
pub(crate) fn word(text: &str) -> Option<Kind> {
    let is = |known: &str| known.eq_ignore_ascii_case(text);
    let known = WORDS.iter().find(|(known, _)| is(known));
    let aggregate = || AggregateOp::ALL.into_iter().find(|op| is(op.as_str())).map(Kind::Aggregate);
    known.map(|(_, kind)| *kind).or_else(aggregate)
}

impl Kind {
    /// Whether it can name a metric outside of braces.
    pub(crate) fn is_metric_name(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) => true,
            Self::Op(op) => op.is_set(),
            Self::Word(word) => !matches!(
                word,
                Word::On
                    | Word::Ignoring
                    | Word::GroupLeft
                    | Word::GroupRight
                    | Word::Bool
                    | Word::Fill
                    | Word::FillLeft
                    | Word::FillRight
            ),
            _ => false,
        }
    }

    /// Whether it can name a label in a list of labels.
    pub(crate) fn is_label_name(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) => true,
            Self::Op(op) => op.is_set() || op == BinaryOp::Atan2,
            Self::Word(word) => word != Word::Without,
            _ => false,
        }
    }

    /// Whether it names a function, if a parenthesis follows.
    pub(crate) fn is_function_name(self) -> bool {
        use Word::{End, MaxOf, MinOf, Range, Start, Step};
        match self {
            Self::Identifier => true,
            Self::Word(word) => matches!(word, Start | End | Step | Range | MinOf | MaxOf),
            _ => false,
        }
    }

    /// Whether an expression can begin with it.
    pub(crate) fn begins_expression(self) -> bool {
        use Kind::{Duration, LeftBrace, LeftParen, Number, Op, Text};
        matches!(self, LeftParen | LeftBrace | Number | Duration | Text)
            || matches!(self, Op(BinaryOp::Add | BinaryOp::Sub))
            || self.is_metric_name()
    }
}

/// A token and the bytes it was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

impl Token {
    /// The token in the words of a message; `text` is what its bytes say.
    pub(crate) fn describe(self, text: &str) -> String {
        match self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Identifier => format!("identifier {}", Quoted(text)),
            Kind::MetricIdentifier => format!("metric identifier {}", Quoted(text)),
            Kind::Number => format!("number {}", shortened(text)),
            Kind::Duration => format!("duration {}", shortened(text)),
            Kind::Text => format!("string {}", shortened(text)),
            Kind::Op(_) | Kind::Match | Kind::NoMatch | Kind::At => format!("<op:{text}>"),
            Kind::Aggregate(_) => format!("<aggr:{text}>"),
            Kind::Word(word) => describe_word(word, text),
            _ => shortened(text),
        }
    }
}

fn describe_word(word: Word, text: &str) -> String {
    use Word::{End, MaxOf, MinOf, Range, Start, Step};
    match word {
        Start | End | Step | Range | MinOf | MaxOf => shortened(text),
        _ => format!("<{text}>"),
    }
}

/// The text in quotes, the first ten characters if it has more than ten bytes.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return Quoted(text).to_string();
    }
    let end = text.char_indices().nth(10).map_or(text.len(), |(at, _)| at);
    format!("{}...", Quoted(&text[..end]))
}
