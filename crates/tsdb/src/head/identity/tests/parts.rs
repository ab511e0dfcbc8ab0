//! The parts by themselves: sets of slots, postings, texts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::head::identity::postings::Postings;
use crate::head::identity::slot_set::SlotSet;
use crate::head::identity::table::Table;
use crate::head::identity::texts::Texts;

/// Runs of slots, near and far, so that lists become bitmaps and back.
fn any_slots() -> impl Strategy<Value = Vec<u32>> {
    let run = (0..200_000_u32, 1..3_u32, 0..6_000_u32);
    let far = (u32::MAX - 100..=u32::MAX, Just(0), 1..2_u32);
    prop::collection::vec(prop_oneof![9 => run, 1 => far], 0..6).prop_map(|runs| {
        let of_run = |(start, step, n): (u32, u32, u32)| (0..n).map(move |i| start + i * step);
        runs.into_iter().flat_map(of_run).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_slot_set_holds_what_a_plain_set_holds(added in any_slots(), removed in any_slots()) {
        let (mut set, mut plain) = (SlotSet::default(), BTreeSet::new());
        for slot in added.iter().copied() {
            prop_assert_eq!(set.insert(slot), plain.insert(slot));
        }
        let halves = added.iter().copied().step_by(2).chain(removed);
        for slot in halves {
            prop_assert_eq!(set.remove(slot), plain.remove(&slot));
        }
        let mut held = Vec::new();
        set.for_each(|slot| held.push(slot));
        prop_assert_eq!(held, Vec::from_iter(plain.iter().copied()));
        prop_assert_eq!(set.len(), plain.len());
        prop_assert_eq!(set.kept_bytes(), set.counted_bytes());
    }

    #[test]
    fn postings_hold_what_a_plain_set_holds(
        steps in prop::collection::vec((0..600_u32, 0..3), 0..2_000),
    ) {
        let (mut postings, mut plain) = (Postings::default(), BTreeSet::new());
        for (slot, step) in steps {
            if step > 0 && plain.insert(slot) {
                postings.insert(slot);
            } else if step == 0 && plain.remove(&slot) {
                postings.remove(slot);
            }
            prop_assert_eq!(postings.len(), plain.len());
        }
        let mut held = Vec::new();
        postings.for_each(|slot| held.push(slot));
        prop_assert_eq!(held, Vec::from_iter(plain.iter().copied()));
    }
}

#[test]
fn a_label_of_every_series_costs_a_bit_a_series() {
    let mut set = SlotSet::default();
    (0..1 << 20).for_each(|slot| {
        set.insert(slot);
    });
    assert!(set.heap_bytes() < (1 << 20) / 8 + 4096, "{} bytes", set.heap_bytes());
    (0..1 << 20).for_each(|slot| {
        set.remove(slot);
    });
    assert!(set.heap_bytes() < 1024, "{} bytes for nothing", set.heap_bytes());
}

#[test]
fn texts_are_wasteful_when_more_is_holes_than_text() {
    let mut texts = Texts::default();
    let kept = texts.add(&"ü".repeat(100_000));
    let all: Vec<_> = (0..60_000).map(|i| texts.add(&format!("value-{i}-{i}"))).collect();
    assert_eq!(texts.get(all[12_345]), "value-12345-12345");
    assert!(!texts.is_wasteful());
    all.iter().for_each(|text| texts.forget(*text));
    assert!(texts.is_wasteful());
    assert_eq!(texts.get(kept).len(), 200_000);
}

#[test]
fn a_table_finds_among_collisions_and_shrinks() {
    let mut table = Table::default();
    let hash_of = |number: u32| (number / 4).wrapping_mul(0x9e37_79b9);
    for number in 0..40_000 {
        table.add(hash_of(number), number);
    }
    let full = table.bytes();
    for number in 0..40_000 {
        assert_eq!(table.find(hash_of(number), |known| known == number), Some(number));
    }
    for number in (0..40_000).filter(|number| number % 40 != 1) {
        table.remove(hash_of(number), number);
    }
    for number in 0..40_000 {
        let found = table.find(hash_of(number), |known| known == number);
        assert_eq!(found.is_some(), number % 40 == 1, "{number}");
    }
    assert!(table.bytes() < full / 2, "{} of {full} bytes", table.bytes());
}
