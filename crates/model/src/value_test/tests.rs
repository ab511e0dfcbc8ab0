use proptest::prelude::*;

use super::{PLAIN_REGEX_BYTES_MAX, REGEX_BYTES_MAX, RegexError, ValueTest};

fn test(source: &str) -> ValueTest {
    ValueTest::regex(source).unwrap()
}

/// How the expression is answered, and what an index learns from it.
fn check(source: &str, form: &str, prefix: &str) {
    let test = test(source);
    let found = match &test.form {
        super::Form::Literals(values) => values.join(","),
        super::Form::Gaps(_) => "gaps".to_owned(),
        super::Form::Regex(_) => "regex".to_owned(),
    };
    assert_eq!((found.as_str(), test.prefix().unwrap_or_default()), (form, prefix), "{source}");
}

#[test]
fn lists_of_values_are_recognised() {
    check("", "", "");
    check("a", "a", "a");
    check("b|a|b", "a,b", "");
    check("web-1|web-2|", ",web-1,web-2", "");
    check(r"(10\.0\.0\.1:9100|10\.0\.0\.2:9100)", "10.0.0.1:9100,10.0.0.2:9100", "10.0.0.");
    check("(?:a|b)-[12]", "a-1,a-2,b-1,b-2", "");
    check("(?i)up", "UP,Up,uP,up", "");
    check("ab?", "a,ab", "a");
}

#[test]
fn texts_with_gaps_are_recognised() {
    check(".*", "gaps", "");
    check(".+", "gaps", "");
    check("(api-.*)", "regex", "api-");
    check("api-.*", "gaps", "api-");
    check("api-.+-x", "gaps", "api-");
    check(".*time.*", "gaps", "");
    check("a.*time.*b", "gaps", "a");
    check(".+time.+", "gaps", "");
    check(".+-.*12-.+", "gaps", "");
    check("a.*b.+c.*d", "gaps", "a");
    check("a.*.*b", "gaps", "a");
    // Two characters may be more than two bytes.
    check("a.+.+b", "regex", "a");
}

#[test]
fn the_rest_is_an_expression_behind_its_prefix() {
    check("node_(cpu|memory)_[a-z]+", "regex", "node_");
    check("über[ßs]+", "regex", "über");
    // The two begin with the same byte of different characters.
    check("ä.?|ö.?", "regex", "");
    check("a\\b", "regex", "a");
}

#[test]
fn what_any_value_answers_is_known_without_asking() {
    assert_eq!(test(".*").of_any_value(), Some(true));
    assert_eq!(test(".+").of_any_value(), Some(true));
    assert_eq!(test("").of_any_value(), Some(false));
    assert_eq!(test("a|").of_any_value(), None);
    assert_eq!(test("a.*").of_any_value(), None);
}

#[test]
fn the_whole_value_must_match() {
    assert!(!test("b").matches("abc"));
    assert!(!test("b[x-z]*").matches("abx"));
    assert!(!test("a|b.+").matches("ab1"));
    assert!(test("a|b.+").matches("b1"));
    assert!(test("^a.c$").matches("abc"));
    assert!(test("a.c").matches("a\nc"), "a dot matches a line feed");
    assert!(!test("ab.*ba").matches("aba"), "two texts do not share a character");
    assert!(!test(".+").matches(""));
}

#[test]
fn an_expression_cannot_leave_its_anchors() {
    assert!(matches!(ValueTest::regex("a)|(b"), Err(RegexError::Syntax { .. })));
    assert!(matches!(ValueTest::regex("(?x)a[b]* #"), Err(RegexError::Syntax { .. })));
}

#[test]
fn what_is_too_much_is_refused_with_the_reason() {
    let long = "a".repeat(PLAIN_REGEX_BYTES_MAX + 1);
    let error = ValueTest::regex(&long).unwrap_err();
    let text = "regular expression of 65537 bytes: at most 65536 are allowed";
    assert_eq!(error.to_string(), text);
    let list = "a|".repeat(REGEX_BYTES_MAX);
    assert!(ValueTest::regex(&list).is_ok());
    assert!(matches!(ValueTest::regex(&format!("{list}.")), Err(RegexError::Long { .. })));
    let error = ValueTest::regex(r"((\w{100}){100}){100}").unwrap_err();
    assert!(matches!(error, RegexError::Large { .. }), "{error}");
    let error = ValueTest::regex("a(b").unwrap_err().to_string();
    assert_eq!(error, r#"invalid regular expression "a(b": unclosed group at byte 1"#);
    assert!(ValueTest::regex(&"(".repeat(10_000)).is_err());
    assert!(ValueTest::regex(&format!("{}{}", "(".repeat(5_000), ")".repeat(5_000))).is_err());
}

/// Expressions of all forms over a few characters.
fn any_source() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a", "b", "ab", "ü", ".", ".*", ".+", "|", "a?", "[ab]", "[^a]", "(a|b)", "(?i)a", "\\.",
        "^", "$", "(a|)", "b*", "()", "\\b", "(.*)",
    ]);
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_form_answers_as_the_plain_expression(
        source in any_source(),
        values in prop::collection::vec("[abBü.\n]{0,6}", 8),
    ) {
        let plain = regex::Regex::new(&format!("^(?s:{})$", super::translated(&source)));
        let Ok(plain) = plain else {
            prop_assert!(ValueTest::regex(&source).is_err());
            return Ok(());
        };
        let test = test(&source);
        prop_assert_eq!(test.matches_empty(), plain.is_match(""));
        for value in values.iter().map(String::as_str).chain(["", "a", "ab"]) {
            let expected = plain.is_match(value);
            prop_assert_eq!(test.matches(value), expected, "{} of {}", value, source);
            let prefix = test.prefix().unwrap_or_default();
            prop_assert!(!expected || value.starts_with(prefix), "{} begins {}", value, prefix);
            if let Some(answer) = test.of_any_value() {
                prop_assert!(value.is_empty() || expected == answer);
            }
            if let Some(literals) = test.literals() {
                prop_assert_eq!(literals.contains(&value.to_owned()), expected);
            }
        }
    }

    #[test]
    fn any_text_is_compiled_or_refused(source in any::<String>()) {
        let _ = ValueTest::regex(&source);
    }
}
