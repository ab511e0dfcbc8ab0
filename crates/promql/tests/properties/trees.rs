//! Trees of any shape whose parts fit together, as the checker leaves them.

use std::fmt;

use model::{METRIC_NAME, MatchOp, Matcher};
use promql::ast::{
    Aggregate, At, Binary, Call, Card, DurationExpr, DurationKind, Expr, Extension, Fill, Grouping,
    Length, Matching, MatrixSelector, Number, Paren, Subquery, TextLiteral, Unary, VectorSelector,
};
use promql::{AggregateOp, BinaryOp, DurationOp, FUNCTIONS, Sign, Span, Text, ValueType, function};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const NOWHERE: Span = Span { start: 0, end: 0 };

/// A tree that a failure shows as text.
#[derive(Clone)]
pub(crate) struct Tree(pub(crate) Expr);

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An expression of any type.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    prop_oneof![6 => vector(3), 2 => scalar(3), 2 => matrix(2), 1 => text()].prop_map(Tree)
}

/// An expression of this type, so many levels deep at most.
fn of_type(kind: ValueType, depth: u32) -> BoxedStrategy<Expr> {
    match kind {
        ValueType::Scalar => scalar(depth),
        ValueType::Vector => vector(depth),
        ValueType::Matrix => matrix(depth),
        ValueType::Text => text(),
    }
}

fn text() -> BoxedStrategy<Expr> {
    let literal = |bytes: Vec<u8>| {
        Expr::Text(Box::new(TextLiteral { value: Text::from(bytes), span: NOWHERE }))
    };
    prop_oneof![some_text().prop_map(String::into_bytes), vec(any::<u8>(), 0..4)]
        .prop_map(literal)
        .boxed()
}

/// Any text; now and then the character that stands for what is none.
fn some_text() -> impl Strategy<Value = String> {
    prop_oneof![9 => ".{0,6}", 1 => Just("a\u{fffd}".to_owned())]
}

fn number() -> BoxedStrategy<Number> {
    let plain = prop_oneof![
        (0i32..1000).prop_map(f64::from),
        (0.0..1e9),
        any::<f64>().prop_map(f64::abs),
        select(vec![f64::INFINITY, f64::NAN, 0.0, 1e300, 5e-324]),
    ];
    let plain = plain.prop_map(|value| {
        // All that are no numbers read as one of them.
        let value = if value.is_nan() { f64::NAN } else { value };
        Number { value, is_duration: false, span: NOWHERE }
    });
    let duration = (0u32..10_000_000).prop_map(|ms| Number {
        value: f64::from(ms) / 1000.0,
        is_duration: true,
        span: NOWHERE,
    });
    prop_oneof![plain, duration].boxed()
}

fn scalar(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = number().prop_map(|number| Expr::Number(Box::new(number))).boxed();
    if depth == 0 {
        return leaf;
    }
    let below = move || scalar(depth - 1);
    prop_oneof![
        leaf,
        below().prop_map(paren),
        (any::<bool>(), below()).prop_map(|(minus, expr)| signed(minus, expr)),
        (arithmetic(), below(), below())
            .prop_map(|(op, lhs, rhs)| binary(op, false, None, lhs, rhs)),
        (comparison(), below(), below())
            .prop_map(|(op, lhs, rhs)| binary(op, true, None, lhs, rhs)),
        call(ValueType::Scalar, depth - 1),
    ]
    .boxed()
}

fn vector(depth: u32) -> BoxedStrategy<Expr> {
    let leaf = selector(true).prop_map(|selector| Expr::Vector(Box::new(selector))).boxed();
    if depth == 0 {
        return leaf;
    }
    let below = move || vector(depth - 1);
    let with_scalar = (arithmetic(), below(), scalar(depth - 1), any::<bool>());
    prop_oneof![
        2 => leaf,
        1 => below().prop_map(paren),
        1 => (any::<bool>(), below()).prop_map(|(minus, expr)| signed(minus, expr)),
        2 => aggregate(depth - 1),
        2 => call(ValueType::Vector, depth - 1),
        1 => info(depth - 1),
        1 => with_scalar.prop_map(|(op, vector, scalar, turned)| match turned {
            true => binary(op, false, None, scalar, vector),
            false => binary(op, false, None, vector, scalar),
        }),
        2 => (arithmetic(), matching(), below(), below())
            .prop_map(|(op, matching, lhs, rhs)| binary(op, false, Some(matching), lhs, rhs)),
        2 => (comparison(), any::<bool>(), matching(), below(), below())
            .prop_map(|(op, bool, matching, lhs, rhs)| binary(op, bool, Some(matching), lhs, rhs)),
        2 => (select(vec![BinaryOp::And, BinaryOp::Or, BinaryOp::Unless]), matching(), below(), below())
            .prop_map(|(op, matching, lhs, rhs)| {
                let (card, include, fill) = (Card::ManyToMany, Vec::new(), Fill::default());
                binary(op, false, Some(Matching { card, include, fill, ..matching }), lhs, rhs)
            }),
    ]
    .boxed()
}

