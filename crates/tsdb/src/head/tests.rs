use std::collections::BTreeMap;

use model::{Labels, METRIC_NAME, STALE_MARKER_BITS, Sample};
use proptest::prelude::*;
use stdx::SystemRandomness;

use super::Head;

type Model = BTreeMap<u32, BTreeMap<i64, Sample>>;

/// An operation on a head of few series.
#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(u32, Sample)>),
    Freeze,
    Forget,
}

fn head_of(n_series: u32) -> Head {
    let head = Head::new(1, &SystemRandomness);
    for slot in 0..n_series {
        let value = format!("{slot:03}");
        let found = head.identities().write().find_or_add(&[(METRIC_NAME, "m"), ("s", &value)]);
        assert_eq!(found.slot, slot);
    }
    head
}

fn labels_of(slot: u32) -> Labels {
    Labels::of_metric("m", [("s", format!("{slot:03}"))]).unwrap()
}

fn sample() -> impl Strategy<Value = Sample> {
    let value = prop_oneof![
        (0_i32..50).prop_map(f64::from),
        any::<f64>(),
        Just(f64::from_bits(STALE_MARKER_BITS)),
    ];
    (-20_i64..20, value, 0_i64..3).prop_map(|(t_ms, value, start_ms)| Sample {
        t_ms,
        value,
        start_ms,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec((0_u32..5, sample()), 1..20).prop_map(Step::Append),
        1 => Just(Step::Freeze),
        1 => Just(Step::Forget),
    ]
}

fn add(model: &mut Model, (slot, sample): (u32, Sample)) {
    let samples = model.entry(slot).or_default();
    let earlier = samples.get(&sample.t_ms).copied();
    let is_stale = |s: Sample| s.value.to_bits() == STALE_MARKER_BITS;
    if !(is_stale(sample) && earlier.is_some_and(|earlier| !is_stale(earlier))) {
        samples.insert(sample.t_ms, sample);
    }
}

fn check(head: &Head, epochs: [&Model; 2]) {
    let mut expected = Model::new();
    for model in epochs {
        for (slot, samples) in model {
            samples.values().for_each(|sample| add(&mut expected, (*slot, *sample)));
        }
    }
    for range in [(i64::MIN, i64::MAX), (-3, 9)] {
        let captured = head.capture(&[], range);
        for (slot, samples) in &expected {
            let labels = labels_of(*slot);
            let found = captured.iter().find(|(found, _)| *found == labels);
            let found = found.map_or_else(Vec::new, |(_, captured)| captured.samples());
            let in_range = samples.range(range.0..=range.1);
            let expected: Vec<Sample> = in_range.map(|(_, s)| *s).collect();
            let same = |(a, b): (&Sample, &Sample)| a.same_bits(b);
            assert_eq!(found.len(), expected.len(), "series {slot}");
            assert!(found.iter().zip(&expected).all(same), "{found:?} instead of {expected:?}");
        }
    }
}

proptest! {
    /// Whatever is appended in whatever order, over epochs that come and go, a head says what a
    /// plain map per epoch says.
    #[test]
    fn a_head_is_a_map_per_epoch(steps in prop::collection::vec(step(), 0..40)) {
        let head = head_of(5);
        let (mut frozen, mut live): (Option<Model>, Model) = (None, Model::new());
        let mut bytes = 0;
        for step in steps {
            match step {
                Step::Append(samples) => {
                    let took = head.append(samples.iter().map(|(slot, sample)| (*slot, sample)));
                    bytes += took.grown_bytes;
                    let mut entered: Vec<u32> =
                        samples.iter().map(|s| s.0).filter(|s| !live.contains_key(s)).collect();
                    entered.sort_unstable();
                    entered.dedup();
                    let mut took = took.entered;
                    took.sort_unstable();
                    prop_assert_eq!(took, entered);
                    samples.into_iter().for_each(|sample| add(&mut live, sample));
                }
                Step::Freeze if frozen.is_none() => {
                    head.freeze();
                    frozen = Some(std::mem::take(&mut live));
                    let found = head.frozen();
                    let mut slots = Vec::new();
                    let visited: Result<(), ()> = found.visit(|slot, columns| {
                        let samples = (0..columns.len()).map(|at| columns.borrow().sample(at));
                        slots.push((slot, samples.collect::<Vec<Sample>>()));
                        Ok(())
                    });
                    prop_assert!(visited.is_ok());
                    let models = frozen.iter().flatten();
                    let expected = models.map(|(slot, m)| (*slot, m.values().copied().collect()));
                    let expected: Vec<(u32, Vec<Sample>)> = expected.collect();
                    prop_assert_eq!(slots.len(), expected.len());
                    for ((slot, found), (model, samples)) in slots.iter().zip(&expected) {
                        let same = |(a, b): (&Sample, &Sample)| a.same_bits(b);
                        prop_assert_eq!((slot, found.len()), (model, samples.len()));
                        prop_assert!(found.iter().zip(samples).all(same));
                    }
                }
                Step::Forget if frozen.is_some() => {
                    frozen = None;
                    head.forget_frozen();
                    bytes = head.bytes().samples;
                }
                Step::Freeze | Step::Forget => {}
            }
            prop_assert_eq!(head.bytes().samples, bytes);
            check(&head, [frozen.as_ref().unwrap_or(&Model::new()), &live]);
        }
    }
}

#[test]
fn idle_series_leave_and_their_slots_begin_anew() {
    let head = head_of(3);
    let at = |t_ms| Sample::new(t_ms, 1.0);
    head.append([(0, &at(10)), (1, &at(10)), (2, &at(99))].into_iter());
    head.forget_idle(&head.idle(&[], 50), 50);
    assert_eq!(head.n_series(), 3, "their samples are here");
    head.freeze();
    head.append([(1, &at(5))].into_iter());
    head.forget_idle(&head.idle(&[], 50), 50);
    assert_eq!(head.n_series(), 3, "their samples are still here");
    head.forget_frozen();
    head.forget_idle(&head.idle(&[], 50), 50);
    // One has a late sample in the live epoch, one was not silent for so long.
    assert_eq!(head.n_series(), 2);
    let found = head.identities().write().find_or_add(&[("new", "x")]);
    assert!(found.is_new && found.slot == 0);
    head.append([(0, &at(7))].into_iter());
    let new = Labels::new([("new", "x")]).unwrap();
    let captured = head.capture(&[], (i64::MIN, i64::MAX));
    let (_, samples) = captured.iter().find(|(labels, _)| *labels == new).unwrap();
    let samples = samples.samples();
    assert!(samples.len() == 1 && samples[0].same_bits(&at(7)));
}

#[test]
fn places_are_one_to_one() {
    let places: std::collections::BTreeSet<_> = (0..100_000).map(super::place).collect();
    assert_eq!(places.len(), 100_000);
    for slot in 0..100_000 {
        let (nth, at) = super::place(slot);
        assert_eq!(super::slot_of(nth, at), slot);
    }
}
