//! Varint: small numbers in few bytes, seven bits each, the lowest first; zigzag brings the sign
//! into the lowest bit.

/// Appends a number in 1 to 10 bytes.
pub(super) fn put_varint(buf: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buf.push(value as u8 | 0x80);
        value >>= 7;
    }
    buf.push(value as u8);
}

/// Puts a number in 1 to 10 bytes at the front of a slice that has room for them, and says how many
/// they are.
pub(crate) fn put_varint_at(slice: &mut [u8], mut value: u64) -> usize {
    let mut n = 0;
    while value >= 0x80 {
        slice[n] = value as u8 | 0x80;
        value >>= 7;
        n += 1;
    }
    slice[n] = value as u8;
    n + 1
}

/// Takes a number off the front; `None` when the bytes end within it or it exceeds 64 bits.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes eight bytes off the front, the lowest first.
pub(super) fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

/// 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The reverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
