//! ANS: symbols of few kinds in nearly as few bits as their frequencies allow (tANS, Duda 2013;
//! the order of the table's slots is that of FSE, RFC 8878 section 4.1.1).
//!
//! A state is a slot of a table of 256. Each slot stands for a symbol, which has as many slots as
//! it is frequent, and says how many bits to read to find the next slot. Four states take turns, so
//! that the reader waits for none of them. The writer goes from the last symbol to the first and
//! begins in slot 0, so that is where every state of an undamaged code ends.

use super::cursor::Cursor;
use super::pack::{pack, packed_len, unpack, width_of};
use super::{CodecError, Flaw};

/// Bits of a symbol.
pub(super) const SYMBOL_BITS: u32 = 6;
/// Kinds of symbols.
pub(super) const N_SYMBOLS: usize = 1 << SYMBOL_BITS;
/// Slots of the table: enough that rounding a frequency to a slot costs less than one in a hundred
/// bits, and few enough that a table is made in the time of a hundred symbols.
const N_SLOTS: usize = 256;
const SLOT_BITS: u32 = N_SLOTS.trailing_zeros();
/// From a slot to the next one that is given to the same symbol: odd, so all slots are visited.
const SLOT_STEP: usize = N_SLOTS / 2 + N_SLOTS / 8 + 3;
/// The number of steps from one slot to the next one: times the step it is one.
const SLOT_STEP_INVERSE: usize = 11;
const _: () = assert!(SLOT_STEP * SLOT_STEP_INVERSE % N_SLOTS == 1, "so many steps lead on by one");
/// States that take turns.
const N_STATES: usize = 4;
/// Bits of each of the three numbers before the frequencies: first symbol, last symbol, width.
const RANGE_BITS: u32 = 6;
const WIDTH_BITS: u32 = 4;

/// How many slots each symbol has; at least two symbols have some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frequencies([u16; N_SYMBOLS]);

impl Frequencies {
    /// Nearly proportional to how often symbols occur; `None` if fewer than two do.
    pub(super) fn of(counts: &[u32; N_SYMBOLS]) -> Option<Self> {
        let n: u32 = counts.iter().sum();
        if counts.iter().filter(|count| **count > 0).count() < 2 {
            return None;
        }
        let slots = |count: &u32| match count {
            0 => 0,
            count => ((count * N_SLOTS as u32 + n / 2) / n).max(1) as u16,
        };
        let mut frequencies = [0; N_SYMBOLS];
        frequencies.iter_mut().zip(counts).for_each(|(f, count)| *f = slots(count));
        // The largest takes what rounding left over or took too much.
        let mut surplus = frequencies.iter().sum::<u16>() as i32 - N_SLOTS as i32;
        while surplus != 0 {
            let largest = frequencies.iter_mut().max().expect("there are symbols");
            let change = surplus.min(i32::from(*largest / 2));
            *largest = (i32::from(*largest) - change) as u16;
            surplus -= change;
        }
        Some(Self(frequencies))
    }

    /// The symbol of the fewest bits.
    pub(super) fn cheapest(&self) -> u8 {
        let largest = self.0.iter().copied().max().unwrap_or(0);
        self.0.iter().position(|f| *f == largest).unwrap_or(0) as u8
    }

    /// About the bits of a code of symbols that occur so often, with a `share`-th of its table.
    pub(super) fn n_bits(&self, counts: &[u32; N_SYMBOLS], share: usize) -> usize {
        let bits = |(f, count): (&u16, &u32)| match count {
            0 => 0.0,
            count => *count as f32 * (SLOT_BITS as f32 - f32::from(*f).log2()),
        };
        let symbols: f32 = self.0.iter().zip(counts).map(bits).sum();
        let (first, last, width) = self.shape();
        let table = 2 * RANGE_BITS + WIDTH_BITS + (last - first) as u32 * width;
        symbols as usize + (table + N_STATES as u32 * SLOT_BITS) as usize / share
    }

    /// The first and the last symbol that has slots, and the bits of the widest number of slots,
    /// the last symbol's left out.
    fn shape(&self) -> (usize, usize, u32) {
        let first = self.0.iter().position(|f| *f > 0).unwrap_or(0);
        let last = self.0.iter().rposition(|f| *f > 0).unwrap_or(0);
        let widest = self.0[first..last].iter().max().copied().unwrap_or(0);
        (first, last, width_of(u64::from(widest)))
    }