fn matrix(depth: u32) -> BoxedStrategy<Expr> {
    let ranged = (selector(true), length(true)).prop_map(|(selector, range)| {
        Expr::Matrix(Box::new(MatrixSelector { selector, range, span: NOWHERE }))
    });
    if depth == 0 {
        return ranged.boxed();
    }
    let times = (length(true), option::of(length(true)), at(), length(false));
    let subquery = (vector(depth - 1), times).prop_map(|(expr, (range, step, at, offset))| {
        let expr = operand(expr);
        Expr::Subquery(Box::new(Subquery { expr, range, step, at, offset, span: NOWHERE }))
    });
    prop_oneof![ranged, subquery].boxed()
}

fn paren(expr: Expr) -> Expr {
    Expr::Paren(Box::new(Paren { expr, span: NOWHERE }))
}

/// The expression, in parentheses if it would be taken apart beside an operator.
fn operand(expr: Expr) -> Expr {
    match expr {
        Expr::Binary(_) | Expr::Unary(_) => paren(expr),
        // It prints with its sign.
        Expr::Number(ref number) if number.value.is_infinite() => paren(expr),
        expr => expr,
    }
}

fn signed(is_minus: bool, expr: Expr) -> Expr {
    let op = if is_minus { Sign::Minus } else { Sign::Plus };
    let expr = match operand(expr) {
        // A number takes the sign up.
        number @ Expr::Number(_) => paren(number),
        expr => expr,
    };
    Expr::Unary(Box::new(Unary { op, expr, span: NOWHERE }))
}

fn binary(
    op: BinaryOp,
    returns_bool: bool,
    matching: Option<Matching>,
    lhs: Expr,
    rhs: Expr,
) -> Expr {
    let (lhs, rhs) = (operand(lhs), operand(rhs));
    let (op_span, span) = (NOWHERE, NOWHERE);
    Expr::Binary(Box::new(Binary { op, lhs, rhs, returns_bool, matching, op_span, span }))
}

fn arithmetic() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::{Add, Atan2, Div, Mod, Mul, Pow, Sub, TrimLower, TrimUpper};
    select(vec![Add, Sub, Mul, Div, Mod, Pow, Atan2, TrimUpper, TrimLower])
}

fn comparison() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    select(vec![Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual])
}

fn matching() -> impl Strategy<Value = Matching> {
    let card = select(vec![Card::OneToOne, Card::ManyToOne, Card::OneToMany]);
    let fill = (option::of(number()), option::of(number()), any::<bool>());
    let labels = || vec(label(), 0..3);
    (card, any::<bool>(), labels(), labels(), fill).prop_map(
        |(card, is_on, labels, include, fill)| {
            let include = match card {
                Card::OneToOne => Vec::new(),
                _ => include.into_iter().filter(|label| !labels.contains(label)).collect(),
            };
            let value = |number: Option<Number>| number.map(|number| number.value);
            let (lhs, rhs) = (value(fill.0), value(fill.1));
            let is_one = fill.2 && lhs.is_some();
            let fill = Fill { lhs, rhs: if is_one { lhs } else { rhs }, is_one };
            Matching { card, is_on, labels, include, fill }
        },
    )
}

/// Any label, words of the language too.
fn label() -> impl Strategy<Value = String> {
    let words = ["by", "on", "and", "sum", "without", "inf", "bool", "le", "a.b", "é\n\""];
    prop_oneof![select(words.map(str::to_owned).to_vec()), "[a-zA-Z_][a-zA-Z0-9_]{0,4}"]
}

