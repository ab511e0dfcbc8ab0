//! Checker: whether the parts of a query fit together. The first mistake in Prometheus' order of
//! looking is told, in its words.
//!
//! It also settles what only types tell: operators of a scalar match nothing, set operators match
//! many elements with many.

use std::collections::HashSet;

use model::METRIC_NAME;

use crate::ast::{Aggregate, Binary, Call, Card, Expr, Subquery, Unary, VectorSelector};
use crate::error::{Parsed, fault};
use crate::functions::ValueType;
use crate::ops::AggregateOp;
use crate::quote::Quoted;
use crate::span::Span;

/// Checks an expression and all below it; returns its type.
///
/// # Errors
/// The first mistake.
pub(crate) fn check(expr: &mut Expr) -> Parsed<ValueType> {
    match expr {
        Expr::Aggregate(node) => aggregate(node),
        Expr::Binary(node) => binary(node),
        Expr::Call(node) => call(node),
        Expr::Paren(node) => check(&mut node.expr),
        Expr::Subquery(node) => subquery(node),
        Expr::Unary(node) => unary(node),
        Expr::Matrix(node) => vector(&node.selector, true).map(|()| ValueType::Matrix),
        Expr::Vector(node) => vector(node, true).map(|()| ValueType::Vector),
        Expr::Number(_) => Ok(ValueType::Scalar),
        Expr::Text(_) => Ok(ValueType::Text),
    }
}

/// Checks an expression that must have this type.
fn expect(expr: &mut Expr, wanted: ValueType, place: &str) -> Parsed<()> {
    match check(expr)? {
        found if found == wanted => Ok(()),
        found => fault(expr.span(), format!("expected type {wanted} in {place}, got {found}")),
    }
}

fn aggregate(node: &mut Aggregate) -> Parsed<ValueType> {
    expect(&mut node.expr, ValueType::Vector, "aggregation expression")?;
    if let Some(param) = &mut node.param {
        let wanted = match node.op {
            AggregateOp::CountValues => ValueType::Text,
            _ => ValueType::Scalar,
        };
        expect(param, wanted, "aggregation parameter")?;
    }
    Ok(ValueType::Vector)
}

fn binary(node: &mut Binary) -> Parsed<ValueType> {
    use ValueType::{Scalar, Vector};
    let types = (check(&mut node.lhs)?, check(&mut node.rhs)?);
    modifiers(node, types)?;
    for (side, found) in [(&node.lhs, types.0), (&node.rhs, types.1)] {
        if !matches!(found, Scalar | Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return fault(side.span(), message);
        }
    }
    match types {
        (Vector, Vector) => between_vectors(node)?,
        _ => with_a_scalar(node)?,
    }
    Ok(if types == (Scalar, Scalar) { Scalar } else { Vector })
}

/// What can be said of an operator's modifiers whatever its sides are.
fn modifiers(node: &Binary, types: (ValueType, ValueType)) -> Parsed<()> {
    if node.returns_bool && !node.op.is_comparison() {
        let message = "bool modifier can only be used on comparison operators";
        return fault(node.op_span, message);
    }
    let are_scalars = types == (ValueType::Scalar, ValueType::Scalar);
    if node.op.is_comparison() && !node.returns_bool && are_scalars {
        return fault(node.op_span, "comparisons between scalars must use BOOL modifier");
    }
    let Some(matching) = node.matching.as_ref().filter(|matching| matching.is_on) else {
        return Ok(());
    };
    let included: HashSet<&String> = matching.include.iter().collect();
    match matching.labels.iter().find(|label| included.contains(label)) {
        None => Ok(()),
        Some(label) => {
            let label = Quoted(label);
            let message = format!("label {label} must not occur in ON and GROUP clause at once");
            fault(node.op_span, message)
        }
    }
}

fn between_vectors(node: &mut Binary) -> Parsed<()> {
    let Some(matching) = node.matching.as_mut().filter(|_| node.op.is_set()) else {
        return Ok(());
    };
    if matching.card != Card::OneToOne {
        return fault(node.span, format!("no grouping allowed for \"{}\" operation", node.op));
    }
    matching.card = Card::ManyToMany;
    if !matching.fill.is_none() {
        return fault(node.span, "filling in missing series not allowed for set operators");
    }
    Ok(())
}