    fn put(&self, out: &mut Vec<u8>) {
        let (first, last, width) = self.shape();
        let shape =
            first as u64 | (last as u64) << RANGE_BITS | u64::from(width) << (2 * RANGE_BITS);
        out.extend_from_slice(&(shape as u16).to_le_bytes());
        // The last symbol has what is left.
        pack(self.0[first..last].iter().map(|f| u64::from(*f)), width, out);
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, CodecError> {
        let damaged = cursor.error(Flaw::Entropy);
        let shape = cursor.take(2)?;
        let shape = usize::from(shape[0]) | usize::from(shape[1]) << 8;
        let range = |from: u32| shape >> from & (N_SYMBOLS - 1);
        let (first, last) = (range(0), range(RANGE_BITS));
        let width = (shape >> (2 * RANGE_BITS)) as u32;
        if first >= last || width > SLOT_BITS {
            return Err(damaged);
        }
        let mut words = [0; N_SYMBOLS];
        let words = &mut words[..last - first];
        unpack(cursor.take(packed_len(words.len(), width))?, width, words);
        let n_given: u64 = words.iter().sum();
        let n_left = (N_SLOTS as u64).checked_sub(n_given).filter(|n_left| *n_left > 0);
        let mut frequencies = [0; N_SYMBOLS];
        frequencies[first..last].iter_mut().zip(&*words).for_each(|(f, word)| *f = *word as u16);
        frequencies[last] = n_left.ok_or(damaged)? as u16;
        // One symbol with all slots would read no bits, ever.
        if frequencies.contains(&(N_SLOTS as u16)) { Err(damaged) } else { Ok(Self(frequencies)) }
    }

    /// The symbol of each slot, in the order of slots.
    fn symbols(&self) -> [u8; N_SLOTS] {
        let mut as_given = [0; N_SLOTS];
        let mut begin = 0;
        for (symbol, f) in self.0.iter().enumerate() {
            let end = begin + usize::from(*f);
            as_given[begin..end].fill(symbol as u8);
            begin = end;
        }
        // A slot's turn comes as many steps back as it takes to it.
        std::array::from_fn(|slot| as_given[slot * SLOT_STEP_INVERSE % N_SLOTS])
    }
}

/// Appends the frequencies and the code of symbols, each of which must have slots.
pub(super) fn encode(frequencies: &Frequencies, symbols: &[u8], out: &mut Vec<u8>) {
    frequencies.put(out);
    let coder = Coder::new(frequencies);
    let mut states = [0_u32; N_STATES];
    let mut steps = vec![(0, 0); symbols.len()];
    for (i, symbol) in symbols.iter().enumerate().rev() {
        steps[i] = coder.step(*symbol, &mut states[i % N_STATES]);
    }
    out.extend(states.map(|state| state as u8));
    let (mut word, mut n_bits) = (0_u64, 0);
    for (bits, width) in steps {
        word |= u64::from(bits) << n_bits;
        n_bits += width;
        if n_bits >= 32 {
            out.extend_from_slice(&(word as u32).to_le_bytes());
            word >>= 32;
            n_bits -= 32;
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..n_bits.div_ceil(8) as usize]);
}

/// How to get from a state and a symbol to the state before.
struct Coder {
    /// The slots of each symbol, rising, symbol by symbol.
    slots: [u8; N_SLOTS],
    /// Where the slots of a symbol begin, and how many they are.
    ranges: [(u16, u16); N_SYMBOLS],
}

impl Coder {
    fn new(frequencies: &Frequencies) -> Self {
        let mut ranges = [(0, 0); N_SYMBOLS];
        let mut begin = 0;
        for (range, f) in ranges.iter_mut().zip(&frequencies.0) {
            *range = (begin, *f);
            begin += f;
        }
        let mut next = ranges.map(|(begin, _)| begin);
        let mut slots = [0; N_SLOTS];
        for (slot, symbol) in frequencies.symbols().into_iter().enumerate() {
            let at = &mut next[usize::from(symbol)];
            slots[usize::from(*at)] = slot as u8;
            *at += 1;
        }
        Self { slots, ranges }
    }

