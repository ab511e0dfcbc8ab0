//! Bits: numbers of any width one behind the other, the highest bit first.

/// Appends bits.
#[derive(Debug, Clone, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Unused low bits of the last byte.
    n_free: u32,
}

impl BitWriter {
    /// Appends the low `n_bits` of a number, at most 64.
    pub(super) fn put(&mut self, value: u64, n_bits: u32) {
        let mut n_left = n_bits;
        while n_left > 0 {
            if self.n_free == 0 {
                self.bytes.push(0);
                self.n_free = 8;
            }
            let n_now = n_left.min(self.n_free);
            n_left -= n_now;
            let bits = (value >> n_left) & ((1 << n_now) - 1);
            self.n_free -= n_now;
            if let Some(last) = self.bytes.last_mut() {
                *last |= (bits as u8) << self.n_free;
            }
        }
    }

    /// The bytes so far; the last one filled up with zeros.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of memory.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Takes bits off the front.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'b> {
    bytes: &'b [u8],
    /// Bits that were taken.
    at: usize,
}

impl<'b> BitReader<'b> {
    /// Reads from the first bit on.
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `n_bits`, at most 64; `None` when there are not so many.
    pub(super) fn take(&mut self, n_bits: u32) -> Option<u64> {
        let mut value = 0;
        let mut n_left = n_bits;
        while n_left > 0 {
            let byte = u64::from(*self.bytes.get(self.at / 8)?);
            let n_here = 8 - (self.at % 8) as u32;
            let n_now = n_left.min(n_here);
            let bits = (byte >> (n_here - n_now)) & ((1 << n_now) - 1);
            value = value << n_now | bits;
            n_left -= n_now;
            self.at += n_now as usize;
        }
        Some(value)
    }

    /// Counts ones up to the next zero, which is taken too; stops at `max` ones.
    pub(super) fn take_ones(&mut self, max: u32) -> Option<u32> {
        for n_ones in 0..max {
            if self.take(1)? == 0 {
                return Some(n_ones);
            }
        }
        Some(max)
    }
}
