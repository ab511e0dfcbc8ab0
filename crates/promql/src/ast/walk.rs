//! Walking over a tree without recursion.

use super::Expr;

impl Expr {
    /// The expressions directly below: in the order of writing, but a parameter follows its
    /// aggregate's vector.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Aggregate(node) => {
                [Some(&node.expr), node.param.as_ref()].into_iter().flatten().collect()
            }
            Self::Binary(node) => vec![&node.lhs, &node.rhs],
            Self::Call(node) => node.args.iter().collect(),
            Self::Paren(node) => vec![&node.expr],
            Self::Subquery(node) => vec![&node.expr],
            Self::Unary(node) => vec![&node.expr],
            Self::Matrix(_) | Self::Number(_) | Self::Text(_) | Self::Vector(_) => Vec::new(),
        }
    }

    /// Visits the expression and all below it, parents first.
    pub fn walk<'e>(&'e self, visit: &mut impl FnMut(&'e Expr)) {
        let mut waiting = vec![self];
        while let Some(expr) = waiting.pop() {
            visit(expr);
            waiting.extend(expr.children().into_iter().rev());
        }
    }
}
