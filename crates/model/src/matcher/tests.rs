use std::collections::HashSet;

use super::{MatchOp, Matcher};
use crate::Labels;

#[test]
fn an_absent_label_is_the_empty_value() {
    let labels = Labels::new([("job", "api")]).unwrap();
    let met = |op, name: &str, value: &str| Matcher::new(name, op, value).unwrap().matches(&labels);
    assert!(met(MatchOp::Equal, "none", "") && !met(MatchOp::Equal, "job", ""));
    assert!(met(MatchOp::NotEqual, "none", "x") && met(MatchOp::NotEqual, "job", ""));
    assert!(met(MatchOp::Match, "none", "x|") && !met(MatchOp::Match, "none", ".+"));
    assert!(met(MatchOp::NoMatch, "none", "x.+") && !met(MatchOp::NoMatch, "none", ".*"));
    assert!(met(MatchOp::Match, "job", "a.i") && !met(MatchOp::NoMatch, "job", "a.i"));
    assert!(!met(MatchOp::Match, "job", "a") && met(MatchOp::NoMatch, "job", "a"));
}

#[test]
fn matchers_are_the_same_when_they_read_the_same() {
    let regex = |source: &str| Matcher::regex("job", source).unwrap();
    let matchers = [
        regex("a.+"),
        regex("a.+"),
        Matcher::not_regex("job", "a.+").unwrap(),
        Matcher::equal("job", "a.+"),
        regex("a..*"),
    ];
    assert_eq!(matchers[0], matchers[1]);
    assert_eq!(HashSet::from(matchers).len(), 4);
}
