//! Hash: XXH64 of a label set, as Prometheus computes it: `limit_ratio` keeps the same series here
//! as there.
//!
//! Source: <https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>, and the byte form of
//! label sets in Prometheus built with `stringlabels`.

use model::Labels;

const PRIMES: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

/// The hash of a label set: names and values in order, each behind its length.
pub(super) fn labels(labels: &Labels) -> u64 {
    let mut bytes = Vec::new();
    for label in labels {
        for text in [&label.name, &label.value] {
            put_length(&mut bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    xxh64(&bytes)
}

/// One byte, or the byte 255 and three more, the least first.
fn put_length(bytes: &mut Vec<u8>, length: usize) {
    if let Ok(short @ 0..=254) = u8::try_from(length) {
        bytes.push(short);
        return;
    }
    bytes.push(255);
    bytes.extend_from_slice(&length.to_le_bytes()[..3]);
}

fn round(lane: u64, input: u64) -> u64 {
    let lane = lane.wrapping_add(input.wrapping_mul(PRIMES[1]));
    lane.rotate_left(31).wrapping_mul(PRIMES[0])
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// XXH64 with seed 0.
fn xxh64(bytes: &[u8]) -> u64 {
    let mut stripes = bytes.chunks_exact(32);
    let mut hash = PRIMES[4];
    if bytes.len() >= 32 {
        let mut lanes =
            [PRIMES[0].wrapping_add(PRIMES[1]), PRIMES[1], 0, 0u64.wrapping_sub(PRIMES[0])];
        for stripe in stripes.by_ref() {
            for (lane, input) in lanes.iter_mut().zip(stripe.chunks_exact(8)) {
                *lane = round(*lane, word(input));
            }
        }
        hash = lanes
            .iter()
            .zip([1, 7, 12, 18])
            .fold(0u64, |hash, (lane, by)| hash.wrapping_add(lane.rotate_left(by)));
        for lane in lanes {
            hash = (hash ^ round(0, lane)).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
        }
    }
    hash = hash.wrapping_add(bytes.len() as u64);
    avalanche(rest(hash, stripes.remainder()))
}

/// The bytes behind the last whole stripe.
fn rest(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    for input in words.by_ref() {
        hash = (hash ^ round(0, word(input))).rotate_left(27);
        hash = hash.wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
    }
    let mut halves = words.remainder().chunks_exact(4);
    for input in halves.by_ref() {
        hash = (hash ^ word(input).wrapping_mul(PRIMES[0])).rotate_left(23);
        hash = hash.wrapping_mul(PRIMES[1]).wrapping_add(PRIMES[2]);
    }
    for byte in halves.remainder() {
        hash ^= u64::from(*byte).wrapping_mul(PRIMES[4]);
        hash = hash.rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    hash
}

fn avalanche(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIMES[1]);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIMES[2]);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::xxh64;

    /// Published vectors of the algorithm.
    #[test]
    fn hashes_are_those_of_the_specification() {
        assert_eq!(xxh64(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(xxh64(b"a"), 0xD24E_C4F1_A98C_6E5B);
        assert_eq!(xxh64(b"abc"), 0x44BC_2CF5_AD77_0999);
        assert_eq!(xxh64(b"Nobody inspects the spammish repetition"), 0xFBCE_A83C_8A37_8BF1);
    }
}
