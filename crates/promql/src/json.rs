//! The tree as JSON, as the `parse_query` endpoint answers and its tree view reads.
//!
//! `<`, `>` and `&` are escaped, as Go's encoder does. Times are whole milliseconds; where one is
//! computed, 0 stands in its place and the expression beside it.

use std::fmt::{Display, Write};

use model::Matcher;

use crate::ast::{
    Aggregate, At, Binary, Call, DurationExpr, DurationKind, Expr, Length, Matching, Subquery,
    VectorSelector,
};
use crate::print::{Plain, match_op};

/// The tree as JSON.
pub fn to_json(expr: &Expr) -> String {
    let mut out = String::new();
    node(&mut out, expr);
    out
}

fn node(out: &mut String, expr: &Expr) {
    match expr {
        Expr::Aggregate(of) => aggregate(out, of),
        Expr::Binary(of) => binary(out, of),
        Expr::Call(of) => call(out, of),
        Expr::Matrix(of) => selector(out, &of.selector, Some(&of.range)),
        Expr::Vector(of) => selector(out, of, None),
        Expr::Subquery(of) => subquery(out, of),
        Expr::Number(of) => object(out, "numberLiteral", |object| {
            object.text("val", &Plain(of.value).to_string());
        }),
        Expr::Text(of) => object(out, "stringLiteral", |object| {
            object.text("val", &of.value.to_lossy());
        }),
        Expr::Paren(of) => object(out, "parenExpr", |object| {
            object.field("expr", |out| node(out, &of.expr));
        }),
        Expr::Unary(of) => object(out, "unaryExpr", |object| {
            object.field("expr", |out| node(out, &of.expr));
            object.text("op", of.op.as_str());
        }),
    }
}

fn aggregate(out: &mut String, of: &Aggregate) {
    object(out, "aggregation", |object| {
        object.field("expr", |out| node(out, &of.expr));
        object.texts("grouping", &of.grouping.labels);
        object.text("op", of.op.as_str());
        object.field("param", |out| match &of.param {
            Some(param) => node(out, param),
            None => out.push_str("null"),
        });
        object.bare("without", of.grouping.is_without);
    });
}

fn binary(out: &mut String, of: &Binary) {
    object(out, "binaryExpr", |object| {
        object.bare("bool", of.returns_bool);
        object.field("lhs", |out| node(out, &of.lhs));
        object.field("matching", |out| match &of.matching {
            Some(of) => matching(out, of),
            None => out.push_str("null"),
        });
        object.text("op", of.op.as_str());
        object.field("rhs", |out| node(out, &of.rhs));
    });
}

fn matching(out: &mut String, of: &Matching) {
    fields(out, |object| {
        object.text("card", &of.card.to_string());
        object.field("fillValues", |out| {
            fields(out, |object| {
                object.field("lhs", |out| fill(out, of.fill.lhs));
                object.field("rhs", |out| fill(out, of.fill.rhs));
            });
        });
        object.texts("include", &of.include);
        object.texts("labels", &of.labels);
        object.bare("on", of.is_on);
    });
}

/// A number; as text if JSON has none such.
fn fill(out: &mut String, value: Option<f64>) {
    match value {
        None => out.push_str("null"),
        Some(value) if value.is_finite() => put(out, value),
        Some(value) => text(out, &Plain(value).to_string()),
    }
}

fn call(out: &mut String, of: &Call) {
    object(out, "call", |object| {
        object.field("args", |out| list(out, &of.args, node));
        object.field("func", |out| {
            fields(out, |object| {
                let types = |out: &mut String| {
                    list(out, of.function.args, |out, kind| text(out, kind.as_str()));
                };
                object.field("argTypes", types);
                object.text("name", of.function.name);
                object.text("returnType", of.function.returns.as_str());
                object.bare("variadic", of.function.variadic);
            });
        });
    });
}

