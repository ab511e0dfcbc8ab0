//! Bits: written one behind the other, the highest of a byte first.

use super::message::put_varint;

/// Collects bits.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// How many bits of the last byte are free.
    n_free: u32,
}

impl BitWriter {
    /// Goes on behind these bytes.
    pub(super) fn behind(bytes: Vec<u8>) -> Self {
        Self { bytes, n_free: 0 }
    }

    /// Writes the lowest bits of a number, at most 64, the highest of them first.
    pub(super) fn put(&mut self, number: u64, n_bits: u32) {
        let mut n_left = n_bits;
        while n_left > 0 {
            if self.n_free == 0 {
                self.bytes.push(0);
                self.n_free = 8;
            }
            let n_now = self.n_free.min(n_left);
            let part = (number >> (n_left - n_now)) as u8 & (0xff >> (8 - n_now));
            if let Some(last) = self.bytes.last_mut() {
                *last |= part << (self.n_free - n_now);
            }
            self.n_free -= n_now;
            n_left -= n_now;
        }
    }

    /// Writes a number of seven bits in each eight, the lowest first.
    pub(super) fn put_varint(&mut self, number: u64) {
        let mut bytes = Vec::with_capacity(10);
        put_varint(&mut bytes, number);
        bytes.into_iter().for_each(|byte| self.put(byte.into(), 8));
    }

    /// All bits; the last byte ends with zeros.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A row of doubles, each written as what differs from the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct XorRow {
    bits: u64,
    /// How many zeros the last window of differing bits had before and behind it.
    window: Option<(u32, u32)>,
}

impl XorRow {
    /// Begins with this value, written in full.
    pub(super) fn begin(value: f64, out: &mut BitWriter) -> Self {
        out.put(value.to_bits(), 64);
        Self { bits: value.to_bits(), window: None }
    }

    /// Writes the next value.
    pub(super) fn put(&mut self, value: f64, out: &mut BitWriter) {
        let changed = self.bits ^ value.to_bits();
        self.bits = value.to_bits();
        if changed == 0 {
            return out.put(0, 1);
        }
        // Five bits say how many zeros there are before it.
        let leading = changed.leading_zeros().min(31);
        let trailing = changed.trailing_zeros();
        if let Some((before, behind)) = self.window
            && leading >= before
            && trailing >= behind
        {
            out.put(0b10, 2);
            return out.put(changed >> behind, 64 - before - behind);
        }
        self.window = Some((leading, trailing));
        let n_significant = 64 - leading - trailing;
        out.put(0b11, 2);
        out.put(leading.into(), 5);
        // 64 does not fit six bits, and 0 is never needed.
        out.put(u64::from(n_significant) & 63, 6);
        out.put(changed >> trailing, n_significant);
    }
}
