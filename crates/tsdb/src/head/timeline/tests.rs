//! A timeline answers like a sorted map, in whatever order samples come and chunks go.

use std::collections::BTreeMap;

use model::STALE_MARKER_BITS;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(Sample),
    DropBefore(i64),
    Read(i64, i64),
}

fn any_step(end_ms: i64) -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        4 => (0..5_u32).prop_map(f64::from),
        1 => Just(f64::from_bits(STALE_MARKER_BITS)),
    ];
    let start_ms = prop_oneof![9 => Just(0), 1 => -5..5_i64];
    let sample = (0..end_ms, value, start_ms).prop_map(|(t_ms, value, start_ms)| Sample {
        t_ms,
        value,
        start_ms,
    });
    prop_oneof![
        300 => sample.prop_map(Step::Append),
        1 => (0..end_ms / 3).prop_map(Step::DropBefore),
        3 => (0..end_ms, 0..end_ms).prop_map(|(start, end)| Step::Read(start, end)),
    ]
}

fn check_read(timeline: &Timeline, model: &BTreeMap<i64, Sample>, start_ms: i64, end_ms: i64) {
    let found = timeline.excerpt(start_ms, end_ms).samples();
    let expected: Vec<Sample> = model
        .values()
        .filter(|sample| (start_ms..=end_ms).contains(&sample.t_ms))
        .copied()
        .collect();
    let same = |(a, b): (&Sample, &Sample)| a.same_bits(b);
    assert!(
        found.len() == expected.len() && found.iter().zip(&expected).all(same),
        "{found:?} instead of {expected:?}"
    );
}

fn check_run(steps: Vec<Step>) {
    let mut timeline = Timeline::default();
    let mut model: BTreeMap<i64, Sample> = BTreeMap::new();
    let mut floor_ms = i64::MIN;
    for step in steps {
        match step {
            Step::Append(sample) if sample.t_ms < floor_ms => {}
            Step::Append(sample) => {
                timeline.append(sample);
                let kept = model.get(&sample.t_ms);
                let sample = kept.map_or(sample, |kept| winner(*kept, sample));
                model.insert(sample.t_ms, sample);
            }
            Step::DropBefore(t_ms) => {
                floor_ms = floor_ms.max(t_ms);
                timeline.drop_before(floor_ms);
                model = model.split_off(&floor_ms);
                assert_eq!(timeline.is_empty(), model.is_empty());
            }
            Step::Read(start_ms, end_ms) => {
                check_read(&timeline, &model, start_ms.max(floor_ms), end_ms);
            }
        }
    }
    check_read(&timeline, &model, floor_ms, i64::MAX);
    timeline.drop_before(i64::MAX);
    assert!(timeline.is_empty());
    let sealed_bytes = timeline.sealed_bytes;
    assert_eq!(sealed_bytes, 0, "memory is not counted as it is freed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn answers_like_a_map(steps in vec(any_step(2000), 0..1500)) {
        check_run(steps);
    }

    #[test]
    fn answers_like_a_map_where_times_repeat(steps in vec(any_step(30), 0..600)) {
        check_run(steps);
    }
}

#[test]
fn a_value_beats_a_stale_marker_and_else_the_later_one_wins() {
    let stale = Sample::new(1, f64::from_bits(STALE_MARKER_BITS));
    let (one, two) = (Sample::new(1, 1.0), Sample::new(1, 2.0));
    for (given, expected) in [
        (vec![one, stale], one),
        (vec![stale, one], one),
        (vec![one, two], two),
        (vec![one, two, stale], two),
        (vec![one, stale, two, one], one),
    ] {
        let mut timeline = Timeline::default();
        for sample in &given {
            timeline.append(*sample);
        }
        let found = timeline.excerpt(0, 2).samples();
        assert!(found.len() == 1 && found[0].same_bits(&expected), "{given:?}");
    }
}

#[test]
fn late_samples_do_not_splinter_the_chunks() {
    let mut timeline = Timeline::default();
    for i in 0..12_000 {
        timeline.append(Sample::new(i * 10, 1.0));
    }
    for i in 0..12_000 {
        timeline.append(Sample::new(i * 10 + 5, 1.0));
    }
    let samples = timeline.excerpt(i64::MIN, i64::MAX).samples();
    assert_eq!(samples.len(), 24_000);
    let chunks = timeline.size().chunks;
    assert!(chunks <= 24_000 / 55, "{chunks} chunks");
}

#[test]
fn old_samples_in_falling_order_are_taken() {
    let mut timeline = Timeline::default();
    for i in (0..1000).rev() {
        timeline.append(Sample::new(i, i as f64));
    }
    let times = timeline.excerpt(0, 999).samples();
    assert!(times.iter().map(|s| s.t_ms).eq(0..1000));
}
