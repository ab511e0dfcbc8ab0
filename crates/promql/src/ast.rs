//! The tree of a query: nodes as they are written, with the bytes they were read from.
//!
//! What the parser returns keeps promises that evaluation may rely on: every node has the types its
//! place asks for, calls have as many arguments as their function takes, every selector has a
//! matcher that asks for something (but the second argument of `info`), and no path from the root is
//! longer than [`HEIGHT_MAX`](crate::HEIGHT_MAX) nodes, so that recursion over the tree is safe.
//!
//! Two trees are equal if their spans are, too.
//!
//! # What evaluation has to know
//!
//! - Parentheses around arguments vanish: `timestamp((x))` is `timestamp(x)`.
//! - A chain `a or b or c` leans to the left and may be 500 nodes high, other nesting 200 levels:
//!   whoever needs much stack for a node goes down [`Binary::lhs`] in a loop.
//! - A sign before a number is part of the number, also in `-5m`; `-1^2` is `-(1^2)`.
//! - `by ()` and no grouping are the same, `without ()` is not.
//! - [`Binary::matching`] is there exactly if both sides are instant vectors. Set operators have
//!   [`Card::ManyToMany`].
//! - [`Fill`] is by the side on which it is written. Prometheus fills the other side where
//!   `group_right` is given: evaluation turns them, the tree does not.
//! - Lengths are fixed or computed; [`Length::ms`] and [`Length::positive_ms`] give both, when
//!   `step()` and `range()` are known. They are those of the whole query, in subqueries too.
//! - Times of a range stand in the selector within it. `@` fixes the time, then the offset applies.
//! - Any text may be other than UTF-8: see [`Text::as_str`].
//! - Not everything that is read can be evaluated: `1 </ 5`, `deriv(x[5m] anchored)`.

mod selector;
mod walk;

use std::fmt;

use crate::functions::{Function, ValueType};
use crate::ops::{AggregateOp, BinaryOp, Sign};
use crate::quote::Text;
use crate::span::Span;

pub use selector::{
    At, DurationExpr, DurationKind, Extension, Length, MatrixSelector, Subquery, VectorSelector,
};

/// An expression.
///
/// The larger nodes are boxed: an expression is two words.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// `sum by (job) (x)`
    Aggregate(Box<Aggregate>),
    /// `a + on (job) b`
    Binary(Box<Binary>),
    /// `rate(x[5m])`
    Call(Box<Call>),
    /// `x[5m]`
    Matrix(Box<MatrixSelector>),
    /// `1.5`, `5m`
    Number(Box<Number>),
    /// `(a)`. Kept, because it prints; evaluation sees through it.
    Paren(Box<Paren>),
    /// `"text"`
    Text(Box<TextLiteral>),
    /// `x[5m:1m]`
    Subquery(Box<Subquery>),
    /// `-a`
    Unary(Box<Unary>),
    /// `x{job="a"}`
    Vector(Box<VectorSelector>),
}

/// A number. A duration stands for its seconds: `5m` is 300.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// Its value; a sign before a literal is part of it.
    pub value: f64,
    /// Whether it was written as a duration, and prints as one.
    pub is_duration: bool,
    /// With its sign.
    pub span: Span,
}

/// By bits, so that a NaN is equal to itself.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        let parts = |number: &Self| (number.value.to_bits(), number.is_duration, number.span);
        parts(self) == parts(other)
    }
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLiteral {
    /// What it says, without quotes and escapes.
    pub value: Text,
    /// With its quotes.
    pub span: Span,
}

/// An expression in parentheses.
#[derive(Debug, Clone, PartialEq)]
pub struct Paren {
    /// What stands within.
    pub expr: Expr,
    /// With the parentheses.
    pub span: Span,
}

/// A sign before an expression that is no number. `+` keeps all labels, `-` drops the name.
#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    /// The sign.
    pub op: Sign,
    /// A scalar or an instant vector.
    pub expr: Expr,
    /// With the sign.
    pub span: Span,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is called.
    pub function: &'static Function,
    /// As many as the function takes, each of the type it asks for.
    pub args: Vec<Expr>,
    /// From the name to the closing parenthesis.
    pub span: Span,
}

/// Few series of many.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// How.
    pub op: AggregateOp,
    /// Of what: an instant vector.
    pub expr: Expr,
    /// The parameter, of the operators that [have one](AggregateOp::has_param): a text for
    /// `count_values`, else a scalar.
    pub param: Option<Expr>,
    /// Which labels tell groups apart.
    pub grouping: Grouping,
    /// From the operator's name to the last parenthesis.
    pub span: Span,
}

/// The labels that tell groups apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grouping {
    /// Whether it is all labels but these; else these alone, and none makes one group of all.
    pub is_without: bool,
    /// In the order of writing, repetitions too.
    pub labels: Vec<String>,
}

/// An operator between two expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// A scalar or an instant vector.
    pub lhs: Expr,
    /// A scalar or an instant vector.
    pub rhs: Expr,
    /// Whether a comparison gives 0 and 1 instead of leaving elements out.
    pub returns_bool: bool,
    /// How the elements of two instant vectors find each other; absent if a side is a scalar.
    pub matching: Option<Matching>,
    /// The operator with its modifiers.
    pub op_span: Span,
    /// Both sides.
    pub span: Span,
}

/// How the elements of two instant vectors find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// How many elements of each side may belong together.
    pub card: Card,
    /// Whether only the labels are compared (`on`); else all but them (`ignoring`, or nothing).
    pub is_on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// The labels of `group_left` or `group_right`, taken from the one side.
    pub include: Vec<String>,
    /// What stands for elements that the left and the right side lack.
    pub fill: Fill,
}

/// Values in place of elements that have no partner. Of one element of a side that is written on
/// the left or the right, whichever the many side is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fill {
    /// On the left side.
    pub lhs: Option<f64>,
    /// On the right side.
    pub rhs: Option<f64>,
    /// Whether one `fill` was written for both, and prints so.
    pub is_one: bool,
}

/// By bits, so that a NaN is equal to itself.
impl PartialEq for Fill {
    fn eq(&self, other: &Self) -> bool {
        let bits = |side: Option<f64>| side.map(f64::to_bits);
        let parts = |fill: &Self| (bits(fill.lhs), bits(fill.rhs), fill.is_one);
        parts(self) == parts(other)
    }
}

impl Fill {
    /// Whether neither side is filled.
    pub fn is_none(self) -> bool {
        self.lhs.is_none() && self.rhs.is_none()
    }
}

/// How many elements of the left and of the right side may belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Card {
    /// Nothing said.
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// `and`, `or`, `unless`
    ManyToMany,
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        })
    }
}

impl Expr {
    /// The bytes it was read from.
    pub fn span(&self) -> Span {
        match self {
            Self::Aggregate(node) => node.span,
            Self::Binary(node) => node.span,
            Self::Call(node) => node.span,
            Self::Matrix(node) => node.span,
            Self::Number(node) => node.span,
            Self::Paren(node) => node.span,
            Self::Text(node) => node.span,
            Self::Subquery(node) => node.span,
            Self::Unary(node) => node.span,
            Self::Vector(node) => node.span,
        }
    }

    /// What it evaluates to. Walks down signs, parentheses and operators between scalars.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Aggregate(_) | Self::Vector(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Number(_) => ValueType::Scalar,
            Self::Text(_) => ValueType::Text,
            Self::Call(node) => node.function.returns,
            Self::Paren(node) => node.expr.value_type(),
            Self::Unary(node) => node.expr.value_type(),
            Self::Binary(node) => match (node.lhs.value_type(), node.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
        }
    }
}
