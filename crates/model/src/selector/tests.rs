use super::parse_selector;
use crate::{METRIC_NAME, MatchOp, Matcher};

fn parsed(text: &str) -> Vec<Matcher> {
    parse_selector(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn metric(name: &str) -> Matcher {
    Matcher::equal(METRIC_NAME, name)
}

#[test]
fn reads_names_matchers_blanks_and_a_last_comma() {
    assert_eq!(parsed("up"), [metric("up")]);
    assert_eq!(parsed(" job:up:rate5m {} "), [metric("job:up:rate5m")]);
    let both = [metric("up"), Matcher::equal("a", "b"), Matcher::not_equal("c", "d")];
    assert_eq!(parsed("up{a=\"b\",c!=\"d\"}"), both);
    assert_eq!(parsed(" up { a = 'b' ,\n c != `d` , } "), both);
    assert_eq!(parsed("{__name__=\"up\"}"), [metric("up")]);
    assert_eq!(
        parsed("{\"my metric\",\"a b\"=\"c\"}"),
        [metric("my metric"), Matcher::equal("a b", "c")]
    );
}

#[test]
fn reads_the_escapes_of_go() {
    let value = |text: &str| parsed(&format!("{{a={text}}}")).remove(0).value().to_owned();
    assert_eq!(value(r#""\a\b\f\n\r\t\v\\\"""#), "\u{7}\u{8}\u{c}\n\r\t\u{b}\\\"");
    assert_eq!(value(r"'\''"), "'");
    assert_eq!(value(r#""\x41\101é\U0001F600\xc3\xa9""#), "AAé😀é");
    assert_eq!(value(r"`\n`"), "\\n");
    assert_eq!(value("\"ü}\""), "ü}");
}

#[test]
fn an_error_names_its_place() {
    let check = |text: &str, position: usize, reason: &str| {
        let error = parse_selector(text).unwrap_err();
        assert_eq!((error.position, error.reason.as_str()), (position, reason), "{text}");
    };
    check("", 1, "expected a metric name or {, found the end");
    check("{}", 1, "at least one matcher must not match the empty text");
    check("{a!=\"b\"}", 1, "at least one matcher must not match the empty text");
    check("{a=\"\"}", 1, "at least one matcher must not match the empty text");
    check("up{", 4, "expected a label name or }, found the end");
    check("up{a}", 5, "expected one of = != =~ !~, found '}'");
    check("up{a=b}", 6, "expected a quoted text, found 'b'");
    check("up{a=\"b}", 6, "this quote is not closed");
    check("up{a=\"\\z\"}", 7, "unknown escape");
    check("up{a=\"\\x+1\"}", 7, "unknown escape");
    check("up{a=\"\\ud800\"}", 7, "unknown escape");
    check("up{a=\"\\400\"}", 7, "unknown escape");
    check("up{a=\"\\xff\"}", 6, "the text is not UTF-8");
    check("up{a=\"b\nc\"}", 8, "a line ends within quotes");
    check("up{a=\"b\" c=\"d\"}", 10, "expected , or }, found 'c'");
    check("up{,}", 4, "expected a label name or }, found ','");
    check("up{__name__=\"x\"}", 4, "the metric name is given before the brace already");
    check("up{a=\"ü\"}x", 10, "expected the end, found 'x'");
    check("up[5m]", 3, "expected the end, found '['");
    check("up{a=~\"(\"}", 7, &Matcher::regex("a", "(").unwrap_err().to_string());
    check("1up", 1, "expected a metric name or {, found '1'");
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    assert!(parse_selector(&format!("up{{a=\"{}\"}}", "x".repeat(70_000))).is_err());
}

#[test]
fn any_text_is_a_selector_or_a_mistake_within_it() {
    let signs = ["a", "{", "}", "=", "!", "~", ",", "\"", "'", "`", "\\", "x", "u", "7", " ", "é"];
    // A linear congruential generator, Numerical Recipes' constants.
    let mut state = 1_u32;
    let mut next = |end: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % end
    };
    for _ in 0..20_000 {
        let n_signs = next(14);
        let text: String = (0..n_signs).map(|_| signs[next(signs.len())]).collect();
        if let Err(error) = parse_selector(&text) {
            assert!((1..=text.chars().count() + 1).contains(&error.position), "{text}");
        }
    }
}

#[test]
fn numbers_of_operators_stay() {
    let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Match, MatchOp::NoMatch];
    assert_eq!(ops.map(MatchOp::number), [0, 1, 2, 3]);
    assert!(ops.iter().all(|op| MatchOp::from_number(op.number()) == Some(*op)));
    for number in 0..=255 {
        let op = MatchOp::from_number(number);
        assert!(op.is_none_or(|op| op.number() == number));
    }
}
