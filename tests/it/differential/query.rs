//! Query: an expression as a tree, written out with as many parentheses as it takes, so that a
//! query that shows a difference can be taken apart.

use std::fmt;

use crate::differential::sides::seconds;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number(String),
    Text(String),
    /// The newest sample of each series.
    Selector(Selector),
    /// The samples of a selector's series within some seconds.
    Range(Selector, u32),
    Subquery(Box<Subquery>),
    Call(&'static str, Vec<Expr>),
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
    Minus(Box<Expr>),
}

/// A metric and its matchers, and when to look.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selector {
    pub(crate) text: String,
    pub(crate) when: When,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subquery {
    pub(crate) of: Expr,
    pub(crate) range_s: u32,
    pub(crate) step_s: Option<u32>,
    pub(crate) when: When,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) op: &'static str,
    /// `by (a)`, `without (a, b)` or nothing.
    pub(crate) grouping: String,
    pub(crate) param: Option<Expr>,
    pub(crate) of: Expr,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binary {
    pub(crate) op: &'static str,
    /// `bool`, `on (a) group_left (b)` and their kin.
    pub(crate) modifiers: String,
    pub(crate) left: Expr,
    pub(crate) right: Expr,
}

/// `@` and `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct When {
    pub(crate) at: Option<At>,
    pub(crate) offset_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum At {
    Start,
    End,
    Ms(i64),
}

impl Expr {
    /// The expressions that this one is made from, without texts and numbers.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        let all: Vec<&Self> = match self {
            Self::Number(_) | Self::Text(_) | Self::Selector(_) | Self::Range(..) => Vec::new(),
            Self::Subquery(subquery) => vec![&subquery.of],
            Self::Call(_, args) => args.iter().collect(),
            Self::Aggregate(aggregate) => aggregate.param.iter().chain([&aggregate.of]).collect(),
            Self::Binary(binary) => vec![&binary.left, &binary.right],
            Self::Minus(of) => vec![of],
        };
        all.into_iter().filter(|part| !matches!(part, Self::Number(_) | Self::Text(_))).collect()
    }

    /// Whether this holds of any part, or of the whole.
    pub(crate) fn any(&self, holds: &dyn Fn(&Self) -> bool) -> bool {
        holds(self) || self.parts().into_iter().any(|part| part.any(holds))
    }

    /// The same with times in place of `start()` and `end()`, so that a part can be asked at
    /// another time than the whole.
    pub(crate) fn fixed(&self, start_ms: i64, end_ms: i64) -> Self {
        let fix = |expr: &Self| expr.fixed(start_ms, end_ms);
        let fix_when = |when: When| When {
            at: when.at.map(|at| match at {
                At::Start => At::Ms(start_ms),
                At::End => At::Ms(end_ms),
                at @ At::Ms(_) => at,
            }),
            ..when
        };
        let fix_selector =
            |of: &Selector| Selector { text: of.text.clone(), when: fix_when(of.when) };
        match self {
            Self::Number(_) | Self::Text(_) => self.clone(),
            Self::Selector(selector) => Self::Selector(fix_selector(selector)),
            Self::Range(selector, range_s) => Self::Range(fix_selector(selector), *range_s),
            Self::Subquery(of) => Self::Subquery(Box::new(Subquery {
                of: fix(&of.of),
                when: fix_when(of.when),
                ..(**of).clone()
            })),
            Self::Call(name, args) => Self::Call(name, args.iter().map(fix).collect()),
            Self::Aggregate(of) => Self::Aggregate(Box::new(Aggregate {
                param: of.param.as_ref().map(fix),
                of: fix(&of.of),
                ..(**of).clone()
            })),
            Self::Binary(of) => Self::Binary(Box::new(Binary {
                left: fix(&of.left),
                right: fix(&of.right),
                ..(**of).clone()
            })),
            Self::Minus(of) => Self::Minus(Box::new(fix(of))),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Selector(selector) => write!(f, "{}{}", selector.text, selector.when),
            Self::Range(selector, range_s) => {
                write!(f, "{}[{}]{}", selector.text, Length(*range_s), selector.when)
            }
            Self::Subquery(of) => of.fmt(f),
            Self::Call(name, args) => write!(f, "{name}({})", joined(args.iter())),
            Self::Aggregate(of) => {
                let args = joined(of.param.iter().chain([&of.of]));
                write!(f, "{} {} ({args})", of.op, of.grouping)
            }
            Self::Binary(of) => {
                let (left, right) = (Operand(&of.left), Operand(&of.right));
                write!(f, "{left} {} {} {right}", of.op, of.modifiers)
            }
            Self::Minus(of) => write!(f, "-{}", Operand(of)),
        }
    }
}

impl fmt::Display for Subquery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", Operand(&self.of), Length(self.range_s))?;
        if let Some(step_s) = self.step_s {
            write!(f, "{}", Length(step_s))?;
        }
        write!(f, "]{}", self.when)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            None => {}
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            Some(At::Ms(t_ms)) => write!(f, " @ {}", seconds(t_ms))?,
        }
        match self.offset_ms {
            0 => Ok(()),
            ms if ms < 0 => write!(f, " offset -{}ms", -ms),
            ms => write!(f, " offset {ms}ms"),
        }
    }
}

/// Seconds, in minutes where they are whole.
struct Length(u32);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

/// In parentheses unless it holds together without them.
struct Operand<'a>(&'a Expr);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::Call(..) | Expr::Aggregate(_) => self.0.fmt(f),
            Expr::Selector(selector) if selector.when == When::default() => self.0.fmt(f),
            other => write!(f, "({other})"),
        }
    }
}

fn joined<'a>(all: impl Iterator<Item = &'a Expr>) -> String {
    all.map(Expr::to_string).collect::<Vec<_>>().join(", ")
}
