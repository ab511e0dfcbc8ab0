//! Identities against a plain map from labels to slots.

mod figures;
mod parts;

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, METRIC_NAME, Matcher};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use storage::Cardinality;

/// The reference: obviously right and not fast.
type Naive = BTreeMap<Labels, u32>;

fn pairs(labels: &Labels) -> Vec<(&str, &str)> {
    labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

fn add(identities: &mut Identities, labels: &Labels) -> Found {
    identities.find_or_add(&pairs(labels))
}

/// Few names and values, so that series share them; texts that begin alike, end early, hold NUL.
fn any_labels() -> impl Strategy<Value = Labels> {
    let name = prop::sample::select(vec![METRIC_NAME, "a", "ab", "job", "größe", "x"]);
    let value = prop_oneof![
        8 => prop::sample::select(vec![
            "1", "10", "up", "up\0", "up\0\0\0\0\0\0\0", "ü", "日本", "same-to-7-1", "same-to-7-12",
        ])
        .prop_map(str::to_owned),
        2 => "[a-c]{1,3}",
        1 => "[a-b]{20,24}",
    ];
    vec((name, value), 0..5).prop_map(|pairs| {
        pairs.into_iter().fold(Labels::default(), |labels, (name, value)| labels.with(name, &value))
    })
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let name = prop::sample::select(vec![METRIC_NAME, "a", "job", "x", "nowhere"]);
    let value = prop::sample::select(vec!["", "1", "10", "up", "ü", "zz"]);
    let expression = prop::sample::select(vec![
        "", ".*", ".+", "1|up", "up|", "1.*", "ü.+", ".*b.*", "[a-c]+", "[^u].*", "(|b)c?", "zz.*",
    ]);
    (name, value, expression, 0..4).prop_map(|(name, value, expression, op)| match op {
        0 => Matcher::equal(name, value),
        1 => Matcher::not_equal(name, value),
        2 => Matcher::regex(name, expression).unwrap(),
        _ => Matcher::not_regex(name, expression).unwrap(),
    })
}

#[derive(Debug, Clone)]
enum Step {
    Add(Vec<Labels>),
    /// Every so many-th of those that are there, from the so many-th on.
    Remove(usize, usize),
    Match(Vec<Matcher>),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec(any_labels(), 1..80).prop_map(Step::Add),
        2 => (1..5_usize, 0..5_usize).prop_map(|(step, from)| Step::Remove(step, from)),
        4 => vec(any_matcher(), 0..4).prop_map(Step::Match),
    ]
}

fn check_add(identities: &mut Identities, naive: &mut Naive, added: Vec<Labels>) {
    for labels in added {
        for expected in [0, 1, 2, u32::MAX] {
            let found = identities.find_expected(expected, &pairs(&labels));
            assert_eq!(found, naive.get(&labels).copied());
        }
        let found = add(identities, &labels);
        match naive.get(&labels) {
            Some(slot) => assert_eq!(found, Found { slot: *slot, is_new: false }),
            None => {
                assert!(found.is_new);
                naive.insert(labels, found.slot);
            }
        }
    }
}

fn check_remove(identities: &mut Identities, naive: &mut Naive, step: usize, from: usize) {
    let mut dead: Vec<(Labels, u32)> = naive
        .iter()
        .skip(from)
        .step_by(step)
        .map(|(labels, slot)| (labels.clone(), *slot))
        .collect();
    let mut slots: Vec<u32> = dead.iter().map(|(_, slot)| *slot).collect();
    // Twice, and one that no series has: both change nothing.
    slots.extend(slots.first().copied());
    slots.push(u32::MAX);
    identities.remove(&slots);
    for (labels, slot) in dead.drain(..) {
        naive.remove(&labels);
        assert_eq!(identities.find(&pairs(&labels)), None);
        assert_eq!(identities.labels(slot), Labels::default());
    }
}

