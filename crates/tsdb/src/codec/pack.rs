//! Packing: numbers of one width behind each other, the lowest bit first, without padding between
//! them; the last byte is filled up with zeros.
//!
//! Eight numbers of `w` bits fill `w` bytes exactly, so the reader goes in steps of eight: in each
//! step the place of a number is known when compiling, and one unaligned load, a shift and a mask
//! fetch it.

/// The widest number that one load of eight bytes always holds, wherever its first bit is.
const NARROW_MAX: u32 = 57;
/// Of a group of eight, and of what one load takes behind it.
const GROUP_BYTES_MAX: usize = NARROW_MAX as usize + 7;

/// Bits of a number; 0 has none.
pub(super) fn width_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// Bytes of so many numbers.
pub(super) fn packed_len(n_values: usize, width: u32) -> usize {
    (n_values * width as usize).div_ceil(8)
}

/// Appends the low `width` bits of each number.
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mask = mask(width);
    let (mut word, mut n_bits) = (0_u64, 0);
    for value in values {
        let value = value & mask;
        word |= value << n_bits;
        n_bits += width;
        if n_bits >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            n_bits -= 64;
            // The bits that did not fit; all of the number's when it ended with the word.
            word = value.checked_shr(width - n_bits).unwrap_or(0);
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..n_bits.div_ceil(8) as usize]);
}

/// Reads as many numbers as there is room for from exactly their bytes.
pub(super) fn unpack(bytes: &[u8], width: u32, out: &mut [u64]) {
    assert_eq!(bytes.len(), packed_len(out.len(), width), "the caller cut the bytes to size");
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                0 => out.fill(0),
                $($width => unpack_narrow::<$width>(bytes, out),)*
                _ => unpack_wide(bytes, width, out),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
        31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57);
}

fn unpack_narrow<const WIDTH: usize>(bytes: &[u8], out: &mut [u64]) {
    // Groups that end at least seven bytes before the bytes do: no load leaves them.
    let n_safe = (bytes.len().saturating_sub(7) / WIDTH).min(out.len() / 8);
    let (safe, last) = out.split_at_mut(n_safe * 8);
    for (i, group) in safe.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        unpack_group::<WIDTH>(&bytes[i * WIDTH..][..WIDTH + 7], group);
    }
    // The rest is shorter than a group and a load; it is read from a copy with room behind it.
    let rest = &bytes[n_safe * WIDTH..];
    let mut copy = [0; 2 * GROUP_BYTES_MAX];
    copy[..rest.len()].copy_from_slice(rest);
    for (i, part) in last.chunks_mut(8).enumerate() {
        let mut group = [0; 8];
        unpack_group::<WIDTH>(&copy[i * WIDTH..][..WIDTH + 7], &mut group);
        part.copy_from_slice(&group[..part.len()]);
    }
}

#[inline(always)]
fn unpack_group<const WIDTH: usize>(bytes: &[u8], group: &mut [u64; 8]) {
    for (k, value) in group.iter_mut().enumerate() {
        let load = bytes[k * WIDTH / 8..].first_chunk().expect("the caller left room for a load");
        *value = u64::from_le_bytes(*load) >> (k * WIDTH % 8) & mask(WIDTH as u32);
    }
}

fn unpack_wide(bytes: &[u8], width: u32, out: &mut [u64]) {
    for (i, value) in out.iter_mut().enumerate() {
        let first_bit = i * width as usize;
        let here = &bytes[first_bit / 8..];
        let mut load = [0; 16];
        let n_bytes = here.len().min(16);
        load[..n_bytes].copy_from_slice(&here[..n_bytes]);
        *value = (u128::from_le_bytes(load) >> (first_bit % 8)) as u64 & mask(width);
    }
}

/// So many ones; at least one.
const fn mask(width: u32) -> u64 {
    u64::MAX >> (64 - width)
}
