//! Bounds: what is large or deep is read or refused in time linear in it, on a small stack.

use std::thread;

use promql::ast::Expr;
use promql::{
    HEIGHT_MAX, NESTING_MAX, QUERY_BYTES_MAX, REGEXES_MAX, parse, parse_selector, pretty, to_json,
};

/// Half of what a thread has by default: what the deepest tree may take of it.
const STACK_BYTES: usize = 1 << 20;

/// Runs on a small stack, where recursion on the input's depth overflows.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    thread.expect("a thread starts").join().expect("no assertion fails on it");
}

/// `before` so many times, what is innermost, and `after` as many times.
fn nested(before: &str, inner: &str, after: &str, n: usize) -> String {
    format!("{}{inner}{}", before.repeat(n), after.repeat(n))
}

/// Everything that walks over a tree by recursion.
fn walk_all(expr: &Expr) {
    let copy = expr.clone();
    assert!(copy == *expr);
    assert!(!format!("{expr:?}").is_empty());
    assert!(!expr.to_string().is_empty());
    assert!(!pretty(expr).is_empty());
    assert!(!to_json(expr).is_empty());
    assert!(format!("{:?}", expr.value_type()).len() > 3);
    let mut n_nodes = 0;
    expr.walk(&mut |_| n_nodes += 1);
    assert!(n_nodes > 0);
}

/// Shapes nested so many levels deep.
fn nestings(n: usize) -> Vec<(&'static str, String)> {
    vec![
        ("parentheses", nested("(", "x", ")", n)),
        ("calls", nested("abs(", "x", ")", n)),
        ("aggregations", nested("sum by (a) (", "x", ")", n)),
        ("aggregations with parameters", nested("topk(1, ", "x", ")", n)),
        ("signs", nested("-", "x", "", n)),
        ("both signs", nested("+-", "x", "", n / 2)),
        ("signs of numbers", nested("-", "1", "", n)),
        ("powers", nested("x ^ ", "x", "", n)),
        ("right sides", nested("x or (", "x", ")", n / 2)),
        ("subqueries", nested("max_over_time(", "x", "[5m:])", n)),
        ("ranges", format!("x[{}]", nested("(", "1", ")", n - 1))),
        ("least durations", format!("x[{}]", nested("min_of(1s,", "1s", ")", n - 1))),
        ("negative durations", format!("x[{}]", nested("-", "step()", "", n - 1))),
        ("offsets", format!("x offset ({})", nested("(", "1", ")", n - 2))),
    ]
}

/// Shapes that are chains of so many members.
fn chains(n: usize) -> Vec<(&'static str, String)> {
    vec![
        ("sums", format!("x{}", " + x".repeat(n - 1))),
        ("sums of numbers", format!("1{}", "+1".repeat(n - 1))),
        ("unions", format!("x{}", " or on (a) x".repeat(n - 1))),
        ("sums of durations", format!("x[1s{}]", "+1s".repeat(n - 2))),
        ("subqueries", format!("x{}", "[5m:]".repeat(n - 1))),
    ]
}

#[test]
fn the_highest_trees_are_safe_on_half_a_stack() {
    on_a_small_stack(|| {
        for (name, query) in nestings(NESTING_MAX - 2) {
            walk_all(&parse(&query).unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        for (name, query) in chains(HEIGHT_MAX) {
            match parse(&query) {
                Ok(expr) => walk_all(&expr),
                // Read, and then found to be of ranges.
                Err(error) => assert!(error.message.starts_with("subquery is"), "{name}: {error}"),
            }
        }
    });
}

#[test]
fn what_is_deeper_or_longer_is_refused() {
    on_a_small_stack(|| {
        for (name, query) in nestings(NESTING_MAX + 2) {
            let error = parse(&query).expect_err(name);
            let wanted = format!("the expression is nested deeper than {NESTING_MAX} levels");
            assert_eq!(error.message, wanted, "{name}");
        }
        for (name, query) in chains(HEIGHT_MAX + 1) {
            let error = parse(&query).expect_err(name);
            let wanted = format!("the expression is more than {HEIGHT_MAX} levels high");
            assert_eq!(error.message, wanted, "{name}");
        }
    });
}

/// Every kind of node counts: around the longest chain, none is left for it.
#[test]
fn what_stands_around_a_chain_makes_it_higher() {
    on_a_small_stack(|| {
        let (_, chain) = chains(HEIGHT_MAX).swap_remove(0);
        let long = format!("1s{}", "+1s".repeat(HEIGHT_MAX - 2));
        parse(&format!("x[{long}]")).unwrap();
        for (before, after) in [
            ("(", ")"),
            ("-(", ")"),
            ("abs(", ")"),
            ("sum(", ")"),
            ("topk(1, ", ")"),
            ("1 + (", ")"),
            ("max_over_time((", ")[5m:])"),
        ] {
            let query = format!("{before}{chain}{after}");
            let error = parse(&query).expect_err(before);
            assert!(error.message.ends_with("levels high"), "{before}: {error}");
        }
        for (before, after) in [
            ("abs(x offset (1s*(", ")))"),
            ("x[-(", ")]"),
            ("x[min_of(1s,", ")]"),
            ("x[5m:1s+(", ")]"),
        ] {
            let query = format!("{before}{long}{after}");
            let error = parse(&query).expect_err(before);
            assert!(error.message.ends_with("levels high"), "{before}: {error}");
        }
    });
}

#[test]
fn hostile_texts_are_refused() {
    on_a_small_stack(|| {
        for (name, query) in nestings(10_000).into_iter().chain(chains(8_192)) {
            assert!(query.len() > QUERY_BYTES_MAX || parse(&query).is_err(), "{name}");
        }
        for open in ["(", "-", "x[", "x[(", "{", "sum(", "x + ", "x or ", "\"", "a(b,", "@", "x @"]
        {
            assert!(parse(&open.repeat(QUERY_BYTES_MAX / open.len())).is_err(), "{open}");
        }
    });
}

#[test]
fn wide_queries_are_read() {
    on_a_small_stack(|| {
        let args: Vec<String> = (0..10_000).map(|i| format!("\"l{i}\"")).collect();
        let expr = parse(&format!("sort_by_label(x, {})", args.join(", "))).unwrap();
        assert_eq!(expr.children().len(), 10_001);
        let labels: Vec<String> = (0..10_000).map(|i| format!("l{i}")).collect();
        parse(&format!("sum by ({}) (x)", labels.join(","))).unwrap();
        let matchers: Vec<String> = (0..5_000).map(|i| format!("l{i}=\"v\"")).collect();
        assert_eq!(parse_selector(&format!("x{{{}}}", matchers.join(","))).unwrap().len(), 5_001);
    });
}

#[test]
fn a_query_that_is_too_long_is_refused_before_it_is_read() {
    let long = "x".repeat(QUERY_BYTES_MAX);
    parse(&long).unwrap();
    let error = parse(&format!("{long}x")).unwrap_err();
    assert_eq!(error.message, format!("the query is longer than {QUERY_BYTES_MAX} bytes"));
    assert!(parse_selector(&format!("{long}x")).is_err());
}

#[test]
fn regular_expressions_are_counted() {
    let query = |n: usize| format!("x{{{}}}", "a=~\"b|c\",".repeat(n));
    parse(&query(REGEXES_MAX)).unwrap();
    let error = parse(&query(REGEXES_MAX + 1)).unwrap_err();
    assert_eq!(error.message, format!("the query has more than {REGEXES_MAX} regular expressions"));
    assert!(parse_selector(&query(REGEXES_MAX + 1)).is_err());
}
