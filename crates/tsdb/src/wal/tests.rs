//! The bytes of the log: frozen ones as hex, all others as properties.

use std::path::Path;

use model::{Labels, STALE_MARKER_BITS, Sample};
use proptest::collection::vec;
use proptest::prelude::*;
use stdx::Disk;
use testkit::SimDisk;

use super::frame::{push_frame, seal};
use super::record::MalformedPayload;
use super::segment::{HeaderError, decode_header, encode_header};
use super::varint::{put_varint, take_varint, unzigzag, zigzag};
use super::*;

const SEGMENT: SegmentId = 7;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).unwrap();
        u8::from_str_radix(pair, 16).unwrap()
    };
    digits.chunks(2).map(byte).collect()
}

/// Frames as a reader gives them, owned.
type Frames = Vec<(u64, u16, Vec<u8>)>;

fn read_segment(bytes: &[u8]) -> (Frames, Damage) {
    let disk = SimDisk::new(0);
    let wal_dir = Path::new("/wal");
    disk.put(&segment_path(wal_dir, SEGMENT), bytes);
    let mut reader = SegmentReader::open(&disk as &dyn Disk, wal_dir, SEGMENT).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push((frame.lsn, frame.kind, frame.payload.to_vec()));
    }
    (frames, reader.damage())
}

fn segment_of(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut frames = Vec::new();
    for (lsn, payload) in (1..).zip(payloads) {
        push_frame(&mut frames, 2, lsn, payload);
    }
    seal(&mut frames, SEGMENT);
    let mut bytes = encode_header(SEGMENT, 0).to_vec();
    bytes.extend_from_slice(&frames);
    bytes
}

const GOLDEN_HEADER: &str = "
    504841524f53574c 01000000 00000000 00000000 0700000000000000 2900000000000000 b163a4d5";

const GOLDEN_SERIES: &str = "
    f55057ff 1e000000 0100 0000 2a00000000000000 0572860d
    0500000003000000 02 08 5f5f6e616d655f5f 03 637075 05 68c3b67374 01 61
    b8e2fa19";

const GOLDEN_SAMPLES: &str = "
    f55057ff 3d000000 0200 0000 2b00000000000000 e46f4588
    8a8080806080a0d5edee660000000000000045400200a29c01020000000000f0
    7f0080e0aa929199ffffff010101000000000000000000000000000080
    943b300f";

fn golden_definition() -> (SeriesRef, Labels) {
    (SeriesRef::new(3, 5), Labels::of_metric("cpu", [("höst", "a")]).unwrap())
}

fn pairs_of(labels: &Labels) -> Vec<(&str, &str)> {
    labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect()
}

fn definition_payload((reference, labels): &(SeriesRef, Labels)) -> Vec<u8> {
    let mut payload = Vec::new();
    encode_definition(&mut payload, *reference, pairs_of(labels).into_iter());
    payload
}

fn decode_definitions(payload: &[u8]) -> Result<Vec<(SeriesRef, Labels)>, MalformedPayload> {
    let mut definitions = Definitions::new(payload);
    let (mut pairs, mut decoded) = (Vec::new(), Vec::new());
    while let Some(reference) = definitions.next_into(&mut pairs) {
        decoded.push((reference?, Labels::new(pairs.iter().copied()).unwrap()));
    }
    Ok(decoded)
}

fn golden_samples() -> Vec<(SeriesRef, Sample)> {
    let sample = |t_ms, bits, start_ms| Sample { t_ms, value: f64::from_bits(bits), start_ms };
    vec![
        (SeriesRef::new(3, 5), sample(1_767_225_600_000, 42.0_f64.to_bits(), 0)),
        (SeriesRef::new(3, 6), sample(1_767_225_600_000, STALE_MARKER_BITS, 1_767_225_590_000)),
        (SeriesRef::new(3, 6), sample(i64::MIN, (-0.0_f64).to_bits(), 1)),
    ]
}

fn encode_samples(samples: &[(SeriesRef, Sample)]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut before = Before::default();
    for (reference, sample) in samples {
        encode_sample(&mut payload, &mut before, *reference, sample);
    }
    payload
}

fn decode_samples(payload: &[u8]) -> Vec<(SeriesRef, Sample)> {
    Samples::new(payload).map(Result::unwrap).collect()
}

fn assert_same_samples(found: &[(SeriesRef, Sample)], expected: &[(SeriesRef, Sample)]) {
    let same =
        |(a, b): (&(SeriesRef, Sample), &(SeriesRef, Sample))| a.0 == b.0 && a.1.same_bits(&b.1);
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(same),
        "{found:?} instead of {expected:?}"
    );
}