/// A selector; over a range, if there is one.
fn selector(out: &mut String, of: &VectorSelector, range: Option<&Length>) {
    use crate::ast::Extension::{Anchored, Smoothed};
    let kind = if range.is_some() { "matrixSelector" } else { "vectorSelector" };
    object(out, kind, |object| {
        object.bare("anchored", of.extension == Some(Anchored));
        object.field("matchers", |out| list(out, &of.matchers, matcher));
        object.text("name", of.name.as_deref().unwrap_or_default());
        object.length("offset", Some(&of.offset));
        if range.is_some() {
            object.length("range", range);
        }
        object.bare("smoothed", of.extension == Some(Smoothed));
        object.at(of.at);
    });
}

fn matcher(out: &mut String, of: &Matcher) {
    fields(out, |object| {
        object.text("name", &of.name);
        object.text("type", match_op(of.op()));
        object.text("value", of.value());
    });
}

fn subquery(out: &mut String, of: &Subquery) {
    object(out, "subquery", |object| {
        object.field("expr", |out| node(out, &of.expr));
        object.length("offset", Some(&of.offset));
        object.length("range", Some(&of.range));
        object.length("step", of.step.as_ref());
        object.at(of.at);
    });
}

fn duration(out: &mut String, of: &DurationExpr) {
    let (op, sides) = match &of.kind {
        DurationKind::Number(number) => {
            return object(out, "numberLiteral", |object| {
                object.bare("duration", number.is_duration);
                object.text("val", &Plain(number.value).to_string());
            });
        }
        DurationKind::Step => ("step", [None, None]),
        DurationKind::Range => ("range", [None, None]),
        DurationKind::Sign(sign, of) => (sign.as_str(), [None, Some(of)]),
        DurationKind::Binary(op, lhs, rhs) => (op.as_str(), [Some(lhs), Some(rhs)]),
    };
    object(out, "durationExpr", |object| {
        for (key, side) in ["lhs", "rhs"].into_iter().zip(sides) {
            object.field(key, |out| match side {
                Some(side) => duration(out, side),
                None => out.push_str("null"),
            });
        }
        object.text("op", op);
        object.bare("wrapped", of.is_wrapped);
    });
}

/// An object that is being written.
struct Object<'o> {
    out: &'o mut String,
}

impl Object<'_> {
    fn field(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        put(self.out, format_args!("\"{key}\":"));
        write(self.out);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.field(key, |out| text(out, value));
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        self.field(key, |out| list(out, values, |out, value| text(out, value)));
    }

    /// A number or a truth value.
    fn bare(&mut self, key: &str, value: impl Display) {
        self.field(key, |out| put(out, value));
    }

    /// A length of time: milliseconds under this key, and how they are computed beside it.
    fn length(&mut self, key: &str, length: Option<&Length>) {
        let (ms, computed) = match length {
            None => (0, None),
            Some(Length::Fixed { ns }) => (ns / 1_000_000, None),
            Some(Length::Computed(of)) => (0, Some(of)),
        };
        self.bare(key, ms);
        self.field(&format!("{key}Expr"), |out| match computed {
            Some(of) => duration(out, of),
            None => out.push_str("null"),
        });
    }

    fn at(&mut self, at: Option<At>) {
        self.field("startOrEnd", |out| match at {
            Some(At::Start) => text(out, "start"),
            Some(At::End) => text(out, "end"),
            _ => out.push_str("null"),
        });
        self.field("timestamp", |out| match at {
            Some(At::Time { ms }) => put(out, ms),
            _ => out.push_str("null"),
        });
    }
}

/// A node: its type, then its fields.
fn object(out: &mut String, kind: &str, write: impl FnOnce(&mut Object<'_>)) {
    fields(out, |object| {
        object.text("type", kind);
        write(object);
    });
}

fn fields(out: &mut String, write: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    write(&mut Object { out });
    out.push('}');
}

fn list<T>(out: &mut String, of: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (place, item) in of.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { "," });
        write(out, item);
    }
    out.push(']');
}

fn put(out: &mut String, what: impl Display) {
    write!(out, "{what}").expect("writing to a string does not fail");
}

fn text(out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // The rest of what a script in a page could trip over.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                put(out, format_args!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
