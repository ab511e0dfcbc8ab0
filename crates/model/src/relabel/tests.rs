use proptest::prelude::*;

use super::{LABELS_MAX, RelabelAction, RelabelRule, RelabelSettings, Relabeling, TEXT_BYTES_MAX};
use crate::Labels;

/// A rule in words: `action source,labels key=value ...`.
fn settings(words: &[(&str, &str)]) -> RelabelSettings {
    let mut settings = RelabelSettings::default();
    for (key, value) in words {
        let value = (*value).to_owned();
        match *key {
            "action" => settings.action = RelabelAction::of_word(&value).unwrap(),
            "source" => settings.source_labels = value.split(',').map(str::to_owned).collect(),
            "separator" => settings.separator = Some(value),
            "regex" => settings.regex = Some(value),
            "modulus" => settings.modulus = Some(value.parse().unwrap()),
            "target" => settings.target_label = Some(value),
            "replacement" => settings.replacement = Some(value),
            other => panic!("{other}"),
        }
    }
    settings
}

fn rule(words: &[(&str, &str)]) -> RelabelRule {
    RelabelRule::new(settings(words)).unwrap()
}

fn apply(rules: Vec<RelabelRule>, labels: &[(&str, &str)]) -> String {
    let given = Labels::new(labels.iter().copied()).unwrap();
    let pairs = given.iter().map(|label| (label.name.as_str(), label.value.as_str()));
    match Relabeling::new(rules).apply(pairs) {
        None => "dropped".to_owned(),
        Some(labels) => {
            let pairs = labels.iter().map(|label| format!("{}={}", label.name, label.value));
            pairs.collect::<Vec<_>>().join(" ")
        }
    }
}

/// What becomes of `a=foo b=bar c=baz`.
#[track_caller]
fn check(words: &[(&str, &str)], expected: &str) {
    let labels = [("a", "foo"), ("b", "bar"), ("c", "baz")];
    assert_eq!(apply(vec![rule(words)], &labels), expected, "{words:?}");
}

#[test]
fn replace_sets_a_label_to_what_was_caught() {
    check(
        &[("source", "a"), ("regex", "f(.*)"), ("target", "d"), ("replacement", "ch${1}-ch${1}")],
        "a=foo b=bar c=baz d=choo-choo",
    );
    check(
        &[
            ("source", "a,b"),
            ("regex", "f(.*);(.*)r"),
            ("target", "a"),
            ("replacement", "b${1}${2}m"),
        ],
        "a=boobam b=bar c=baz",
    );
    check(&[("source", "a"), ("target", "copy")], "a=foo b=bar c=baz copy=foo");
    check(&[("source", "b,a"), ("separator", ""), ("target", "d")], "a=foo b=bar c=baz d=barfoo");
    check(
        &[("source", "a"), ("regex", "(?P<first>f).*"), ("target", "d"), ("replacement", "$first")],
        "a=foo b=bar c=baz d=f",
    );
}

#[test]
fn replace_without_a_match_changes_nothing() {
    check(
        &[("source", "a"), ("regex", "oo"), ("target", "d"), ("replacement", "x")],
        "a=foo b=bar c=baz",
    );
    check(
        &[("source", "a"), ("regex", "bar"), ("target", "a"), ("replacement", "x")],
        "a=foo b=bar c=baz",
    );
}

#[test]
fn replace_by_nothing_removes_the_label() {
    check(&[("source", "a"), ("regex", ".*"), ("target", "b"), ("replacement", "")], "a=foo c=baz");
    check(&[("source", "none"), ("target", "b")], "a=foo c=baz");
    check(&[("target", "b")], "a=foo c=baz");
}

#[test]
fn replace_sets_a_constant_without_a_source() {
    check(&[("target", "env"), ("replacement", "production")], "a=foo b=bar c=baz env=production");
}

