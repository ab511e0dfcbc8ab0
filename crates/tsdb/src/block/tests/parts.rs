//! The parts of a block on their own: postings and shared times.

use proptest::prelude::*;

use crate::block::postings::{decode, encode, intersect};
use crate::block::time_columns::{TimeColumns, TimeSlice};

/// Lists of all densities: steps within a list are alike.
fn any_list() -> impl Strategy<Value = Vec<u32>> {
    let step = prop_oneof![Just(1_u32), Just(2), Just(10), Just(1_000), Just(10_000_000)];
    (0..1_000_u32, step).prop_flat_map(|(first, step_max)| {
        proptest::collection::vec(1..=step_max, 0..400).prop_map(move |steps| {
            let rest = steps.into_iter().scan(first, |index, step| {
                *index = index.checked_add(step)?;
                Some(*index)
            });
            std::iter::once(first).chain(rest).collect()
        })
    })
}

proptest! {
    #[test]
    fn postings_come_back(lists in proptest::collection::vec(any_list(), 1..17)) {
        let (bytes, _) = encode(lists.iter().take(16).map(Vec::as_slice));
        for (at, list) in lists.iter().take(16).enumerate() {
            prop_assert_eq!(decode(&bytes, at, u32::MAX), Some(list.clone()));
            // An index that no series has.
            prop_assert_eq!(decode(&bytes, at, *list.last().unwrap()), None);
        }
    }

    #[test]
    fn postings_of_any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for at in 0..16 {
            if let Some(list) = decode(&bytes, at, 5_000) {
                prop_assert!(list.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(list.iter().all(|index| *index < 5_000));
            }
        }
    }

    #[test]
    fn an_intersection_is_what_both_have(a in any_list(), b in any_list()) {
        let expected: Vec<u32> = a.iter().filter(|index| b.contains(index)).copied().collect();
        prop_assert_eq!(intersect(&a, &b), expected);
    }
}

#[test]
fn postings_cost_little_whatever_their_density() {
    let bytes_of = |list: Vec<u32>| encode(std::iter::once(list.as_slice())).0.len();
    assert!(bytes_of((0..100_000).collect()) < 1_000, "all series");
    assert!(bytes_of((0..100_000).step_by(2).collect()) < 8_000, "every other");
    assert!(bytes_of((0..100_000).filter(|i| i * 7 % 5 < 2).collect()) < 12_600, "a bitmap");
    assert!(bytes_of((0..100_000).step_by(1_000).collect()) < 200, "few");
}

fn times(first: i64, n: usize) -> Vec<i64> {
    (0..n as i64).map(|k| first + 15_000 * k + (k * k) % 7).collect()
}

#[test]
fn a_slice_of_a_column_is_found() {
    let mut columns = TimeColumns::default();
    let all = times(1_000, 500);
    assert_eq!(columns.find(&all), None);
    columns.keep(77, &all);
    for (first, end) in [(0, 500), (0, 100), (400, 500), (123, 456)] {
        let found = columns.find(&all[first..end]);
        assert_eq!(found, Some(TimeSlice { column: 77, first: first as u32 }), "{first}..{end}");
    }
    let mut other = all.clone();
    other[250] += 1;
    assert_eq!(columns.find(&other), None);
    assert_eq!(columns.find(&times(999, 500)), None);
    let longer = times(1_000, 501);
    assert_eq!(columns.find(&longer), None);
}

#[test]
fn the_oldest_columns_are_forgotten() {
    let mut columns = TimeColumns::default();
    let of = |at: u64| times(at as i64 * 1_000_000_007, 1_000);
    columns.keep(0, &of(0));
    for _ in 0..63 {
        assert!(columns.find(&of(0)).is_some());
    }
    let mut forgotten = Vec::new();
    for at in 1..3_000 {
        forgotten.extend(columns.keep(at, &of(at)));
    }
    let kept = 1 << 20;
    assert_eq!(forgotten.len(), 3_000 - kept / 1_000);
    assert!(forgotten[0].offset == 0 && forgotten[0].is_spared() && !forgotten[1].is_spared());
    for at in 0..3_000 {
        let is_kept = at >= forgotten.len() as u64;
        assert_eq!(columns.find(&of(at)).is_some(), is_kept, "column {at}");
    }
}
