//! Pretty printing: a tree over several lines, as the `format_query` endpoint answers.
//!
//! A node that takes more than 100 bytes is split: its parts go on lines of their own, two blanks
//! further in. Selectors are never split.

use std::fmt::{self, Write};

use crate::ast::{Aggregate, Binary, Call, Expr};
use crate::print::{AggregateHead, BinaryHead, SubqueryTimes};

/// A longer node is split, bytes.
const LINE_BYTES_MAX: usize = 100;

/// The expression over several lines. Takes time linear in the tree's text, but for the depth.
pub fn pretty(expr: &Expr) -> String {
    let mut text = String::new();
    write_at(&mut text, expr, 0);
    text
}

/// Writes an expression so many levels in.
fn write_at(out: &mut String, expr: &Expr, level: usize) {
    match expr {
        // As Prometheus writes it: a subquery that fits on its line is not moved in.
        Expr::Subquery(_) if fits(expr) => put(out, format_args!("{expr}")),
        Expr::Subquery(node) => {
            write_at(out, &node.expr, level);
            put(out, format_args!("{}", SubqueryTimes(node)));
        }
        Expr::Unary(node) => {
            indent(out, level);
            out.push_str(node.op.as_str());
            // The operand starts on the sign's line, but its further lines are moved in.
            let began = out.len();
            write_at(out, &node.expr, level);
            let blanks = out[began..].len() - out[began..].trim_start().len();
            out.replace_range(began..began + blanks, "");
        }
        expr if fits(expr) => {
            indent(out, level);
            put(out, format_args!("{expr}"));
        }
        Expr::Aggregate(node) => aggregate(out, node, level),
        Expr::Binary(node) => binary(out, node, level),
        Expr::Call(node) => call(out, node, level),
        Expr::Paren(node) => {
            indent(out, level);
            out.push_str("(\n");
            write_at(out, &node.expr, level + 1);
            close(out, level);
        }
        Expr::Matrix(_) | Expr::Number(_) | Expr::Text(_) | Expr::Vector(_) => {
            indent(out, level);
            put(out, format_args!("{expr}"));
        }
    }
}

fn aggregate(out: &mut String, node: &Aggregate, level: usize) {
    indent(out, level);
    put(out, format_args!("{}(\n", AggregateHead(node)));
    if let Some(param) = &node.param {
        write_at(out, param, level + 1);
        out.push_str(",\n");
    }
    write_at(out, &node.expr, level + 1);
    close(out, level);
}

fn binary(out: &mut String, node: &Binary, level: usize) {
    write_at(out, &node.lhs, level + 1);
    out.push('\n');
    indent(out, level);
    put(out, format_args!("{}\n", BinaryHead(node)));
    write_at(out, &node.rhs, level + 1);
}

fn call(out: &mut String, node: &Call, level: usize) {
    indent(out, level);
    put(out, format_args!("{}(\n", node.function.name));
    for (place, arg) in node.args.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { ",\n" });
        write_at(out, arg, level + 1);
    }
    close(out, level);
}

/// A closing parenthesis on its own line.
fn close(out: &mut String, level: usize) {
    out.push('\n');
    indent(out, level);
    out.push(')');
}

fn indent(out: &mut String, level: usize) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn put(out: &mut String, what: fmt::Arguments<'_>) {
    out.write_fmt(what).expect("writing to a string does not fail");
}

/// Whether the expression takes one line at most. Stops writing where it does not.
fn fits(expr: &Expr) -> bool {
    write!(Line { n_bytes_left: LINE_BYTES_MAX }, "{expr}").is_ok()
}

/// Counts bytes; fails when a line is full.
struct Line {
    n_bytes_left: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.n_bytes_left = self.n_bytes_left.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}
