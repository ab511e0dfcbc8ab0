use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, METRIC_NAME, STALE_MARKER_BITS, Sample};
use proptest::prelude::*;
use stdx::SystemRandomness;
use storage::Kinds;

use super::{Head, Wanted};
use crate::codec::histograms::random;
use crate::query::mixed::{Mixed, Point};

type Model = BTreeMap<u32, BTreeMap<i64, Point>>;

/// An operation on a head of few series.
#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(u32, Sample)>),
    AppendHistograms(Vec<(u32, HistogramSample)>),
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

fn histograms() -> impl Strategy<Value = Vec<(u32, HistogramSample)>> {
    let places = prop::collection::vec((0_u32..5, -20_i64..20, 0_i64..3), 1..20);
    (random::run(), places).prop_map(|(run, places)| {
        let sample = |(histogram, (slot, t_ms, start_ms)): (Histogram, _)| {
            (slot, HistogramSample { t_ms, start_ms, histogram: Arc::new(histogram) })
        };
        run.into_iter().zip(places).map(sample).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec((0_u32..5, sample()), 1..20).prop_map(Step::Append),
        4 => histograms().prop_map(Step::AppendHistograms),
        1 => Just(Step::Freeze),
        1 => Just(Step::Forget),
    ]
}

fn add(model: &mut Model, slot: u32, point: Point) {
    let is_stale = |point: &Point| match point {
        Point::Float(sample) => sample.value.to_bits() == STALE_MARKER_BITS,
        Point::Histogram(sample) => sample.histogram.is_stale_marker(),
    };
    let points = model.entry(slot).or_default();
    let value_is_there = points.get(&point.t_ms()).is_some_and(|earlier| !is_stale(earlier));
    if !(is_stale(&point) && value_is_there) {
        points.insert(point.t_ms(), point);
    }
}

fn is_same(one: &Point, other: &Point) -> bool {
    match (one, other) {
        (Point::Float(one), Point::Float(other)) => one.same_bits(other),
        (Point::Histogram(one), Point::Histogram(other)) => {
            let are_stale = one.histogram.is_stale_marker() && other.histogram.is_stale_marker();
            (one.t_ms, one.start_ms) == (other.t_ms, other.start_ms)
                && (are_stale || one.same_bits(other))
        }
        _ => false,
    }
}

fn assert_same(found: Mixed, expected: &[&Point]) {
    let found: Vec<Point> = found.into_points().collect();
    let same = |(one, other): (&Point, &&Point)| is_same(one, other);
    assert_eq!(found.len(), expected.len(), "{found:?} instead of {expected:?}");
    assert!(found.iter().zip(expected).all(same), "{found:?} instead of {expected:?}");
}

fn wanted(range: (i64, i64)) -> Wanted {
    Wanted { range, kinds: Kinds::Both }
}

fn check(head: &Head, epochs: [&Model; 2]) {
    let mut expected = Model::new();
    for model in epochs {
        for (slot, points) in model {
            points.values().for_each(|point| add(&mut expected, *slot, point.clone()));
        }
    }
    for range in [(i64::MIN, i64::MAX), (-3, 9)] {
        let captured = head.capture(&[], wanted(range));
        for (slot, points) in &expected {
            let labels = labels_of(*slot);
            let found = captured.iter().find(|(found, _)| *found == labels);
            let found = found.map_or_else(Mixed::default, |(_, captured)| captured.samples());
            let in_range: Vec<&Point> = points.range(range.0..=range.1).map(|(_, p)| p).collect();
            assert_same(found, &in_range);
        }
    }
}

fn entered(slots: impl Iterator<Item = u32>, live: &Model) -> Vec<u32> {
    let mut entered: Vec<u32> = slots.filter(|slot| !live.contains_key(slot)).collect();
    entered.sort_unstable();
    entered.dedup();
    entered
}

proptest! {
    /// Whatever is appended in whatever order, over epochs that come and go, a head says what a
    /// plain map per epoch says.
    #[test]
    fn a_head_is_a_map_per_epoch(steps in prop::collection::vec(step(), 0..40)) {
        let head = head_of(5);
        let (mut frozen, mut live): (Option<Model>, Model) = (None, Model::new());
        let mut bytes = 0_i64;
        for step in steps {
            match step {
                Step::Append(samples) => {
                    let mut took = head.append(samples.iter().map(|(slot, s)| (*slot, s)));
                    bytes += took.grown_bytes;
                    took.entered.sort_unstable();
                    let expected = entered(samples.iter().map(|(slot, _)| *slot), &live);
                    prop_assert_eq!(took.entered, expected);
                    let points = samples.into_iter();
                    points.for_each(|(slot, s)| add(&mut live, slot, Point::Float(s)));
                }
                Step::AppendHistograms(samples) => {
                    let all = samples.iter().map(|(slot, s)| (*slot, s));
                    let mut took = head.append_histograms(all);
                    bytes += took.grown_bytes;
                    took.entered.sort_unstable();
                    let expected = entered(samples.iter().map(|(slot, _)| *slot), &live);
                    prop_assert_eq!(took.entered, expected);
                    let points = samples.into_iter();
                    points.for_each(|(slot, s)| add(&mut live, slot, Point::Histogram(s)));
                }
                Step::Freeze if frozen.is_none() => {
                    head.freeze();
                    frozen = Some(std::mem::take(&mut live));
                    let found = head.frozen();
                    let mut series = Vec::new();
                    let visited: Result<(), ()> = found.visit(|slot, columns, histograms| {
                        let samples = (0..columns.len()).map(|at| columns.borrow().sample(at));
                        let (samples, histograms) = (samples.collect(), histograms.to_vec());
                        series.push((slot, Mixed { samples, histograms }));
                        Ok(())
                    });
                    prop_assert!(visited.is_ok());
                    let expected: Vec<_> = frozen.iter().flatten().collect();
                    prop_assert_eq!(series.len(), expected.len());
                    for ((slot, found), (model, points)) in series.into_iter().zip(expected) {
                        prop_assert_eq!(slot, *model);
                        assert_same(found, &points.values().collect::<Vec<_>>());
                    }
                }
                Step::Forget if frozen.is_some() => {
                    frozen = None;
                    head.forget_frozen();
                    bytes = head.bytes().samples as i64;
                }
                Step::Freeze | Step::Forget => {}
            }
            prop_assert_eq!(head.bytes().samples as i64, bytes);
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
    let captured = head.capture(&[], wanted((i64::MIN, i64::MAX)));
    let (_, samples) = captured.iter().find(|(labels, _)| *labels == new).unwrap();
    let samples = samples.samples().samples;
    assert!(samples.len() == 1 && samples[0].same_bits(&at(7)));
}

/// The line of a series knows of its numbers alone.
#[test]
fn a_series_of_histograms_is_as_old_as_its_newest_one() {
    let head = head_of(1);
    let histogram = |t_ms| HistogramSample { t_ms, start_ms: 0, histogram: Arc::default() };
    head.append_histograms([(0, &histogram(60)), (0, &histogram(10))].into_iter());
    head.freeze();
    head.forget_frozen();
    assert!(!head.has_expired(60) && head.has_expired(61));
    head.forget_idle(&head.idle(&[], 60), 60);
    assert_eq!(head.n_series(), 1);
    head.forget_idle(&head.idle(&[], 61), 61);
    assert_eq!(head.n_series(), 0);
    let found = head.identities().write().find_or_add(&[("new", "x")]);
    assert_eq!(found.slot, 0);
    head.append([(0, &Sample::new(5, 1.0))].into_iter());
    assert!(head.has_expired(6), "the slot begins anew");
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
