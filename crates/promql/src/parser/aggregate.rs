//! Aggregations: `sum by (job) (x)` or `sum(x) by (job)`.

use super::{Grown, GrownExpr, Parser, above};
use crate::ast::{Aggregate, Expr, Grouping};
use crate::error::{Parsed, fault};
use crate::ops::AggregateOp;
use crate::span::Span;
use crate::token::{Kind, Word};

impl Parser<'_> {
    /// An aggregation, of which the operator is next.
    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Parsed<GrownExpr> {
        let start = self.take()?.span;
        self.within(("aggregation", ""), |parser| {
            let before = parser.grouping()?;
            let (args, height, mut end) = parser.args()?;
            let mut grouping = before.map(|(grouping, _)| grouping);
            if grouping.is_none()
                && let Some((behind, behind_end)) = parser.grouping()?
            {
                (grouping, end) = (Some(behind), behind_end);
            }
            let span = start.to(end);
            let (expr, param) = operands(op, args, span)?;
            let height = above(height, span)?;
            let grouping = grouping.unwrap_or_default();
            let aggregate = Aggregate { op, expr, param, grouping, span };
            Ok(Grown { tree: Expr::Aggregate(Box::new(aggregate)), height })
        })
    }

    /// `by (..)` or `without (..)`, if it is next, and where it ends.
    fn grouping(&mut self) -> Parsed<Option<(Grouping, Span)>> {
        let is_without = match self.peek()?.kind {
            Kind::Word(Word::By) => false,
            Kind::Word(Word::Without) => true,
            _ => return Ok(None),
        };
        self.take()?;
        let (labels, end) = self.labels()?;
        Ok(Some((Grouping { is_without, labels }, end)))
    }
}

/// What is aggregated, and the parameter.
fn operands(op: AggregateOp, args: Vec<Expr>, span: Span) -> Parsed<(Expr, Option<Expr>)> {
    let n_args = args.len();
    let n_args_wanted = 1 + usize::from(op.has_param());
    if n_args == 0 {
        return fault(span, "no arguments for aggregate expression provided");
    }
    let mut args = args.into_iter();
    match (args.next(), args.next(), args.next()) {
        (Some(param), Some(expr), None) if op.has_param() => Ok((expr, Some(param))),
        (Some(expr), None, None) if !op.has_param() => Ok((expr, None)),
        _ => {
            let counts = format!("expected {n_args_wanted}, got {n_args}");
            let what = "wrong number of arguments for aggregate expression provided";
            fault(span, format!("{what}, {counts}"))
        }
    }
}