#[test]
fn the_target_may_name_groups() {
    check(
        &[("source", "a"), ("regex", "f(.*)"), ("target", "x_$1"), ("replacement", "1")],
        "a=foo b=bar c=baz x_oo=1",
    );
    check(
        &[("source", "a"), ("regex", "foo(.*)"), ("target", "$1"), ("replacement", "1")],
        "a=foo b=bar c=baz",
    );
    check(
        &[("source", "a"), ("regex", "(.*)"), ("target", "ä.$1 b"), ("replacement", "any text")],
        "a=foo b=bar c=baz ä.foo b=any text",
    );
}

#[test]
fn keep_and_drop_look_at_the_whole_value() {
    check(&[("action", "keep"), ("source", "a"), ("regex", "foo")], "a=foo b=bar c=baz");
    check(&[("action", "keep"), ("source", "a"), ("regex", "fo")], "dropped");
    check(&[("action", "keep"), ("source", "none"), ("regex", "x?")], "a=foo b=bar c=baz");
    check(&[("action", "drop"), ("source", "a"), ("regex", "fo")], "a=foo b=bar c=baz");
    check(&[("action", "drop"), ("source", "a"), ("regex", ".*o")], "dropped");
    check(&[("action", "drop"), ("source", "a,b"), ("regex", "foo;bar")], "dropped");
    check(&[("action", "drop"), ("source", "a"), ("regex", "no-match|f|foo")], "dropped");
}

#[test]
fn a_dot_matches_a_line_feed_too() {
    let drop = rule(&[("action", "drop"), ("source", "a"), ("regex", "x.y")]);
    assert_eq!(apply(vec![drop], &[("a", "x\ny")]), "dropped");
}

#[test]
fn keepequal_and_dropequal_compare_labels() {
    let same = [("a", "1"), ("b", "1")];
    let other = [("a", "1"), ("b", "2")];
    let keep = || rule(&[("action", "keepequal"), ("source", "a"), ("target", "b")]);
    let drop = || rule(&[("action", "dropequal"), ("source", "a"), ("target", "b")]);
    assert_eq!(apply(vec![keep()], &same), "a=1 b=1");
    assert_eq!(apply(vec![keep()], &other), "dropped");
    assert_eq!(apply(vec![drop()], &same), "dropped");
    assert_eq!(apply(vec![drop()], &other), "a=1 b=2");
    // An absent label has the empty value.
    check(&[("action", "dropequal"), ("source", "x"), ("target", "y")], "dropped");
}

#[test]
fn hashmod_numbers_are_those_of_prometheus() {
    check(
        &[("action", "hashmod"), ("source", "c"), ("target", "d"), ("modulus", "1000")],
        "a=foo b=bar c=baz d=976",
    );
    check(
        &[("action", "hashmod"), ("source", "a,b"), ("target", "d"), ("modulus", "1")],
        "a=foo b=bar c=baz d=0",
    );
    let line_feeds =
        rule(&[("action", "hashmod"), ("source", "a"), ("target", "d"), ("modulus", "1000")]);
    assert_eq!(apply(vec![line_feeds], &[("a", "foo\nbar")]), "a=foo\nbar d=734");
}

#[test]
fn labelmap_copies_labels_to_other_names() {
    let labels = [("a", "foo"), ("b1", "bar"), ("b2", "baz")];
    let map = |words: &[(&str, &str)]| apply(vec![rule(words)], &labels);
    assert_eq!(
        map(&[("action", "labelmap"), ("regex", "(b.*)"), ("replacement", "bar_$1")]),
        "a=foo b1=bar b2=baz bar_b1=bar bar_b2=baz"
    );
    assert_eq!(map(&[("action", "labelmap"), ("regex", "a(.*)")]), "a=foo b1=bar b2=baz");
    assert_eq!(
        map(&[("action", "labelmap"), ("regex", "b(.)")]),
        "1=bar 2=baz a=foo b1=bar b2=baz"
    );
    let meta = [("__meta_x_y", "1"), ("__meta_z", "2"), ("y", "old")];
    let rule = rule(&[("action", "labelmap"), ("regex", "__meta_x_(.+)")]);
    assert_eq!(apply(vec![rule], &meta), "__meta_x_y=1 __meta_z=2 y=1");
}

