//! The manifest's frozen bytes, and what damage does to it.

use super::*;

/// Version 1: without blocks.
const GOLDEN_V1: &[u8] = b"PHAROSMF\
    \x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\
    \x09\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\
    \x05\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\
    \x78\xbc\xc6\x4a";

/// Version 2: without the time from which on samples are there.
const GOLDEN_V2: &[u8] = b"PHAROSMF\
    \x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\
    \x09\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\
    \x05\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\
    \x07\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0d\x00\
    0-1-2-7-7.blk\xf0\x51\x78\xe1";

const GOLDEN: &[u8] = b"PHAROSMF\
    \x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\
    \x09\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\
    \x05\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\
    \x07\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0d\x00\
    0-1-2-7-7.blk\x02\x01\x00\x00\x00\x00\x00\x00\x7b\x33\x85\x42";

fn golden() -> Manifest {
    Manifest {
        live_epoch: 3,
        next_segment: 9,
        segments: vec![5, 8],
        epoch: 7,
        blocks: vec!["0-1-2-7-7.blk".to_owned()],
        raw_from_ms: 258,
    }
}

#[test]
fn frozen_bytes() {
    assert_eq!(golden().encode(), GOLDEN);
    assert_eq!(Manifest::decode(GOLDEN).unwrap(), golden());
    let with_blocks = Manifest { raw_from_ms: i64::MIN, ..golden() };
    assert_eq!(Manifest::decode(GOLDEN_V2).unwrap(), with_blocks);
    let without_blocks = Manifest { epoch: 0, blocks: Vec::new(), ..with_blocks };
    assert_eq!(Manifest::decode(GOLDEN_V1).unwrap(), without_blocks);
}

#[test]
fn every_damage_is_noticed() {
    for at in 0..GOLDEN.len() {
        let mut bytes = GOLDEN.to_vec();
        bytes[at] ^= 0x40;
        let decoded = Manifest::decode(&bytes);
        assert!(matches!(decoded, Err(ManifestError::Damaged)), "byte {at}");
        let decoded = Manifest::decode(&GOLDEN[..at]);
        assert!(matches!(decoded, Err(ManifestError::Damaged)), "length {at}");
    }
}

#[test]
fn a_later_version_is_refused_by_name() {
    let mut bytes = GOLDEN[..GOLDEN.len() - 4].to_vec();
    bytes[8] = 4;
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    let decoded = Manifest::decode(&bytes);
    assert!(matches!(decoded, Err(ManifestError::Newer { version: 4, features: 0 })));
}

#[test]
fn segments_are_live_when_listed_or_newer() {
    let live: Vec<u64> = (0..12).filter(|id| golden().is_live(*id)).collect();
    assert_eq!(live, [5, 8, 9, 10, 11]);
}
