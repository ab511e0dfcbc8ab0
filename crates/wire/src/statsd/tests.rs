use proptest::prelude::*;

use super::{Change, Line, Measured, Metric, Values, read_line};

fn metric(line: &str) -> Metric<'_> {
    match read_line(line) {
        Ok(Line::Metric(metric)) => metric,
        other => panic!("{line}: {other:?}"),
    }
}

/// What a line that measures once says.
fn measured(line: &str) -> Measured<'_> {
    let mut all = metric(line).measured;
    assert_eq!(all.len(), 1, "{line}");
    all.remove(0)
}

fn tags(line: &str) -> Vec<(String, String)> {
    let tags = metric(line).tags.into_iter();
    tags.map(|(name, value)| (name, value.into_owned())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn types_say_what_values_mean() {
    for (line, values) in [
        ("a:1|c", Values::Count(vec![1.0])),
        ("a:-2.5|c|@0.5", Values::Count(vec![-2.5])),
        ("a:7|g", Values::Gauge(vec![Change::Set(7.0)])),
        ("a:-7|g", Values::Gauge(vec![Change::Add(-7.0)])),
        ("a:+0.5|g\r", Values::Gauge(vec![Change::Add(0.5)])),
        ("a:320|ms", Values::Observed(vec![0.32])),
        ("a:1:2.5:3|h", Values::Observed(vec![1.0, 2.5, 3.0])),
        ("a:4|d|#x:y|c:abc|T1700000000", Values::Observed(vec![4.0])),
        ("a:u1:u2|s", Values::Members(vec!["u1", "u2"])),
    ] {
        assert_eq!(measured(line).values, values, "{line}");
    }
    assert_eq!(measured("a:1|c|@0.1").weight, 10.0);
    assert_eq!(measured("a:1|c").weight, 1.0);
}

#[test]
fn a_line_may_measure_several_times() {
    let count =
        |values: &[f64], weight| Measured { values: Values::Count(values.to_vec()), weight };
    assert_eq!(
        metric("a:1|c:2:3|c|@0.5:4|c").measured,
        [count(&[1.0], 1.0), count(&[2.0, 3.0], 2.0), count(&[4.0], 1.0)]
    );
    let mixed = metric("a,x=y:7|ms:-1|g");
    let values: Vec<_> = mixed.measured.into_iter().map(|one| one.values).collect();
    assert_eq!(values, [Values::Observed(vec![0.007]), Values::Gauge(vec![Change::Add(-1.0)])]);
    // What else is said of a value may have colons.
    assert_eq!(measured("a:1|c|c:in-x:y").values, Values::Count(vec![1.0]));
}

#[test]
fn names_become_plain() {
    for (line, name) in [
        ("a.b-c:1|c", "a_b_c"),
        ("a b/c:1|c", "a_b_c"),
        ("1st:1|c", "_1st"),
        ("größe:1|c", "gr__e"),
    ] {
        assert_eq!(metric(line).name, name, "{line}");
    }
}

#[test]
fn tags_come_in_five_styles() {
    let both = pairs(&[("x", "1"), ("y_z", "two")]);
    for line in [
        "a:1|c|#x:1,y.z:two",
        "a:1|c|@0.5|#x:1,y.z:two",
        "a,x=1,y.z=two:1|c",
        "a#x=1,y.z=two:1|c",
        "a;x=1;y.z=two:1|c",
        "a[x=1,y.z=two]:1|c",
    ] {
        assert_eq!(tags(line), both, "{line}");
        assert_eq!(metric(line).name, "a");
    }
    assert_eq!(metric("a[x=1].b:1|c").name, "a_b");
    assert_eq!(
        tags("a:1|c|#flag,url:http://x:1,,x:1,x:2"),
        pairs(&[("flag", "true"), ("url", "http://x:1"), ("x", "2")])
    );
    assert_eq!(tags("a:1|c|#"), []);
    assert_eq!(tags("a:1|c|#x:1,#y.z:two"), both, "a mark before each");
    assert_eq!(
        (metric("[x=1]a.b:1|c").name, tags("[x=1]a:1|c")),
        ("a_b".into(), pairs(&[("x", "1")]))
    );
}

#[test]
fn events_and_checks_are_no_metrics() {
    for line in ["_e{2,3}:ab|cde", "_sc|name|0"] {
        assert_eq!(read_line(line), Ok(Line::Nothing { is_event: true }));
    }
    assert_eq!(read_line(" \r"), Ok(Line::Nothing { is_event: false }));
}

#[test]
fn what_is_wrong_is_named_with_its_column() {
    for (line, told) in [
        (":1|c", "column 1: expected a name"),
        ("[x=1]:1|c", "column 1: expected a name"),
        ("a:1|c:2", "column 8: expected \"|\" and a type"),
        ("a:1|c:2|x", "column 9: expected a type"),
        ("a", "column 2: expected \":\" and a value"),
        ("a:1", "column 4: expected \"|\" and a type"),
        ("a:1|x", "column 5: expected a type"),
        ("a:x|c", "column 3: expected a number"),
        ("a:1:x|ms", "column 5: expected a number"),
        ("a:|c", "column 3: expected a number"),
        ("a:NaN|g", "column 3: expected a number"),
        ("a:1|c|@0", "column 7: expected a rate"),
        ("a:1|c|@1.5", "column 7: expected a rate"),
        ("a:1|c|@x", "column 7: expected a rate"),
        ("a,x=1:1|c|#y:2", "column 11: expected tags in one style"),
    ] {
        let error = read_line(line).unwrap_err().to_string();
        assert!(error.starts_with(told), "{line}: {error}");
    }
    let many: Vec<String> = (0..257).map(|i| format!("t{i}:1")).collect();
    assert!(read_line(&format!("a:1|c|#{}", many.join(","))).is_err());
    assert!(read_line(&format!("a{}|c", ":1".repeat(1025))).is_err());
}

proptest! {
    #[test]
    fn any_line_is_read_or_refused(line in "[a-z:|@#,;=\\[\\]0-9.+é -]{0,50}") {
        if let Err(error) = read_line(&line) {
            prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1);
        }
    }

    #[test]
    fn what_is_written_is_read(
        value in -1e6_f64..1e6,
        rate in 0.01_f64..1.0,
        all in proptest::collection::btree_map("[a-z]{1,5}", "[a-z0-9:/]{1,8}", 0..5),
    ) {
        let list: Vec<String> = all.iter().map(|(n, v)| format!("{n}:{v}")).collect();
        let line = format!("some.name:{value:?}|h|@{rate:?}|#{}", list.join(","));
        let read = metric(&line);
        let expected = Measured { values: Values::Observed(vec![value]), weight: 1.0 / rate };
        prop_assert_eq!(read.measured, [expected]);
        prop_assert_eq!(tags(&line), all.into_iter().collect::<Vec<_>>());
    }
}
