//! Cursor: takes numbers off the front of a column's bytes and knows where it stands.

use super::{CodecError, Flaw};

/// A place in the bytes of a column.
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    /// Stands before the first byte.
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// This flaw, here.
    pub(super) fn error(&self, flaw: Flaw) -> CodecError {
        CodecError { flaw, at: self.at }
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        let byte = self.peek().ok_or(self.error(Flaw::Missing))?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn take(&mut self, n_bytes: usize) -> Result<&'b [u8], CodecError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..n_bytes).ok_or(self.error(Flaw::Missing))?;
        self.at += n_bytes;
        Ok(taken)
    }

    /// All bytes that are left.
    pub(super) fn rest(&mut self) -> &'b [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// A cursor over the next bytes alone, which counts on from here.
    pub(super) fn part(&mut self, n_bytes: usize) -> Result<Self, CodecError> {
        let at = self.at;
        self.take(n_bytes)?;
        Ok(Self { bytes: &self.bytes[..self.at], at })
    }

    pub(super) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(Flaw::Varint))
    }

    /// A varint whose sign is its lowest bit.
    pub(super) fn signed(&mut self) -> Result<i64, CodecError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Everything must have been taken.
    pub(super) fn finish(&self) -> Result<(), CodecError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.error(Flaw::Surplus)) }
    }
}

/// Appends a number in 1 to 10 bytes, seven bits each, the lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a number whose sign becomes the lowest bit: 0, -1, 1, -2 are written 0, 1, 2, 3.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// Bytes that [`put_signed`] needs.
pub(super) fn signed_len(value: i64) -> usize {
    varint_len(zigzag(value))
}

/// Bytes that [`put_varint`] needs.
pub(super) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}