#[test]
fn frozen_segment_header() {
    let bytes = unhex(GOLDEN_HEADER);
    assert_eq!(hex(&encode_header(SEGMENT, 41)), hex(&bytes));
    let header = decode_header(&bytes, SEGMENT).unwrap();
    assert_eq!(header.durable_lsn, 41);
}

#[test]
fn frozen_frames() {
    let payload = definition_payload(&golden_definition());
    let mut frames = Vec::new();
    push_frame(&mut frames, FrameKind::Series as u16, 42, &payload);
    let samples = encode_samples(&golden_samples());
    push_frame(&mut frames, FrameKind::Samples as u16, 43, &samples);
    seal(&mut frames, SEGMENT);
    let golden = [unhex(GOLDEN_SERIES), unhex(GOLDEN_SAMPLES)].concat();
    assert_eq!(hex(&frames), hex(&golden));

    let file = [unhex(GOLDEN_HEADER), golden].concat();
    let (frames, damage) = read_segment(&file);
    assert_eq!(damage, Damage::default());
    let [(42, 1, definitions), (43, 2, samples)] = &frames[..] else {
        panic!("{frames:?}");
    };
    assert_eq!(decode_definitions(definitions), Ok(vec![golden_definition()]));
    assert_same_samples(&decode_samples(samples), &golden_samples());
}

#[test]
fn a_header_of_a_later_version_or_with_features_is_refused_by_name() {
    let with = |at: usize, byte: u8| {
        let mut bytes = encode_header(SEGMENT, 0);
        bytes[at] = byte;
        let sum = crc32fast::hash(&bytes[..36]);
        bytes[36..].copy_from_slice(&sum.to_le_bytes());
        decode_header(&bytes, SEGMENT)
    };
    let newer = |version, features| Err(HeaderError::Newer { version, features });
    assert_eq!(with(8, 2), newer(2, 0));
    assert_eq!(with(12, 4), newer(1, 4));
    assert_eq!(with(20, 8), Err(HeaderError::Damaged));
}

#[test]
fn a_segment_of_another_number_does_not_validate() {
    let mut frames = Vec::new();
    push_frame(&mut frames, 2, 1, b"stale");
    seal(&mut frames, SEGMENT - 1);
    let mut bytes = encode_header(SEGMENT, 0).to_vec();
    bytes.extend_from_slice(&frames);
    let (found, damage) = read_segment(&bytes);
    assert_eq!(found, []);
    assert!(damage.torn_tail);
    seal(&mut bytes[40..], SEGMENT);
    assert_eq!(read_segment(&bytes).0.len(), 1);
}

#[test]
fn damage_followed_by_a_frame_is_corruption_and_else_a_torn_tail() {
    let payloads = [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()];
    let whole = segment_of(&payloads);
    let second_at = 40 + 28 + 5;
    for at in [second_at, second_at + 5, second_at + 25, second_at + 31] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let (frames, damage) = read_segment(&bytes);
        let lsns: Vec<u64> = frames.iter().map(|frame| frame.0).collect();
        assert_eq!(lsns, [1, 3], "byte {at}");
        assert_eq!((damage.corrupt_places, damage.torn_tail), (1, false));
    }
    let (frames, damage) = read_segment(&whole[..whole.len() - 1]);
    assert_eq!(frames.len(), 2);
    assert_eq!((damage.corrupt_places, damage.torn_tail), (0, true));
}

#[test]
fn a_frame_inside_a_damaged_payload_is_not_taken() {
    let mut inner = Vec::new();
    push_frame(&mut inner, 2, 9, b"forged");
    seal(&mut inner, SEGMENT);
    inner.push(0);
    let mut bytes = segment_of(&[inner, b"after".to_vec()]);
    let padding_at = bytes.len() - 28 - 5 - 4 - 1;
    bytes[padding_at] = 1;
    let (frames, damage) = read_segment(&bytes);
    assert_eq!(frames, [(2, 2, b"after".to_vec())]);
    assert_eq!(damage.corrupt_places, 1);
}

#[test]
fn frames_larger_than_what_is_read_at_a_time_are_whole() {
    let payloads = [vec![1; 3 << 20], vec![2; 5], vec![3; (1 << 20) - 10]];
    let (frames, damage) = read_segment(&segment_of(&payloads));
    let found: Vec<_> = frames.into_iter().map(|frame| frame.2).collect();
    assert_eq!(found, payloads);
    assert_eq!(damage, Damage::default());
}

#[test]
fn damage_larger_than_what_is_read_at_a_time_is_skipped() {
    let mut bytes = segment_of(&[vec![1; 10], vec![2; 3 << 20], vec![3; 10]]);
    let second_at = 40 + 38;
    bytes[second_at..second_at + (3 << 20)].fill(0);
    let (frames, damage) = read_segment(&bytes);
    let lsns: Vec<u64> = frames.iter().map(|frame| frame.0).collect();
    assert_eq!(lsns, [1, 3]);
    assert_eq!(damage.corrupt_places, 1);
}

