//! The grammar, feature by feature: what binds to what, what prints how, which bytes a node spans.

use promql::ast::{At, Card, DurationKind, Expr, Extension, Length};
use promql::{Text, ValueType, parse};

#[track_caller]
fn read(query: &str) -> Expr {
    parse(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The expression with parentheses around each operator.
fn shape(expr: &Expr) -> String {
    match expr {
        Expr::Binary(node) => format!("({} {} {})", shape(&node.lhs), node.op, shape(&node.rhs)),
        Expr::Unary(node) => format!("({}{})", node.op, shape(&node.expr)),
        Expr::Paren(node) => format!("[{}]", shape(&node.expr)),
        other => other.to_string(),
    }
}

#[track_caller]
fn binds(query: &str, wanted: &str) {
    assert_eq!(shape(&read(query)), wanted, "{query}");
}

/// The query prints so, and so does what is printed.
#[track_caller]
fn prints(query: &str, wanted: &str) {
    assert_eq!(read(query).to_string(), wanted, "{query}");
    assert_eq!(read(wanted).to_string(), wanted);
}

#[test]
fn operators_bind_by_tightness() {
    binds("a or b and c == d + e * f ^ g", "(a or (b and (c == (d + (e * (f ^ g))))))");
    binds("a ^ b * c + d == e unless f or g", "((((((a ^ b) * c) + d) == e) unless f) or g)");
    binds("a - b - c", "((a - b) - c)");
    binds("a ^ b ^ c", "(a ^ (b ^ c))");
    binds("a atan2 b * c % d / e", "((((a atan2 b) * c) % d) / e)");
    binds("a </ 1 >/ 0 >= b", "(((a </ 1) >/ 0) >= b)");
    binds("a and b or c unless d", "((a and b) or (c unless d))");
    binds("(a + b) * c", "([(a + b)] * c)");
}

#[test]
fn signs_bind_as_tight_as_products() {
    binds("-a ^ b", "(-(a ^ b))");
    binds("-a * b", "((-a) * b)");
    binds("2 ^ -3 * 4", "((2 ^ -3) * 4)");
    binds("-1 ^ 2", "(-(1 ^ 2))");
    binds("a - -b", "(a - (-b))");
    binds("--a", "(-(-a))");
    binds("+-+1", "-1");
    binds("-x offset 5m", "(-x offset 5m)");
    binds("+x", "(+x)");
}

#[test]
fn numbers_are_folded_with_their_signs() {
    for (query, wanted) in [
        ("0x1F", "31"),
        ("1_000.5", "1000.5"),
        ("-.5e-3", "-0.0005"),
        ("1e21", "1000000000000000000000"),
        ("iNf", "+Inf"),
        ("-Inf", "-Inf"),
        ("NAN", "NaN"),
        ("-0", "-0"),
        ("5m", "5m"),
        ("-1h30m", "-1h30m"),
        ("90d", "90d"),
        ("14d", "2w"),
        ("730d", "2y"),
        ("86400s1ms", "1d1ms"),
    ] {
        assert_eq!(read(query).to_string(), wanted, "{query}");
    }
    binds("0x1e + 1", "(30 + 1)");
    let Expr::Number(number) = read("-5m") else { panic!("no number") };
    assert_eq!((number.value, number.is_duration), (-300.0, true));
}

#[test]
fn texts_have_three_quotes() {
    prints(r#""a\"b""#, r#""a\"b""#);
    prints(r#"'a"\'b'"#, r#""a\"'b""#);
    prints("`a\\n\n`", r#""a\\n\n""#);
    let Expr::Text(text) = read(r"'\xff'") else { panic!("no text") };
    assert_eq!(text.value, Text::from(vec![0xff]));
    assert_eq!(text.value.as_str(), None);
}

#[test]
fn selectors_print_sorted_and_quoted_where_needed() {
    prints("x", "x");
    prints("a:b {}", "a:b");
    prints("x{b='1',a!=`2`,c=~\"3\",d!~\"4\",}", r#"x{a!="2",b="1",c=~"3",d!~"4"}"#);
    prints(r#"{"my.metric", "label.x"="y"}"#, r#"{"label.x"="y",__name__="my.metric"}"#);
    prints(r#"{'x', `y`="1"}"#, r#"{__name__="x",y="1"}"#);
    prints(r#"{__name__=~"a|b"}"#, r#"{__name__=~"a|b"}"#);
    prints("x{on='1',sum=\"2\",NaN=''}", r#"x{NaN="",on="1",sum="2"}"#);
    prints(r#"{"a","b"}"#, r#"{__name__="a",__name__="b"}"#);
    let Expr::Vector(node) = read("x{a='1'}") else { panic!("no selector") };
    assert_eq!(node.matchers.last().unwrap().value(), "x");
}

#[test]
fn words_of_the_language_name_metrics_and_labels() {
    for name in [
        "and",
        "or",
        "unless",
        "sum",
        "count_values",
        "limit_ratio",
        "offset",
        "by",
        "without",
        "start",
        "end",
        "step",
        "range",
        "min_of",
        "max_of",
        "anchored",
        "smoothed",
        "fill",
        "fill_left",
        "fill_right",
        "info",
        "SUM",
        "Offset",
    ] {
        prints(name, name);
        prints(&format!("x + {name}"), &format!("x + {name}"));
    }
    let labels =
        "and, or, on, by, bool, ignoring, group_left, atan2, sum, offset, start, step, fill";
    prints(&format!("sum by ({labels}) (x)"), &format!("sum by ({labels}) (x)"));
    prints("sum(sum)", "sum(sum)");
    prints("offset offset 5m", "offset offset 5m");
    prints("anchored anchored", "anchored anchored");
}

#[test]
fn aggregations_group_before_or_behind() {
    prints("SUM(x) BY (a, b,)", "sum by (a, b) (x)");
    prints("sum without () (x)", "sum without () (x)");
    prints("sum by () (x)", "sum(x)");
    prints("topk without(\"a.b\")(2, x)", "topk without (\"a.b\") (2, x)");
    prints("count_values('l', x)", "count_values(\"l\", x)");
    prints("limit_ratio(-0.5, x)", "limit_ratio(-0.5, x)");
    let Expr::Aggregate(node) = read("topk(2, x)") else { panic!("no aggregation") };
    assert_eq!((node.expr.to_string(), node.param.unwrap().to_string()), ("x".into(), "2".into()));
}

#[test]
fn matching_says_which_elements_belong_together() {
    prints("a * on(x,y) group_left b", "a * on (x, y) group_left () b");
    prints("a * ignoring(x) group_right(z) b", "a * ignoring (x) group_right (z) b");
    prints("a and on() b", "a and on () b");
    prints("a and ignoring() b", "a and b");
    prints("a == bool on(x) b", "a == bool on (x) b");
    prints("a + fill(0) b", "a + fill (0) b");
    // As it was written, whatever the values are.
    prints("a + fill_left(0) fill_right(0) b", "a + fill_left (0) fill_right (0) b");
    prints("a + fill_right(-1) fill_left(5m) b", "a + fill_left (300) fill_right (-1) b");
    prints("a + on(x) group_left fill(NaN) b", "a + on (x) group_left () fill (NaN) b");
    prints("a + fill(123456.5) b", "a + fill (123456.5) b");
    prints("a + fill(1234567) b", "a + fill (1.234567e+06) b");
    prints("a + fill(0.00001) b", "a + fill (1e-05) b");
    prints("fill + fill(0) fill_left", "fill + fill (0) fill_left");
    let card = |query: &str| match read(query) {
        Expr::Binary(node) => node.matching.map(|matching| matching.card),
        _ => panic!("no operator"),
    };
    assert_eq!(card("a + b"), Some(Card::OneToOne));
    assert_eq!(card("a or b"), Some(Card::ManyToMany));
    assert_eq!(card("a + on(x) group_left b"), Some(Card::ManyToOne));
    assert_eq!(card("a + on(x) group_right b"), Some(Card::OneToMany));
    assert_eq!(card("a + 1"), None);
}

#[test]
fn times_stand_behind_selectors_in_any_order() {
    prints("x offset 5m @ 1.5", "x @ 1.500 offset 5m");
    prints("x @ -5m offset -1w", "x @ -300.000 offset -1w");
    prints("x @ START() anchored offset 0.5", "x @ start() anchored offset 500ms");
    prints("x smoothed [5m] @ end()", "x[5m] smoothed @ end()");
    prints("x[5m] offset 1h anchored", "x[5m] anchored offset 1h");
    prints("x offset 0s offset 5m", "x offset 5m");
    prints("x{a='1'}[1m30s:] offset 5m", "x{a=\"1\"}[1m30s:] offset 5m");
    prints("rate(x[1m])[1h:5m] @ 10 offset -2m", "rate(x[1m])[1h:5m] @ 10.000 offset -2m");
}

#[test]
fn offsets_take_arithmetic_in_parentheses_only() {
    binds("x offset -2 ^ 2", "(x offset -2s ^ 2)");
    binds("x offset 1h / 2", "(x offset 1h / 2)");
    binds("x offset 1m + 1m", "(x offset 1m + 1m)");
    binds("x offset step() * 0", "(x offset step() * 0)");
    binds("x offset -min_of(step(), 1s) + 1", "(x offset -min_of(step(), 1s) + 1)");
    prints("x offset (1h/2)", "x offset (1h / 2)");
    prints("x offset -(20*500ms)", "x offset -(20 * 500ms)");
    prints("x offset (5)", "x offset (5)");
    prints("x offset +(5)", "x offset (5)");
    prints("x offset +STEP()", "x offset step()");
    prints("x offset max_of(3s,min_of(range(),1s))", "x offset max_of(3s, min_of(range(), 1s))");
}

#[test]
fn durations_are_computed_in_brackets() {
    prints("x[5m+1m*2]", "x[5m + 1m * 2]");
    prints("x[-2^2]", "x[-2 ^ 2]");
    prints("x[ - step ( ) ]", "x[-step()]");
    prints("x[(step())+1]", "x[(step()) + 1]");
    prints("x[2^3^2s:range()/10]", "x[2 ^ 3 ^ 2s:range() / 10]");
    prints("x[1h-range()]", "x[1h - range()]");
    prints("x[step():step()]", "x[step():step()]");
    prints("x[300]", "x[5m]");
    prints("x[5m # five\n]", "x[5m]");
    let Expr::Matrix(node) = read("x[-10s+15s]") else { panic!("no range") };
    let Length::Computed(range) = node.range else { panic!("not computed") };
    let DurationKind::Binary(_, lhs, _) = range.kind else { panic!("no operator") };
    assert_eq!(lhs.to_string(), "-10s");
    let Expr::Matrix(node) = read("x[4.018]") else { panic!("no range") };
    assert_eq!(node.range, Length::Fixed { ns: 4_018_000_000 });
}

#[test]
fn functions_take_what_is_documented() {
    let instant = "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor \
                   histogram_avg histogram_count histogram_stddev histogram_stdvar histogram_sum ln \
                   log10 log2 rad scalar sgn sin sinh sort sort_desc sqrt start_timestamp tan tanh \
                   timestamp day_of_month day_of_week day_of_year days_in_month hour minute month \
                   round year info";
    let range = "absent_over_time avg_over_time changes count_over_time delta deriv \
                 first_over_time idelta increase irate last_over_time mad_over_time max_over_time \
                 min_over_time present_over_time rate resets stddev_over_time stdvar_over_time \
                 sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time \
                 ts_of_min_over_time";
    let nothing = "day_of_month day_of_week day_of_year days_in_month end hour minute month pi range \
                   start step time year";
    let others = [
        "clamp(x, 1, 2)",
        "clamp_max(x, 2)",
        "clamp_min(x, 1)",
        "double_exponential_smoothing(x[5m], 0.5, 0.5)",
        "histogram_fraction(0, 1, x)",
        "histogram_quantile(0.5, x)",
        "histogram_quantiles(x, \"q\", 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)",
        "info(x, {a=\"b\"})",
        "label_join(x, \"a\", \",\")",
        "label_join(x, \"a\", \",\", \"b\", \"c\")",
        "label_replace(x, \"a\", \"$1\", \"b\", \"(.*)\")",
        "max_of(1, 2)",
        "min_of(1, 2)",
        "predict_linear(x[5m], 60)",
        "quantile_over_time(0.5, x[5m])",
        "round(x, 5)",
        "sort_by_label(x, \"a\", \"b\")",
        "sort_by_label_desc(x, \"a\")",
        "vector(1)",
    ];
    let calls = |names: &str, arg: &str| {
        names.split(' ').map(|name| format!("{name}({arg})")).collect::<Vec<_>>()
    };
    let all = [calls(instant, "x"), calls(range, "x[5m]"), calls(nothing, "")];
    let all: Vec<String> = all.concat().into_iter().chain(others.map(str::to_owned)).collect();
    all.iter().for_each(|call| prints(call, call));
    let is_tried = |name: &str| all.iter().any(|call| call.starts_with(&format!("{name}(")));
    assert!(promql::FUNCTIONS.iter().all(|function| is_tried(function.name)));
    let returns = |query: &str| read(query).value_type();
    for call in calls("end pi range start step time", "") {
        assert_eq!(returns(&call), ValueType::Scalar, "{call}");
    }
    assert_eq!(returns("scalar(x)"), ValueType::Scalar);
    assert_eq!(returns("min_of(1, 2) + max_of(3, 4)"), ValueType::Scalar);
    assert_eq!(returns("year()"), ValueType::Vector);
    let experimental = promql::FUNCTIONS.iter().filter(|function| function.is_experimental);
    assert_eq!(experimental.count(), 18);
}

#[test]
fn info_takes_matchers_alone() {
    prints("info(x, {a=~\".*\"})", "info(x, {a=~\".*\"})");
    prints("info(x, {__name__=~\".+_info\"})", "info(x, {__name__=~\".+_info\"})");
    prints("info(x, {})", "info(x, {})");
}

#[test]
fn blanks_and_comments_stand_anywhere() {
    prints(
        "# first\n sum # how\r by\t(a # which\n)\n(x{ # one\n a='1' }) # last",
        "sum by (a) (x{a=\"1\"})",
    );
}

#[test]
fn every_expression_has_a_type() {
    use ValueType::{Matrix, Scalar, Text, Vector};
    for (query, wanted) in [
        ("1 + 2 * -(3)", Scalar),
        ("time() - start()", Scalar),
        ("'a'", Text),
        ("('a')", Text),
        ("-x", Vector),
        ("1 + x", Vector),
        ("x or y", Vector),
        ("vector(1)", Vector),
        ("sum(x)", Vector),
        ("x[5m]", Matrix),
        ("(x[5m:])", Matrix),
        ("1 </ 5", Scalar),
    ] {
        assert_eq!(read(query).value_type(), wanted, "{query}");
    }
}

#[test]
fn nodes_span_the_bytes_they_were_read_from() {
    let query = " - sum by (a) (x{a='1'} offset 5m) + on(b) # c\n rate(y[5m] @ 3)";
    let text = |expr: &Expr| &query[expr.span().start..expr.span().end];
    let expr = read(query);
    let mut texts = Vec::new();
    expr.walk(&mut |expr| texts.push(text(expr)));
    let wanted = [
        query.trim_start(),
        "- sum by (a) (x{a='1'} offset 5m)",
        "sum by (a) (x{a='1'} offset 5m)",
        "x{a='1'} offset 5m",
        "rate(y[5m] @ 3)",
        "y[5m] @ 3",
    ];
    assert_eq!(texts, wanted);
    let spans = |query: &str| read(query).span();
    assert_eq!(spans(" sum(x) by (a) "), promql::Span::new(1, 14));
    assert_eq!(spans(" x anchored "), promql::Span::new(1, 11));
    assert_eq!(spans("(1)"), promql::Span::new(0, 3));
    assert_eq!(spans("x { a = '1' } "), promql::Span::new(0, 13));
    assert_eq!(spans("x[5m] offset step() "), promql::Span::new(0, 19));
}

#[test]
fn selectors_know_their_times() {
    let Expr::Vector(node) = read("x @ 1.2345 smoothed offset -90s") else { panic!("no selector") };
    assert_eq!(node.at, Some(At::Time { ms: 1235 }));
    assert_eq!(node.extension, Some(Extension::Smoothed));
    assert_eq!(node.offset, Length::Fixed { ns: -90_000_000_000 });
    let Expr::Subquery(node) = read("x[1h:] @ end()") else { panic!("no subquery") };
    assert_eq!((node.at, node.step), (Some(At::End), None));
}