#[test]
fn labeldrop_and_labelkeep_look_at_names() {
    check(&[("action", "labeldrop"), ("regex", "[ab]")], "c=baz");
    check(&[("action", "labeldrop"), ("regex", "b.*")], "a=foo c=baz");
    check(&[("action", "labelkeep"), ("regex", "b|c")], "b=bar c=baz");
    check(&[("action", "labelkeep"), ("regex", "none")], "dropped");
}

#[test]
fn cases_are_changed_letter_by_letter() {
    let labels = [("a", "FoO ß ÄÉ İ")];
    let case = |action: &str| {
        apply(vec![rule(&[("action", action), ("source", "a"), ("target", "b")])], &labels)
    };
    assert_eq!(case("lowercase"), "a=FoO ß ÄÉ İ b=foo ß äé i");
    assert_eq!(case("uppercase"), "a=FoO ß ÄÉ İ b=FOO ß ÄÉ İ");
}

#[test]
fn rules_see_what_the_ones_before_them_made() {
    let rules = vec![
        rule(&[("source", "a"), ("regex", "f(.*)"), ("target", "d"), ("replacement", "x$1")]),
        rule(&[("action", "labeldrop"), ("regex", "a")]),
        rule(&[("action", "keep"), ("source", "a,d"), ("regex", ";xoo")]),
        rule(&[("source", "d"), ("target", "__name__")]),
    ];
    let labels = [("__name__", "old"), ("a", "foo")];
    assert_eq!(apply(rules.clone(), &labels), "__name__=xoo d=xoo");
    assert_eq!(apply(rules, &[("a", "bar")]), "dropped");
    assert!(Relabeling::default().is_empty());
    assert_eq!(apply(Vec::new(), &labels), "__name__=old a=foo");
}