fn with_a_scalar(node: &mut Binary) -> Parsed<()> {
    if let Some(matching) = node.matching.take() {
        if !matching.labels.is_empty() {
            return fault(node.span, "vector matching only allowed between instant vectors");
        }
        if !matching.fill.is_none() {
            let message = "filling in missing series only allowed between instant vectors";
            return fault(node.span, message);
        }
    }
    if node.op.is_set() {
        let message =
            format!("set operator \"{}\" not allowed in binary scalar expression", node.op);
        return fault(node.span, message);
    }
    Ok(())
}

fn call(node: &mut Call) -> Parsed<ValueType> {
    n_args(node)?;
    let function = node.function;
    // The second argument of `info` is looked at first, and is no expression of its own.
    let is_info = function.name == "info";
    if let Some(arg) = node.args.get_mut(1).filter(|_| is_info) {
        label_selector(arg, node.span)?;
    }
    let n_expressions = if is_info { 1 } else { usize::MAX };
    for (place, arg) in node.args.iter_mut().enumerate().take(n_expressions) {
        let wanted = function.arg_type(place).expect("the number of arguments was checked");
        let found = check(arg)?;
        if found != wanted {
            let name = Quoted(function.name);
            let message = format!("expected type {wanted} in call to function {name}, got {found}");
            return fault(arg.span(), message);
        }
    }
    Ok(function.returns)
}

fn n_args(node: &Call) -> Parsed<()> {
    let (n_args, n_types) = (node.args.len(), node.function.args.len());
    let wrong = |bound: &str, n: usize| {
        let name = Quoted(node.function.name);
        let message = format!("expected {bound}{n} argument(s) in call to {name}, got {n_args}");
        fault(node.span, message)
    };
    if node.function.variadic == 0 {
        return if n_args == n_types { Ok(()) } else { wrong("", n_types) };
    }
    let n_args_min = n_types - 1;
    if n_args < n_args_min {
        return wrong("at least ", n_args_min);
    }
    match usize::try_from(node.function.variadic) {
        Ok(more) if n_args > n_args_min + more => wrong("at most ", n_args_min + more),
        _ => Ok(()),
    }
}

/// The second argument of `info`: matchers alone, which may all be met by nothing.
fn label_selector(arg: &mut Expr, call: Span) -> Parsed<()> {
    let span = arg.span();
    match arg {
        Expr::Vector(node) if node.name.is_some() => {
            fault(span, "expected label selectors only, got vector selector instead")
        }
        Expr::Vector(node) => vector(node, false),
        _ => {
            let found = arg.value_type();
            if found != ValueType::Vector {
                let place = "call to function \"info\"";
                let wanted = ValueType::Vector;
                return fault(call, format!("expected type {wanted} in {place}, got {found}"));
            }
            fault(span, "expected label selectors only")
        }
    }
}

fn subquery(node: &mut Subquery) -> Parsed<ValueType> {
    match check(&mut node.expr)? {
        ValueType::Vector => Ok(ValueType::Matrix),
        found => {
            let found = found.as_str();
            let message =
                format!("subquery is only allowed on instant vector, got {found} instead");
            fault(node.span, message)
        }
    }
}

fn unary(node: &mut Unary) -> Parsed<ValueType> {
    match check(&mut node.expr)? {
        found @ (ValueType::Scalar | ValueType::Vector) => Ok(found),
        found => {
            let message = "unary expression only allowed on expressions of type scalar or instant \
                           vector, got";
            fault(node.span, format!("{message} \"{found}\""))
        }
    }
}

/// A selector names its metric once, and asks for something: a mistake should not select everything.
fn vector(node: &VectorSelector, must_ask: bool) -> Parsed<()> {
    if let Some(name) = &node.name {
        let in_braces = &node.matchers[..node.matchers.len() - 1];
        return match in_braces.iter().find(|matcher| matcher.name == METRIC_NAME) {
            None => Ok(()),
            Some(other) => {
                let (name, other) = (Quoted(name), Quoted(other.value()));
                let message = format!("metric name must not be set twice: {name} or {other}");
                fault(node.span, message)
            }
        };
    }
    if must_ask && node.matchers.iter().all(|matcher| matcher.matches_absent()) {
        return fault(node.span, "vector selector must contain at least one non-empty matcher");
    }
    Ok(())
}