fn aggregate(depth: u32) -> BoxedStrategy<Expr> {
    let grouping = (any::<bool>(), vec(label(), 0..3))
        .prop_map(|(is_without, labels)| Grouping { is_without, labels });
    let op = select(AggregateOp::ALL.to_vec());
    (op, vector(depth), scalar(depth), text(), grouping)
        .prop_map(|(op, expr, number, text, grouping)| {
            let param = match op {
                AggregateOp::CountValues => Some(text),
                op => op.has_param().then_some(number),
            };
            Expr::Aggregate(Box::new(Aggregate { op, expr, param, grouping, span: NOWHERE }))
        })
        .boxed()
}

/// A call of a function with this result.
fn call(returns: ValueType, depth: u32) -> BoxedStrategy<Expr> {
    let fits = |function: &_| {
        let function: &promql::Function = function;
        function.returns == returns && function.name != "info"
    };
    let known: Vec<_> = FUNCTIONS.iter().filter(|function| fits(function)).collect();
    (select(known), 0usize..3)
        .prop_flat_map(move |(function, more)| {
            let n_types = function.args.len();
            let n_args = match function.variadic {
                0 => n_types,
                -1 => n_types - 1 + more,
                bound => n_types - 1 + more.min(bound as usize),
            };
            let arg = |place| of_type(function.arg_type(place).expect("it takes so many"), depth);
            let args: Vec<_> = (0..n_args).map(arg).collect();
            args.prop_map(move |args| Expr::Call(Box::new(Call { function, args, span: NOWHERE })))
        })
        .boxed()
}

fn info(depth: u32) -> BoxedStrategy<Expr> {
    let matchers = selector(false).prop_map(|selector| Expr::Vector(Box::new(selector)));
    let function = function("info").expect("it is known");
    (vector(depth), option::of(matchers))
        .prop_map(move |(vector, matchers)| {
            let args = [Some(vector), matchers].into_iter().flatten().collect();
            Expr::Call(Box::new(Call { function, args, span: NOWHERE }))
        })
        .boxed()
}

/// A selector; one that stands for `info` has neither name nor need to ask for anything.
fn selector(is_alone: bool) -> BoxedStrategy<VectorSelector> {
    let names = ["x", "a:b", "by", "sum", "offset", "and", "start", "fill", "anchored", "rate"];
    let name = option::of(select(names.map(str::to_owned).to_vec()));
    let extension = select(vec![None, Some(Extension::Anchored), Some(Extension::Smoothed)]);
    (name, vec(matcher(), 0..3), at(), length(false), extension)
        .prop_map(move |(name, mut matchers, at, offset, extension)| {
            let name = name.filter(|_| is_alone);
            if is_alone && name.is_none() {
                matchers.push(Matcher::equal(METRIC_NAME, "utf8 näme"));
            }
            matchers.extend(name.as_deref().map(|name| Matcher::equal(METRIC_NAME, name)));
            VectorSelector { name, matchers, at, offset, extension, span: NOWHERE }
        })
        .boxed()
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let exact =
        (label(), some_text(), any::<bool>()).prop_map(|(name, value, negative)| match negative {
            true => Matcher::not_equal(name, value),
            false => Matcher::equal(name, value),
        });
    let regex = (label(), select(vec!["a|b", ".*", "x.+", "[0-9]\\n"]), any::<bool>()).prop_map(
        |(name, source, negative)| {
            let op = if negative { MatchOp::NoMatch } else { MatchOp::Match };
            Matcher::new(name, op, source).expect("it is one")
        },
    );
    prop_oneof![exact, regex]
}

fn at() -> impl Strategy<Value = Option<At>> {
    let time = (-1_000_000_000i64..1_000_000_000).prop_map(|ms| At::Time { ms });
    option::of(prop_oneof![time, Just(At::Start), Just(At::End)])
}

/// A length that may stand in brackets, or behind `offset`.
fn length(is_positive: bool) -> BoxedStrategy<Length> {
    let least_ms = if is_positive { 1i64 } else { -100_000_000 };
    let fixed = (least_ms..100_000_000).prop_map(|ms| Length::Fixed { ns: ms * 1_000_000 });
    let computed = duration(2).prop_map(move |mut duration| {
        let stands_alone = matches!(
            duration.kind,
            DurationKind::Step | DurationKind::Range | DurationKind::Sign(..)
        );
        duration.is_wrapped |= !is_positive && !stands_alone;
        Length::Computed(Box::new(duration))
    });
    prop_oneof![3 => fixed, 1 => computed].boxed()
}