fn check_match(identities: &Identities, naive: &Naive, matchers: &[Matcher]) {
    let matches = |(labels, _): &(&Labels, &u32)| matchers.iter().all(|m| m.matches(labels));
    let expected: Vec<(&Labels, &u32)> = naive.iter().filter(matches).collect();
    let mut found = identities.matching(matchers);
    assert!(found.is_sorted_by(|a, b| a < b));
    identities.sort_by_labels(&mut found);
    let in_order: Vec<u32> = expected.iter().map(|(_, slot)| **slot).collect();
    assert_eq!(found, in_order, "{matchers:?}");
    let names: BTreeSet<&str> =
        expected.iter().flat_map(|(labels, _)| labels.iter()).map(|l| l.name.as_str()).collect();
    assert_eq!(identities.label_names(matchers), Vec::from_iter(names));
    for name in [METRIC_NAME, "a", "x", "nowhere"] {
        let values: BTreeSet<&str> =
            expected.iter().filter_map(|(labels, _)| labels.get(name)).collect();
        assert_eq!(identities.label_values(name, matchers), Vec::from_iter(values));
    }
}

fn check_all(identities: &Identities, naive: &Naive) {
    assert_eq!(identities.n_series(), naive.len());
    let slots: BTreeSet<&u32> = naive.values().collect();
    assert_eq!(slots.len(), naive.len(), "two series in one slot");
    assert!(slots.iter().all(|slot| **slot < identities.slots_end()));
    let mut n_series = BTreeMap::<(&str, &str), usize>::new();
    for (labels, slot) in naive {
        assert_eq!(identities.labels(*slot), *labels);
        assert_eq!(identities.pairs(*slot).collect::<Vec<_>>(), pairs(labels));
        let texts = identities.tags(*slot).iter().map(|tag| identities.tag_text(*tag));
        assert_eq!(texts.collect::<Vec<_>>(), pairs(labels));
        assert!(identities.tags(*slot).iter().all(|tag| (*tag as usize) < identities.tags_end()));
        for pair in pairs(labels) {
            *n_series.entry(pair).or_default() += 1;
        }
    }
    for ((name, value), n) in &n_series {
        assert_eq!(identities.n_series_with(name, value), *n);
    }
    assert_eq!(identities.n_series_with("nowhere", "1"), 0);
    assert_eq!(identities.cardinality(3), counted(naive, 3));
    let (kept, counted) = identities.tags.kept_and_counted_bytes();
    assert_eq!(kept, counted);
}