#[track_caller]
fn refused(words: &[(&str, &str)], expected: &str) {
    let error = RelabelRule::new(settings(words)).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn rules_that_cannot_be_meant_are_refused() {
    refused(&[("source", "a")], r#"action "replace" needs target_label"#);
    refused(&[("source", "a"), ("target", "")], r#"action "replace" needs target_label"#);
    for action in ["lowercase", "uppercase", "keepequal", "dropequal"] {
        refused(&[("action", action)], &format!("action {action:?} needs target_label"));
    }
    refused(&[("action", "hashmod"), ("target", "a")], r#"action "hashmod" needs modulus above 0"#);
    refused(
        &[("action", "hashmod"), ("target", "a"), ("modulus", "0")],
        r#"action "hashmod" needs modulus above 0"#,
    );
    refused(&[("action", "hashmod"), ("modulus", "2")], r#"action "hashmod" needs target_label"#);
    refused(
        &[("action", "labelmap"), ("replacement", "")],
        r#"action "labelmap" needs replacement"#,
    );
    refused(
        &[("action", "labeldrop"), ("source", "a")],
        r#"action "labeldrop" has no use for source_labels"#,
    );
    refused(
        &[("action", "labelkeep"), ("target", "a")],
        r#"action "labelkeep" has no use for target_label"#,
    );
    refused(
        &[("action", "keepequal"), ("target", "a"), ("regex", "x")],
        r#"action "keepequal" has no use for regex"#,
    );
    refused(
        &[("action", "dropequal"), ("target", "a"), ("modulus", "1")],
        r#"action "dropequal" has no use for modulus"#,
    );
    refused(
        &[("action", "dropequal"), ("target", "a"), ("separator", ",")],
        r#"action "dropequal" has no use for separator"#,
    );
    refused(
        &[("action", "uppercase"), ("target", "a"), ("replacement", "x")],
        r#"action "uppercase" has no use for replacement"#,
    );
    let error = RelabelRule::new(settings(&[("action", "drop"), ("regex", "(")])).unwrap_err();
    assert!(error.to_string().contains("invalid regular expression"), "{error}");
    let long = "x.".repeat(20_000);
    let error = RelabelRule::new(settings(&[("target", "a"), ("regex", &long)])).unwrap_err();
    assert!(error.to_string().contains("at most"), "{error}");
}

#[test]
fn words_of_actions_are_read_in_any_case() {
    for action in RelabelAction::ALL {
        assert_eq!(RelabelAction::of_word(action.as_str()), Some(action));
        assert_eq!(RelabelAction::of_word(&action.as_str().to_uppercase()), Some(action));
    }
    assert_eq!(RelabelAction::of_word("replaced"), None);
}

/// Rules that double what is there, again and again.
#[test]
fn rules_cannot_fill_memory() {
    let double = || rule(&[("source", "a"), ("target", "a"), ("replacement", "$1$1$1$1")]);
    let long = "x".repeat(4000);
    let grown = apply(vec![double(); 40], &[("a", &long)]);
    assert!(grown.len() <= 2 * TEXT_BYTES_MAX + 2, "{}", grown.len());
    let map = || rule(&[("action", "labelmap"), ("regex", "(.*)"), ("replacement", "x$1")]);
    let many = apply(vec![map(); 40], &[("a", "1"), ("b", "1")]);
    assert!(many.split(' ').count() <= 82);
    let fork =
        |letter: &str| rule(&[("action", "labelmap"), ("replacement", &format!("{letter}$1"))]);
    let forks = "abcdefghijklmnop".chars().map(|letter| fork(&letter.to_string())).collect();
    assert_eq!(apply(forks, &[("a", "1")]).split(' ').count(), LABELS_MAX);
}

fn any_rule() -> impl Strategy<Value = RelabelRule> {
    let name = || prop::sample::select(vec!["a", "b", "c", "ä b", "__name__"]);
    let regex = prop::sample::select(vec![
        "(.*)",
        "a",
        "(.).*",
        ".+",
        "x|y|",
        "([^;]*);(.*)",
        "(?P<n>.)?(.*)",
        "[a-c]",
    ]);
    let text = prop::sample::select(vec!["$1", "", "x", "${n}$2", "$1$1", "a$"]);
    let action = prop::sample::select(RelabelAction::ALL.to_vec());
    (action, prop::collection::vec(name(), 0..3), regex, name(), text, 1_u64..9).prop_filter_map(
        "some settings have no use",
        |(action, source, regex, target, replacement, modulus)| {
            use RelabelAction as Action;
            let of_names = matches!(action, Action::LabelDrop | Action::LabelKeep);
            let text = |is: bool, text: &str| is.then(|| text.to_owned());
            RelabelRule::new(RelabelSettings {
                source_labels: if of_names {
                    Vec::new()
                } else {
                    source.into_iter().map(str::to_owned).collect()
                },
                separator: None,
                regex: text(!matches!(action, Action::KeepEqual | Action::DropEqual), regex),
                modulus: (action == Action::HashMod).then_some(modulus),
                target_label: text(!of_names, target),
                replacement: text(
                    matches!(action, Action::Replace | Action::LabelMap),
                    replacement,
                ),
                action,
            })
            .ok()
        },
    )
}

proptest! {
    /// Whatever the rules, what comes out is a label set: its type checks names and values. And
    /// rules applied one by one do what they do together.
    #[test]
    fn what_comes_out_is_a_label_set(
        rules in prop::collection::vec(any_rule(), 0..6),
        pairs in prop::collection::btree_map("[a-d]|ä b|__name__", ".{1,5}", 1..6),
    ) {
        let given = Labels::new(pairs).unwrap();
        let pairs_of = |labels: &Labels| -> Vec<(String, String)> {
            labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
        };
        let step = |rules: &[RelabelRule], labels: &Labels| {
            let pairs = pairs_of(labels);
            let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            Relabeling::new(rules.to_vec()).apply(pairs)
        };
        let together = step(&rules, &given);
        let mut one_by_one = Some(given);
        for rule in &rules {
            one_by_one = one_by_one.and_then(|labels| step(std::slice::from_ref(rule), &labels));
        }
        // One by one, a series is gone as soon as it has no label.
        if one_by_one.is_some() || together.is_none() {
            prop_assert_eq!(&together, &one_by_one);
        }
        if let Some(labels) = together {
            prop_assert!(!labels.is_empty());
            prop_assert_eq!(Labels::new(pairs_of(&labels)).unwrap(), labels);
        }
    }
}
