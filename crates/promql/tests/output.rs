//! What a tree becomes: lines that people read, JSON that programs read, lengths that evaluation
//! computes with.

use expect_test::{Expect, expect};
use promql::ast::{Expr, Length};
use promql::{LengthError, QueryTimes, parse, pretty, to_json};

#[track_caller]
fn read(query: &str) -> Expr {
    parse(query).unwrap_or_else(|error| panic!("{query}: {error}"))
}

#[track_caller]
fn prettily(query: &str, wanted: &Expect) {
    let text = pretty(&read(query));
    wanted.assert_eq(&text);
    assert_eq!(pretty(&read(&text)), text, "it is read back");
}

#[test]
fn what_fits_a_line_stays_on_it() {
    prettily("sum( x )+1", &expect!["sum(x) + 1"]);
    let hundred = format!("x + {}", "y".repeat(96));
    assert_eq!(pretty(&read(&hundred)), hundred);
    prettily(
        &format!("{hundred}y"),
        &expect![[r"
              x
            +
              yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"]],
    );
}

#[test]
fn what_is_longer_is_split_at_every_level_that_is_too_long() {
    let query = "histogram_quantile(0.99, sum by (le, job) (rate(http_request_duration_seconds_bucket\
                 {job=\"a\",instance=~\"very-long-name-of-an-instance.*\",method=\"GET\"}[5m]))) \
                 > bool on (job) group_left (owner) -(max without (le) (limit_seconds) or topk(3, \
                 abs(other_limit_seconds{job=~\"one|two|three|four|five|six|seven|eight|nine\"})))";
    prettily(
        query,
        &expect![[r#"
              histogram_quantile(
                0.99,
                sum by (le, job) (
                  rate(
                    http_request_duration_seconds_bucket{instance=~"very-long-name-of-an-instance.*",job="a",method="GET"}[5m]
                  )
                )
              )
            > bool on (job) group_left (owner)
              -(
                  max without (le) (limit_seconds)
                or
                  topk(3, abs(other_limit_seconds{job=~"one|two|three|four|five|six|seven|eight|nine"}))
              )"#]],
    );
}

#[test]
fn a_subquery_carries_its_times_behind_what_is_split() {
    let query = "max_over_time(sum(rate(a_metric_with_a_long_name_total{job=\"a long name of a job\"}[5m]) \
                 / another_metric_with_a_long_name)[1h:5m] @ end() offset 5m)";
    prettily(
        query,
        &expect![[r#"
            max_over_time(
              sum(
                  rate(a_metric_with_a_long_name_total{job="a long name of a job"}[5m])
                /
                  another_metric_with_a_long_name
              )[1h:5m] @ end() offset 5m
            )"#]],
    );
}

#[track_caller]
fn json(query: &str, wanted: &Expect) {
    let value: serde_json::Value =
        serde_json::from_str(&to_json(&read(query))).expect("it is JSON");
    wanted.assert_eq(&value.to_string());
}

#[test]
fn nodes_are_json_objects() {
    json(
        "-topk(2, x{a!~'<'} @ 1.5 offset 5m) by (a)",
        &expect![[
            r#"{"expr":{"expr":{"anchored":false,"matchers":[{"name":"a","type":"!~","value":"<"},{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":300000,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":1500,"type":"vectorSelector"},"grouping":["a"],"op":"topk","param":{"type":"numberLiteral","val":"2"},"type":"aggregation","without":false},"op":"-","type":"unaryExpr"}"#
        ]],
    );
    json(
        "(rate(x[1m+(5)] smoothed) >= bool on(a) group_left(b) fill_right(-1) y)",
        &expect![[
            r#"{"expr":{"bool":true,"lhs":{"args":[{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"range":0,"rangeExpr":{"lhs":{"duration":true,"type":"numberLiteral","val":"60"},"op":"+","rhs":{"lhs":null,"op":"+","rhs":{"duration":false,"type":"numberLiteral","val":"5"},"type":"durationExpr","wrapped":true},"type":"durationExpr","wrapped":false},"smoothed":true,"startOrEnd":null,"timestamp":null,"type":"matrixSelector"}],"func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"},"matching":{"card":"many-to-one","fillValues":{"lhs":null,"rhs":-1},"include":["b"],"labels":["a"],"on":true},"op":">=","rhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"y"}],"name":"y","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"},"type":"parenExpr"}"#
        ]],
    );
    json(
        "label_join(max_over_time(x[1h:step()] @ end() offset -min_of(range(), 5)), '\\xff\"\\n', '', 'b')",
        &expect![[
            r#"{"args":[{"args":[{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"offset":0,"offsetExpr":{"lhs":null,"op":"-","rhs":{"lhs":{"lhs":null,"op":"range","rhs":null,"type":"durationExpr","wrapped":false},"op":"min_of","rhs":{"duration":false,"type":"numberLiteral","val":"5"},"type":"durationExpr","wrapped":false},"type":"durationExpr","wrapped":false},"range":3600000,"rangeExpr":null,"startOrEnd":"end","step":0,"stepExpr":{"lhs":null,"op":"step","rhs":null,"type":"durationExpr","wrapped":false},"timestamp":null,"type":"subquery"}],"func":{"argTypes":["matrix"],"name":"max_over_time","returnType":"vector","variadic":0},"type":"call"},{"type":"stringLiteral","val":"�\"\n"},{"type":"stringLiteral","val":""},{"type":"stringLiteral","val":"b"}],"func":{"argTypes":["vector","string","string","string"],"name":"label_join","returnType":"vector","variadic":-1},"type":"call"}"#
        ]],
    );
    json(
        "1 + fill",
        &expect![[
            r#"{"bool":false,"lhs":{"type":"numberLiteral","val":"1"},"matching":null,"op":"+","rhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"fill"}],"name":"fill","offset":0,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}"#
        ]],
    );
}

#[test]
fn json_escapes_what_a_page_could_trip_over() {
    let text = to_json(&read("x{a=\"</script>&\\u2028\\x01\"}"));
    assert!(text.contains(r"\u003c/script\u003e\u0026\u2028\u0001"), "{text}");
    let infinite = to_json(&read("x + fill(Inf) y"));
    assert!(infinite.contains(r#""fillValues":{"lhs":"+Inf","rhs":"+Inf"}"#), "{infinite}");
}

/// The range of `x[..]`, milliseconds, in a query from 50 s to 60 s by 5 s.
fn range_ms(range: &str) -> Result<i64, LengthError> {
    match read(&format!("x[{range}]")) {
        Expr::Matrix(node) => {
            node.range.positive_ms(QueryTimes { step_ms: 5_000, range_ms: 10_000 })
        }
        _ => panic!("no range"),
    }
}

#[test]
fn lengths_are_computed_when_times_are_known() {
    for (range, wanted) in [
        ("5m", 300_000),
        ("0.0019", 1),
        ("26m+4m", 1_800_000),
        ("((((8 - 2) / 3) * 7s) % 4) + 8000ms", 10_000),
        ("step()*2", 10_000),
        ("range()", 10_000),
        ("-2^2+5", 1_000),
        ("2^3^2", 512_000),
        ("min_of(step(),1h)+max_of(1s,2)", 7_000),
        ("1+(STEP()-5)*2", 1_000),
        ("-(-5)", 5_000),
    ] {
        assert_eq!(range_ms(range), Ok(wanted), "{range}");
    }
    let Expr::Vector(node) = read("x offset -(1^2)") else { panic!("no selector") };
    assert_eq!(node.offset.ms(QueryTimes::default()), Ok(-1_000));
    assert_eq!(Length::Fixed { ns: -1_999_999 }.ms(QueryTimes::default()), Ok(-1));
}

#[test]
fn lengths_that_cannot_be_computed_are_told_with_their_bytes() {
    for (range, wanted) in [
        ("step()-5", "2:10: duration must be greater than 0"),
        ("1+5/(step()-5)", "4:15: division by zero"),
        ("5%(0)", "2:7: modulo by zero"),
        ("(-1)^0.5", "2:10: duration is NaN or infinite"),
        ("1e9*100", "2:9: duration is out of range"),
    ] {
        assert_eq!(range_ms(range).unwrap_err().to_string(), wanted, "{range}");
    }
}