fn counted(naive: &Naive, n_max: usize) -> Cardinality {
    let all = || naive.keys().flatten();
    let mut by_pair = BTreeMap::<(&str, &str), usize>::new();
    all().for_each(|l| *by_pair.entry((&l.name, &l.value)).or_default() += 1);
    let mut values = BTreeMap::<&str, usize>::new();
    by_pair.keys().for_each(|(name, _)| *values.entry(name).or_default() += 1);
    let mut bytes = BTreeMap::<&str, usize>::new();
    all().for_each(|l| *bytes.entry(&l.name).or_default() += l.value.len());
    let metrics = by_pair.iter().filter(|((name, _), _)| *name == METRIC_NAME);
    let first = |counts: Vec<(String, usize)>| {
        let mut counts = counts;
        counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        counts.truncate(n_max);
        counts
    };
    let owned = |(name, n): (&&str, &usize)| ((*name).to_owned(), *n);
    Cardinality {
        n_series: naive.len(),
        n_names: values.len(),
        n_pairs: by_pair.len(),
        series_by_metric: first(metrics.map(|((_, v), n)| ((*v).to_owned(), *n)).collect()),
        values_by_name: first(values.iter().map(owned).collect()),
        bytes_by_name: first(bytes.iter().map(owned).collect()),
        series_by_pair: first(by_pair.iter().map(|((n, v), c)| (format!("{n}={v}"), *c)).collect()),
        ..Cardinality::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn identities_answer_as_a_plain_map(steps in vec(any_step(), 1..12), random in any::<u64>()) {
        let (mut identities, mut naive) = (Identities::new(random), Naive::new());
        for step in steps {
            match step {
                Step::Add(added) => check_add(&mut identities, &mut naive, added),
                Step::Remove(step, from) => check_remove(&mut identities, &mut naive, step, from),
                Step::Match(matchers) => check_match(&identities, &naive, &matchers),
            }
            check_all(&identities, &naive);
        }
    }
}

/// A series of a fleet: as many values of each label as a real one has.
fn of_fleet(i: usize) -> Labels {
    labels(&[
        (METRIC_NAME, &format!("metric_{}", i / 300)),
        ("instance", &format!("10.0.0.{}:9100", i % 300)),
        ("job", ["node", "api"][i % 2]),
        ("shard", &format!("{}", i * 7 % 20)),
    ])
}

#[test]
fn a_fleet_is_found_sorted_and_removed() {
    const N: usize = 12_000;
    let (mut identities, mut naive) = (Identities::new(7), Naive::new());
    check_add(&mut identities, &mut naive, (0..N).map(of_fleet).collect());
    let questions = [
        vec![],
        vec![Matcher::equal("job", "node")],
        vec![Matcher::regex("instance", "10.0.0.1.*").unwrap(), Matcher::equal("job", "api")],
        vec![Matcher::equal(METRIC_NAME, "metric_7"), Matcher::not_regex("shard", "1.*").unwrap()],
        vec![Matcher::not_equal("instance", "10.0.0.5:9100")],
        vec![Matcher::regex("instance", ".+").unwrap(), Matcher::regex("shard", "3|4|5").unwrap()],
    ];
    questions.iter().for_each(|matchers| check_match(&identities, &naive, matchers));
    check_remove(&mut identities, &mut naive, 3, 1);
    check_all(&identities, &naive);
    questions.iter().for_each(|matchers| check_match(&identities, &naive, matchers));
    check_add(&mut identities, &mut naive, (0..N).map(of_fleet).collect());
    check_remove(&mut identities, &mut naive, 1, 0);
    check_all(&identities, &naive);
}

/// A pod, or one of the few series of its node that are of no pod.
fn of_node(i: usize) -> Labels {
    let (node, pod) = (format!("node-{:02}", i / 40), format!("app-{:02}-{i:04}", i % 7));
    let pod = if i.is_multiple_of(13) { "" } else { &pod };
    let pairs = [(METRIC_NAME, "memory_bytes"), ("node", &node), ("pod", pod)];
    pairs.iter().fold(Labels::default(), |labels, (name, value)| labels.with(name, value))
}

/// Where few series are left, values are looked at series by series.
#[test]
fn few_series_of_a_label_with_many_values_are_asked_for_their_own() {
    const N: usize = 2_000;
    let (mut identities, mut naive) = (Identities::new(7), Naive::new());
    check_add(&mut identities, &mut naive, (0..N).map(of_node).collect());
    let node = || Matcher::equal("node", "node-07");
    let regexes = ["app-0[1-3].*", ".*9.*", "", ".*", ".+", "|app-.*", "app-05-0285|x", "x.*"];
    for expression in regexes {
        for of_pod in [Matcher::regex("pod", expression), Matcher::not_regex("pod", expression)] {
            let of_pod = of_pod.unwrap();
            check_match(&identities, &naive, &[of_pod.clone(), node()]);
            let more = [Matcher::not_equal("pod", ""), of_pod, node()];
            check_match(&identities, &naive, &more);
        }
    }
    for value in ["", "app-05-0285"] {
        check_match(&identities, &naive, &[Matcher::equal("pod", value), node()]);
        check_match(&identities, &naive, &[Matcher::not_equal("pod", value), node()]);
    }
    // A label that nobody has, and a set of nodes.
    let nodes = Matcher::regex("node", "node-0[1-2]").unwrap();
    let pods = Matcher::not_regex("pod", ".*1").unwrap();
    check_match(&identities, &naive, &[pods.clone(), nodes.clone()]);
    check_match(&identities, &naive, &[pods, nodes, Matcher::regex("x", "y.*").unwrap()]);
}

/// Containers come and go for days: what they leave behind does not add up.
#[test]
fn labels_that_come_and_go_leave_nothing_behind() {
    const N: usize = 2_000;
    let mut identities = Identities::new(1);
    let mut live: Vec<u32> = Vec::new();
    let mut bytes_after = Vec::new();
    for round in 0..40 {
        let dead = std::mem::take(&mut live);
        for i in 0..N {
            let pod = format!("pod-{round}-{i}-of-a-name-of-some-length");
            // Rows of other lengths, names of their own, and labels that stay.
            let own_name = format!("name-{round}-{}", i % 10);
            let mut pairs = vec![(METRIC_NAME, "up"), ("job", "api"), ("pod", &pod)];
            pairs.extend((i % 3 == round % 3).then_some(("zone", "a")));
            pairs.push((&own_name, "1"));
            live.push(add(&mut identities, &labels(&pairs)).slot);
        }
        identities.remove(&dead);
        assert_eq!(identities.n_series(), N);
        // Numbers are used again: there are no more than two rounds need at once.
        assert!(identities.slots_end() as usize <= 2 * N);
        assert!(identities.tags_end() <= 2 * N + 50);
        assert!(identities.tags.names_end() <= 50);
        bytes_after.push(identities.bytes());
    }
    // Tables may double once while removals leave gaps in them; a round by itself takes more.
    let early = bytes_after[..10].iter().max().unwrap();
    let late = bytes_after[30..].iter().max().unwrap();
    assert!(*late <= early + early / 4, "{bytes_after:?}");
    identities.remove(&live);
    assert_eq!(identities.cardinality(9), Cardinality::default());
    assert!(identities.bytes() < 1_000_000, "{} bytes for nothing", identities.bytes());
}

/// Their ranks fill several words, and the first ones are the same for many.
#[test]
fn series_of_many_labels_are_sorted_by_all_of_them() {
    let (mut identities, mut naive) = (Identities::new(1), Naive::new());
    let of = |i: usize| {
        let n_labels = 22 + i % 3;
        let value = |place: usize| if place < 18 { i % 16 } else { i / 16 * (place * 31) % 97 };
        let pair = |place: usize| (format!("label_{place:02}"), format!("{}", value(place)));
        Labels::new((0..n_labels).map(pair)).unwrap()
    };
    check_add(&mut identities, &mut naive, (0..3_000).map(of).collect());
    check_match(&identities, &naive, &[]);
}

#[test]
fn what_stays_survives_the_moves_that_give_memory_back() {
    const N: usize = 8_000;
    let of = |i: usize| {
        let pairs = ["a", "b", "c", "d", "e", "f"].map(|name| (name, format!("{name} {i} text")));
        Labels::new(pairs).unwrap()
    };
    let mut identities = Identities::new(1);
    let slots: Vec<u32> = (0..N).map(|i| add(&mut identities, &of(i)).slot).collect();
    let full = identities.bytes();
    let dead: Vec<u32> = (0..N).filter(|i| i % 100 != 7).map(|i| slots[i]).collect();
    identities.remove(&dead);
    let bytes = identities.bytes();
    // Slots and numbers keep their places.
    assert!(bytes * 10 < full * 7, "{bytes} of {full} bytes");
    for i in (7..N).step_by(100) {
        assert_eq!(identities.find(&pairs(&of(i))), Some(slots[i]));
        assert_eq!(identities.labels(slots[i]), of(i));
    }
    for (i, slot) in slots.iter().enumerate() {
        let is_new = add(&mut identities, &of(i)).is_new;
        assert_eq!(is_new, i % 100 != 7, "slot {slot}");
    }
    for i in 0..N {
        let slot = identities.find(&pairs(&of(i))).unwrap();
        assert_eq!(identities.labels(slot), of(i));
    }
}

#[test]
fn rows_of_any_length_are_kept_apart() {
    let mut identities = Identities::new(1);
    let wide = |n: usize| {
        let pairs = (0..n).map(|i| (format!("label_{i}"), format!("value {i}")));
        Labels::new(pairs).unwrap()
    };
    let lengths = [0, 1, 20_000, 3, 16_384, 16_383, 2, 40_000, 0, 7];
    let slots = lengths.map(|n| (n, add(&mut identities, &wide(n)).slot));
    for (n, slot) in slots {
        assert_eq!(identities.labels(slot), wide(n));
    }
    identities.remove(&[slots[2].1, slots[4].1, slots[7].1]);
    for n in lengths {
        assert!(add(&mut identities, &wide(n)).slot < 10);
        let slot = identities.find(&pairs(&wide(n))).unwrap();
        assert_eq!(identities.labels(slot), wide(n));
    }
}
