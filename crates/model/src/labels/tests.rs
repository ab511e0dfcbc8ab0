use super::{Labels, LabelsError};

#[test]
fn pairs_are_sorted_and_empty_values_dropped() {
    let labels = Labels::of_metric("up", [("job", "a"), ("instance", "b"), ("gone", "")]).unwrap();
    assert_eq!(labels.to_string(), r#"up{instance="b",job="a"}"#);
    assert_eq!(labels.get("gone"), None);
    assert_eq!(labels.metric_name(), "up");
}

#[test]
fn a_repeated_or_empty_name_is_refused() {
    let twice = Labels::new([("a", "1"), ("a", "2")]);
    assert_eq!(twice, Err(LabelsError::Duplicate { name: "a".into() }));
    assert_eq!(Labels::new([("", "1")]), Err(LabelsError::EmptyName));
}

#[test]
fn with_sets_replaces_and_removes() {
    let labels = Labels::new([("b", "1")]).unwrap();
    let labels = labels.with("a", "0").with("b", "2").with("c", "");
    assert_eq!(labels.to_string(), r#"{a="0",b="2"}"#);
    assert_eq!(labels.with("a", "").to_string(), r#"{b="2"}"#);
}
