use std::sync::Arc;

use model::{MatchOp, Matcher};
use proptest::prelude::*;

use super::{HEADER_BYTES, Newer, Tombstone, decode, encode};

fn matcher() -> impl Strategy<Value = Matcher> {
    let any_text = prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual)];
    let regex = prop_oneof![Just(MatchOp::Match), Just(MatchOp::NoMatch)];
    let made =
        |(name, op, value): (String, MatchOp, String)| Matcher::new(name, op, value).unwrap();
    prop_oneof![
        (".{0,8}", any_text, ".{0,8}").prop_map(made),
        (".{0,8}", regex, "[a-z]{0,8}([.][*+])?").prop_map(made),
    ]
}

prop_compose! {
    fn tombstone()(
        epoch in any::<u64>(),
        start_ms in any::<i64>(),
        end_ms in any::<i64>(),
        matchers in prop::collection::vec(matcher(), 1..4),
    ) -> Arc<Tombstone> {
        Arc::new(Tombstone { epoch, start_ms, end_ms, matchers })
    }
}

fn some() -> Vec<Arc<Tombstone>> {
    let one = |epoch: u64| Tombstone {
        epoch,
        start_ms: -5,
        end_ms: i64::MAX,
        matchers: vec![Matcher::equal("job", "a"), Matcher::not_equal("é", "")],
    };
    (1..4).map(|epoch| Arc::new(one(epoch))).collect()
}

fn decoded(bytes: &[u8]) -> (Vec<Arc<Tombstone>>, u64) {
    let (tombstones, n_damaged) = decode(bytes).unwrap();
    (tombstones.into_iter().map(Arc::new).collect(), n_damaged)
}

proptest! {
    #[test]
    fn what_is_written_reads_back(tombstones in prop::collection::vec(tombstone(), 0..5)) {
        prop_assert_eq!(decoded(&encode(&tombstones)), (tombstones, 0));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _judged = decode(&bytes);
    }
}

#[test]
fn a_flipped_byte_costs_one_record_and_is_counted() {
    let whole = encode(&some());
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        let (found, n_damaged) = decoded(&bytes);
        assert_eq!(n_damaged, 1, "byte {at}");
        assert_eq!(found.len(), if at < HEADER_BYTES { 3 } else { 2 }, "byte {at}");
        assert!(found.iter().all(|tombstone| some().contains(tombstone)), "byte {at}");
    }
}

#[test]
fn a_torn_tail_keeps_what_is_before() {
    let whole = encode(&some());
    let record = (whole.len() - HEADER_BYTES) / 3;
    for n_bytes in HEADER_BYTES..whole.len() {
        let n_whole = (n_bytes - HEADER_BYTES) / record;
        let n_torn = u64::from(!(n_bytes - HEADER_BYTES).is_multiple_of(record));
        assert_eq!(decoded(&whole[..n_bytes]), (some()[..n_whole].to_vec(), n_torn));
    }
}

#[test]
fn a_later_version_is_named() {
    let mut bytes = encode(&some());
    bytes[8] = 2;
    let sum = crc32fast::hash(&bytes[..20]).to_le_bytes();
    bytes[20..24].copy_from_slice(&sum);
    assert_eq!(decode(&bytes), Err(Newer { version: 2, features: 0 }));
}

#[test]
fn an_operator_of_a_later_version_is_counted() {
    let mut tombstones = some();
    tombstones.truncate(1);
    let payload = tombstones[0].encode();
    let at = 28;
    assert_eq!(payload[at], 0);
    let mut later = payload;
    later[at] = 200;
    assert_eq!(Tombstone::decode(&later), None);
}

#[test]
fn what_is_written_stays_readable() {
    // Epoch 1, from -5 to the end of time, {job="a"}.
    let one = Tombstone {
        epoch: 1,
        start_ms: -5,
        end_ms: i64::MAX,
        matchers: vec![Matcher::equal("job", "a")],
    };
    let bytes: String = one.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    let times = "0100000000000000fbffffffffffffffffffffffffffff7f";
    assert_eq!(bytes, format!("{times}0100000000030000006a6f620100000061"));
}
