//! What is refused, where, and in which words: those of Prometheus, which tools and people know.

use promql::{Span, parse, parse_selector};

/// Each line is a query, three blanks or more, and what is said of it.
#[track_caller]
fn check(lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (query, wanted) = line.split_once("   ").expect("a query and what is said of it");
        let found = match parse(query) {
            Ok(expr) => format!("read as {expr}"),
            Err(error) => error.to_string().replace("parse error: ", ""),
        };
        assert_eq!(found, wanted.trim(), "{query}");
    }
}

#[test]
fn lexical_mistakes() {
    check(
        r#"
        0x1e            1:1: bad number or duration syntax: "0x1e"
        1__0            1:1: bad number or duration syntax: "1__"
        1_              1:1: bad number or duration syntax: "1_"
        1e              1:1: bad number or duration syntax: "1e"
        0b1             1:1: bad number or duration syntax: "0"
        0x1.8           1:1: bad number or duration syntax: "0x1."
        0x1p4           1:1: bad number or duration syntax: "0x1"
        1e400           1:1: error parsing number: strconv.ParseFloat: parsing "1e400": value out of range
        0x              1:1: error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax
        1.5h            1:1: unknown unit "." in duration "1.5h"
        3h2ss           1:1: unknown unit "ss" in duration "3h2ss"
        3h2hs           1:1: unknown unit "hs" in duration "3h2hs"
        1s1s            1:1: not a valid duration string: "1s1s"
        300y            1:1: duration out of range
        'a              1:1: unterminated quoted string
        `a              1:1: unterminated raw string
        "\'"            1:1: unknown escape sequence U+0027 '''
        "\x0"           1:1: illegal character U+0022 '"' in escape sequence
        "\x             1:1: escape sequence not terminated
        "\400"          1:1: escape sequence is an invalid Unicode code point
        "\ud800"        1:1: escape sequence is an invalid Unicode code point
        "a�"            1:1: invalid UTF-8 rune
        x ! y           1:3: unexpected character after '!': ' '
        x !             1:3: unexpected character after '!': '�'
        x{a!b}          1:4: unexpected character after '!' inside braces: 'b'
        x{{             1:3: unexpected left brace '{'
        x{a:b="c"}      1:4: unexpected character inside braces: ':'
        $               1:1: unexpected character: '$'
        x é             1:3: unexpected character: 'é'
        x)              1:3: unexpected right parenthesis ')'
        x]              1:2: unexpected right bracket ']'
        x[5m            1:5: unclosed left bracket
        x[              1:3: unexpected end of input in duration expression
        x[5m[           1:5: unexpected left bracket '['
        x[5m:1m:        1:8: unexpected colon ':'
        x["a"]          1:3: unexpected character in duration expression: '"'
        x[[             1:3: unexpected character in duration expression: '['
        x[:5m]          1:4: unexpected colon before duration in duration expression
        x[5m }]         1:6: unexpected character: '}'
        x[5m y]         1:6: unexpected character: 'y', expected ':'
        x[()]           1:4: unexpected ")" in subquery or range selector, expected number, duration, step(), or range()
        x[a]            1:3: unexpected character in duration expression: 'a'
        "#,
    );
}

#[test]
fn tokens_in_the_wrong_place() {
    check(
        r#"
        x y                  1:3: unexpected identifier "y"
        x a:b                1:3: unexpected metric identifier "a:b"
        x 5                  1:3: unexpected number "5"
        x 5m                 1:3: unexpected duration "5m"
        x "0123456789"       1:3: unexpected string "\"012345678"...
        x bool y             1:3: unexpected <bool>
        x sum                1:3: unexpected <aggr:sum>
        x start              1:3: unexpected "start"
        x = y                1:3: unexpected "="
        on                   1:1: unexpected <on>
        bool                 1:1: unexpected <bool>
        ignoring             1:1: unexpected <ignoring>
        group_right          1:1: unexpected <group_right>
        atan2                1:1: unexpected <op:atan2>
        fill(1)              1:1: unexpected <fill>
        a:b(x)               1:4: unexpected "("
        x + group_left y     1:5: unexpected <group_left>
        x + on y             1:8: unexpected identifier "y" in grouping opts, expected "("
        x + on () group_left         1:21: unexpected end of input in grouping opts, expected "("
        x + on () group_left * y     1:22: unexpected <op:*> in grouping opts, expected "("
        x + on (a b) y       1:11: unexpected identifier "b" in grouping opts, expected "," or ")"
        x + on (without) y   1:9: unexpected <without> in grouping opts, expected label
        x + on (1) y         1:9: unexpected number "1" in grouping opts, expected label
        x + fill_left(1) fill_left(2) y   1:18: unexpected <fill_left>
        x + fill(1) fill_left(2) y   1:13: unexpected <fill_left>
        x + fill(y) z        1:10: unexpected identifier "y"
        sum by ("") (x)      1:9: invalid label name for grouping: ""
        sum by (a) x         1:12: unexpected identifier "x" in aggregation
        sum(x y)             1:7: unexpected identifier "y" in aggregation
        sum(rate(x y))       1:12: unexpected identifier "y" in aggregation
        sum(x) y             1:8: unexpected identifier "y"
        rate(x y)            1:8: unexpected identifier "y"
        rate(x,)             1:7: trailing commas not allowed in function call args
        rate(x,,x)           1:7: trailing commas not allowed in function call args
        rate(,)              1:6: unexpected ","
        x{,}                 1:3: unexpected "," in label matching, expected identifier or "}"
        x{a="b" c="d"}       1:9: unexpected identifier "c" in label matching, expected "," or "}"
        x{a}                 1:4: unexpected "}" in label matching, expected label matching operator
        x{a=~}               1:6: unexpected "}" in label matching, expected string
        x offset y           1:10: unexpected identifier "y" in offset, expected number, duration, step(), or range()
        x offset (5m y)      1:14: unexpected identifier "y" in offset, expected number, duration, step(), or range()
        x @ y                1:5: unexpected identifier "y" in @, expected timestamp
        x @ start            1:10: unexpected end of input in @, expected timestamp
        x[5m{                1:5: unexpected "{" in subquery or range, expected ":" or "]"
        x[5m 5m]             1:6: unexpected duration "5m" in subquery or range, expected ":" or "]"
        x[5m+]               1:6: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()
        x[5m:)]              1:7: unexpected right parenthesis ')'
        x[5m:*]              1:6: unexpected <op:*> in subquery selector, expected number, duration, step(), range(), or "]"
        x[5m:1m 1m]          1:9: unexpected duration "1m" in subquery selector, expected "]"
        x @@                 1:4: unexpected <op:@> in @, expected timestamp
        "#,
    );
}

#[test]
fn modifiers_that_do_not_fit() {
    check(
        r#"
        (x) offset 5m              1:1: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery
        1 @ 2                      1:1: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery
        y + x offset 1m offset 1m    1:5: offset may not be set multiple times
        x offset step() offset 1m    1:1: offset may not be set multiple times
        x @ 1 @ 2                  1:1: @ <timestamp> may not be set multiple times
        x @ end() @ 2              1:1: @ <timestamp> may not be set multiple times
        x @ 1e30                   1:1: timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000
        x @ -Inf                   1:1: timestamp out of bounds for @ modifier: -Inf
        x offset 1m [5m]           1:13: no offset modifiers allowed before range
        x @ 1 [5m]                 1:7: no @ modifiers allowed before range
        x[5m][5m]                  1:6: ranges only allowed for vector selectors
        x anchored smoothed        1:1: anchored and smoothed modifiers cannot be used together
        x[5m:] anchored            1:1: anchored modifier is not supported for subqueries
        1 + sum(x) smoothed        1:5: smoothed modifier not implemented
        x[-5]                      1:3: duration must be greater than 0
        x[5m:0]                    1:6: duration must be greater than 0
        x[NaN]                     1:3: unexpected character in duration expression: 'N'
        x offset Inf               1:10: duration out of range
        x offset NaN               1:10: duration out of range
        x offset -1e10             1:10: duration out of range
        x[1/0]                     1:4: division by zero
        x[5m:1%-0]                 1:7: modulo by zero
        "#,
    );
}

#[test]
fn parts_that_do_not_fit_together() {
    check(
        r#"
        unknown(x)                     1:1: unknown function with name "unknown"
        Rate(x[5m])                    1:1: unknown function with name "Rate"
        STEP()                         1:1: unknown function with name "STEP"
        abs()                          1:1: expected 1 argument(s) in call to "abs", got 0
        abs(x, y)                      1:1: expected 1 argument(s) in call to "abs", got 2
        round()                        1:1: expected at least 1 argument(s) in call to "round", got 0
        round(x, 1, 2)                 1:1: expected at most 2 argument(s) in call to "round", got 3
        label_join(x, "a")             1:1: expected at least 3 argument(s) in call to "label_join", got 2
        sort_by_label(x, "a", 1)       1:23: expected type string in call to function "sort_by_label", got scalar
        histogram_quantiles(x, "q")    1:1: expected at least 3 argument(s) in call to "histogram_quantiles", got 2
        rate(x)                        1:6: expected type range vector in call to function "rate", got instant vector
        abs(x[5m])                     1:5: expected type instant vector in call to function "abs", got range vector
        sum(1)                         1:5: expected type instant vector in aggregation expression, got scalar
        topk("a", x)                   1:6: expected type scalar in aggregation parameter, got string
        topk(x)                        1:1: wrong number of arguments for aggregate expression provided, expected 2, got 1
        sum(x, y)                      1:1: wrong number of arguments for aggregate expression provided, expected 1, got 2
        sum()                          1:1: no arguments for aggregate expression provided
        -"a"                           1:1: unary expression only allowed on expressions of type scalar or instant vector, got "string"
        1 + x[5m]                      1:5: binary expression must contain only scalar and instant vector types
        "a" == 1                       1:1: binary expression must contain only scalar and instant vector types
        1 </ bool 5                    1:3: bool modifier can only be used on comparison operators
        1 + fill(0) x                  1:1: filling in missing series only allowed between instant vectors
        x and fill(0) y                1:1: filling in missing series not allowed for set operators
        x and ignoring(a) group_left y   1:1: no grouping allowed for "and" operation
        1 + on(a) x                    1:1: vector matching only allowed between instant vectors
        x{__name__="y"}                1:1: metric name must not be set twice: "x" or "y"
        x{"y"}                         1:1: metric name must not be set twice: "x" or "y"
        {a=~".*",b!="c"}               1:1: vector selector must contain at least one non-empty matcher
        1[5m:]                         1:1: subquery is only allowed on instant vector, got scalar instead
        x[5m][5m:]                     1:1: subquery is only allowed on instant vector, got matrix instead
        info(x, y)                     1:9: expected label selectors only, got vector selector instead
        info(1, x)                     1:9: expected label selectors only, got vector selector instead
        info(1, {a="b"})               1:6: expected type instant vector in call to function "info", got scalar
        info(x, 1)                     1:1: expected type instant vector in call to function "info", got scalar
        info(x, 1 + 1)                 1:1: expected type instant vector in call to function "info", got scalar
        info(x, ({a="b"}))             1:9: expected label selectors only
        "#,
    );
}

#[test]
fn the_first_mistake_is_told() {
    // The second argument is wrong too, and the name is found unknown only behind it.
    assert!(parse("unknown(x{a})").unwrap_err().message.contains("label matching"));
    assert!(parse("rate(abs(1))").unwrap_err().message.contains("\"abs\""));
    assert!(parse("sum(x) $").unwrap_err().message.contains("unexpected character"));
    assert!(parse("unknown(x) $").unwrap_err().message.contains("unknown function"));
}

#[test]
fn the_place_is_counted_in_lines_and_bytes() {
    let error = parse("sum(x)\n  # é (\n + é").unwrap_err();
    assert_eq!(error.to_string(), "3:4: parse error: unexpected character: 'é'");
    let error = parse("'é' + +").unwrap_err();
    assert_eq!(error.to_string(), "1:9: parse error: unexpected end of input");
    let error = parse("up{a}").unwrap_err();
    assert_eq!((error.span, error.place.unwrap().column), (Span::new(4, 5), 5));
    assert_eq!(parse("").unwrap_err().place, None);
    let blank = parse(" # nothing").unwrap_err();
    assert_eq!(blank.to_string(), "1:1: parse error: no expression found in input");
}

#[test]
fn a_regular_expression_that_is_none_is_told_with_its_matcher() {
    let error = parse("x{a=\"b\", c=~\"(\"}").unwrap_err();
    assert_eq!(error.span, Span::new(9, 15));
    assert!(error.message.contains("regular expression"), "{error}");
}

#[test]
fn a_selector_alone_has_no_times() {
    let matchers = parse_selector("x{a=\"b\"}").unwrap();
    assert_eq!(matchers.len(), 2);
    assert!(parse_selector("{}").unwrap().is_empty());
    for wrong in ["", "x[5m]", "x offset 5m", "x + y", "1", "(x)", "x{a}"] {
        assert!(parse_selector(wrong).is_err(), "{wrong}");
    }
}