    /// Moves a state and returns the bits by which the reader finds it again, and how many.
    fn step(&self, symbol: u8, state: &mut u32) -> (u32, u32) {
        let (begin, f) = self.ranges[usize::from(symbol)];
        let (begin, f) = (u32::from(begin), u32::from(f));
        let state_now = *state + N_SLOTS as u32;
        // So many that what stays is at least `f` and less than `2 f`.
        let mut width = SLOT_BITS - f.ilog2();
        width -= u32::from(state_now >> width < f);
        let rank = (state_now >> width) - f;
        *state = u32::from(self.slots[(begin + rank) as usize]);
        (state_now & ((1 << width) - 1), width)
    }
}

/// What a slot says.
#[derive(Clone, Copy, Default)]
struct Slot {
    symbol: u8,
    next: Next,
}

/// How the next slot is found.
#[derive(Clone, Copy, Default)]
struct Next {
    /// Bits to read.
    width: u8,
    /// What to add to them.
    base: u8,
}

/// By the rank of a slot: those of a symbol with `f` slots have the ranks from `f` on, below `2 f`.
const NEXT: [Next; 2 * N_SLOTS] = {
    let mut next = [Next { width: 0, base: 0 }; 2 * N_SLOTS];
    let mut rank = 1;
    while rank < next.len() {
        let width = SLOT_BITS.saturating_sub(rank.ilog2());
        let base = (rank << width).wrapping_sub(N_SLOTS) as u8;
        next[rank] = Next { width: width as u8, base };
        rank += 1;
    }
    next
};

fn table(frequencies: &Frequencies) -> [Slot; N_SLOTS] {
    let mut ranks = frequencies.0;
    frequencies.symbols().map(|symbol| {
        let rank = &mut ranks[usize::from(symbol)];
        let next = NEXT[usize::from(*rank) % NEXT.len()];
        *rank += 1;
        Slot { symbol, next }
    })
}

/// Reads a code that goes on to the end and puts its symbols, moved up by `shift`, over the
/// numbers with or.
pub(super) fn decode_over(
    cursor: &mut Cursor<'_>,
    shift: u32,
    numbers: &mut [u64],
) -> Result<(), CodecError> {
    let table = table(&Frequencies::take(cursor)?);
    let mut states = [0; N_STATES];
    states.copy_from_slice(cursor.take(N_STATES)?);
    let damaged = cursor.error(Flaw::Entropy);
    let bytes = cursor.rest();
    let n_bits = read_symbols(&table, &mut states, bytes, shift, numbers).ok_or(damaged)?;
    let is_whole = n_bits.div_ceil(8) == bytes.len() && states == [0; N_STATES];
    if is_whole { Ok(()) } else { Err(damaged) }
}

/// Bits that were read; `None` if there are not so many.
fn read_symbols(
    table: &[Slot; N_SLOTS],
    states: &mut [u8; N_STATES],
    bytes: &[u8],
    shift: u32,
    numbers: &mut [u64],
) -> Option<usize> {
    // Where a load would leave the bytes it is taken from a copy with room behind it.
    let n_safe = bytes.len().saturating_sub(7);
    let mut tail = [0; 16];
    let n_tail = bytes.len().min(7);
    tail[..n_tail].copy_from_slice(&bytes[bytes.len() - n_tail..]);
    let mut at = 0;
    for group in numbers.chunks_mut(N_STATES) {
        let byte = at / 8;
        let load = if byte < n_safe {
            bytes[byte..].first_chunk()
        } else {
            tail.get(byte - (bytes.len() - n_tail)..)?.first_chunk()
        };
        let mut word = u64::from_le_bytes(*load?) >> (at % 8);
        for (number, state) in group.iter_mut().zip(&mut *states) {
            let slot = table[usize::from(*state)];
            *number |= u64::from(slot.symbol) << shift;
            let Next { width, base } = slot.next;
            *state = base.wrapping_add((word & mask_of(width)) as u8);
            word >>= width;
            at += usize::from(width);
        }
    }
    Some(at)
}

/// So many ones, at most eight.
fn mask_of(width: u8) -> u64 {
    (1 << width) - 1
}