#[test]
fn only_our_own_names_are_segments() {
    let parse = |name: &str| parse_segment_name(Path::new(name));
    assert_eq!(parse("/wal/0000000012.wal"), Some(12));
    assert_eq!(parse("/wal/12345678901.wal"), Some(12_345_678_901));
    assert_eq!(parse("/wal/12.wal"), None);
    assert_eq!(parse("/wal/+000000012.wal"), None);
    assert_eq!(parse("/wal/0000000012.wal.tmp"), None);
}

#[test]
fn malformed_payloads_are_refused() {
    let samples = encode_samples(&golden_samples());
    let refused = |payload: &[u8]| Samples::new(payload).any(|sample| sample.is_err());
    assert!(refused(&samples[..samples.len() - 1]));
    let mut payload = definition_payload(&golden_definition());
    assert!(decode_definitions(&payload[..payload.len() - 1]).is_err());
    // A text that is not UTF-8, and a length beyond the end.
    let at = payload.len() - 1;
    payload[at] = 0xFF;
    assert!(decode_definitions(&payload).is_err());
    payload[at - 1] = 0x7f;
    assert!(decode_definitions(&payload).is_err());
}

#[test]
fn labels_out_of_order_are_refused() {
    for pairs in [vec![("b", "1"), ("a", "1")], vec![("a", "1"), ("a", "2")], vec![("a", "")]] {
        let mut payload = Vec::new();
        encode_definition(&mut payload, SeriesRef::new(1, 1), pairs.clone().into_iter());
        assert_eq!(decode_definitions(&payload), Err(MalformedPayload), "{pairs:?}");
    }
}

#[test]
fn references_keep_epoch_and_slot() {
    let reference = SeriesRef::new(0xdead_beef, 0x1234_5678);
    assert_eq!(reference.to_bits(), 0xdead_beef_1234_5678);
    assert_eq!(reference.epoch(), 0xdead_beef);
}

/// Times from everywhere, often the extremes.
fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        Just(0),
        1_767_225_600_000..1_767_225_700_000_i64,
    ]
}

fn any_logged() -> impl Strategy<Value = (SeriesRef, Sample)> {
    (any::<u64>(), any_time(), any::<u64>(), any_time()).prop_map(
        |(reference, t_ms, bits, start_ms)| {
            let value = f64::from_bits(bits);
            let sample = Sample { t_ms, value, start_ms };
            (SeriesRef::from_bits(reference), sample)
        },
    )
}

proptest! {
    #[test]
    fn varints_return(value in prop_oneof![any::<u64>(), 0..300_u64, Just(u64::MAX)]) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value);
        prop_assert!(bytes.len() <= 10);
        let mut left = &bytes[..];
        prop_assert_eq!(take_varint(&mut left), Some(value));
        prop_assert!(left.is_empty());
        prop_assert_eq!(take_varint(&mut &bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn any_bytes_are_a_varint_or_not(bytes in vec(any::<u8>(), 0..12)) {
        let mut left = &bytes[..];
        if let Some(value) = take_varint(&mut left) {
            prop_assert!(bytes.len() - left.len() <= 10);
            let n_bits = 64 - value.leading_zeros();
            prop_assert!(n_bits as usize <= 7 * (bytes.len() - left.len()));
        }
    }

    #[test]
    fn zigzag_returns(value in any_time()) {
        prop_assert_eq!(unzigzag(zigzag(value)), value);
    }

    #[test]
    fn samples_return(samples in vec(any_logged(), 0..50)) {
        assert_same_samples(&decode_samples(&encode_samples(&samples)), &samples);
    }

    #[test]
    fn definitions_return(
        reference in any::<u64>(),
        pairs in proptest::collection::btree_map("\\PC{1,9}", "\\PC{0,40}", 0..9),
    ) {
        let reference = SeriesRef::from_bits(reference);
        let labels = Labels::new(pairs).unwrap();
        let defined = (reference, labels);
        let payload = definition_payload(&defined);
        prop_assert!(payload.len() <= definition_bytes(pairs_of(&defined.1).into_iter()));
        prop_assert_eq!(decode_definitions(&payload), Ok(vec![defined]));
    }

    #[test]
    fn any_bytes_are_no_reason_to_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode_definitions(&bytes);
        let _ = Samples::new(&bytes).count();
        let _ = read_segment(&bytes);
    }

    #[test]
    fn frames_return(payloads in vec(vec(any::<u8>(), 0..60), 0..8)) {
        let (frames, damage) = read_segment(&segment_of(&payloads));
        let expected: Frames = (1..).zip(payloads).map(|(lsn, p)| (lsn, 2, p)).collect();
        prop_assert_eq!(frames, expected);
        prop_assert_eq!(damage, Damage::default());
    }
}