/// A computed duration: no number alone.
fn duration(depth: u32) -> BoxedStrategy<DurationExpr> {
    let leaf = select(vec![DurationKind::Step, DurationKind::Range]);
    let leaf = (leaf, any::<bool>()).prop_map(|(kind, is_wrapped)| computed(kind, is_wrapped));
    let number = || {
        (1u32..100_000, any::<bool>()).prop_map(|(ms, is_duration)| {
            let value = f64::from(ms) / 1000.0;
            computed(DurationKind::Number(Number { value, is_duration, span: NOWHERE }), false)
        })
    };
    let wrapped_number = number()
        .prop_map(|number| computed(DurationKind::Sign(Sign::Plus, Box::new(number)), true));
    if depth == 0 {
        return prop_oneof![leaf, wrapped_number].boxed();
    }
    use DurationOp::{Add, Div, MaxOf, MinOf, Mod, Mul, Pow, Sub};
    let op = select(vec![Add, Sub, Mul, Div, Mod, Pow, MinOf, MaxOf]);
    let side = move || prop_oneof![number(), duration(depth - 1)];
    let two = (op, side(), side(), any::<bool>()).prop_map(|(op, lhs, rhs, is_wrapped)| {
        let sides = (Box::new(closed(lhs)), Box::new(closed(rhs)));
        computed(DurationKind::Binary(op, sides.0, sides.1), is_wrapped)
    });
    let minus = duration(depth - 1)
        .prop_map(|of| computed(DurationKind::Sign(Sign::Minus, Box::new(closed(of))), false));
    prop_oneof![leaf, wrapped_number, two, minus].boxed()
}

fn computed(kind: DurationKind, is_wrapped: bool) -> DurationExpr {
    DurationExpr { kind, is_wrapped, span: NOWHERE }
}

/// The duration, in parentheses if it would be taken apart beside an operator.
fn closed(mut duration: DurationExpr) -> DurationExpr {
    let is_open = matches!(duration.kind, DurationKind::Binary(..) | DurationKind::Sign(..));
    duration.is_wrapped |= is_open;
    duration
}

/// The tree without spans, and matchers in the order in which they print.
pub(crate) fn bare(mut expr: Expr) -> Expr {
    strip(&mut expr);
    expr
}

fn strip(expr: &mut Expr) {
    match expr {
        Expr::Aggregate(node) => {
            node.span = NOWHERE;
            strip(&mut node.expr);
            node.param.iter_mut().for_each(strip);
        }
        Expr::Binary(node) => {
            (node.span, node.op_span) = (NOWHERE, NOWHERE);
            strip(&mut node.lhs);
            strip(&mut node.rhs);
        }
        Expr::Call(node) => {
            node.span = NOWHERE;
            node.args.iter_mut().for_each(strip);
        }
        Expr::Matrix(node) => {
            node.span = NOWHERE;
            strip_selector(&mut node.selector);
            strip_length(&mut node.range);
        }
        Expr::Number(node) => node.span = NOWHERE,
        Expr::Paren(node) => {
            node.span = NOWHERE;
            strip(&mut node.expr);
        }
        Expr::Text(node) => node.span = NOWHERE,
        Expr::Subquery(node) => {
            node.span = NOWHERE;
            strip(&mut node.expr);
            [&mut node.range, &mut node.offset]
                .into_iter()
                .chain(&mut node.step)
                .for_each(strip_length);
        }
        Expr::Unary(node) => {
            node.span = NOWHERE;
            strip(&mut node.expr);
        }
        Expr::Vector(node) => strip_selector(node),
    }
}

fn strip_selector(selector: &mut VectorSelector) {
    selector.span = NOWHERE;
    strip_length(&mut selector.offset);
    let n_in_braces = selector.matchers.len() - usize::from(selector.name.is_some());
    selector.matchers[..n_in_braces].sort_by_key(|matcher| format!("{matcher:?}"));
}

fn strip_length(length: &mut Length) {
    if let Length::Computed(duration) = length {
        strip_duration(duration);
    }
}

fn strip_duration(duration: &mut DurationExpr) {
    duration.span = NOWHERE;
    match &mut duration.kind {
        DurationKind::Number(number) => number.span = NOWHERE,
        DurationKind::Step | DurationKind::Range => {}
        DurationKind::Sign(_, of) => strip_duration(of),
        DurationKind::Binary(_, lhs, rhs) => {
            strip_duration(lhs);
            strip_duration(rhs);
        }
    }
}
