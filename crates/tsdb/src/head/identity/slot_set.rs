//! Slot set: many slots, compact: per 65 536 of them a sorted list of two bytes each, or a bitmap
//! where that is shorter (the containers of Chambi, Lemire et al., "Better bitmap performance with
//! Roaring bitmaps", 2016). A label that all of a million series have costs a bit a series.

use super::lean;

/// A list that grows beyond this becomes a bitmap, which has the size of as many elements.
const LIST_MAX: usize = 4096;
/// A bitmap that shrinks below this becomes a list. The two differ so that a set at the edge does
/// not change with each slot.
const BITMAP_MIN: u32 = 3072;
const BITMAP_WORDS: usize = 1024;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct SlotSet {
    /// By rising upper halves of their slots; none is empty.
    blocks: Vec<Block>,
    n: u32,
    /// What the blocks hold, bytes.
    bytes: usize,
}

#[derive(Debug)]
struct Block {
    /// The upper half of its slots.
    upper: u16,
    slots: Lower,
}

/// The lower halves of slots.
#[derive(Debug)]
enum Lower {
    List(Vec<u16>),
    Bitmap { words: Box<[u64; BITMAP_WORDS]>, n: u32 },
}

fn halves(slot: u32) -> (u16, u16) {
    ((slot >> 16) as u16, slot as u16)
}

impl SlotSet {
    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.n as usize
    }

    /// Adds a slot; false if it was there.
    pub(super) fn insert(&mut self, slot: u32) -> bool {
        let (upper, lower) = halves(slot);
        let at = match self.find(upper) {
            Ok(at) => at,
            Err(at) => {
                lean::insert(&mut self.blocks, at, Block { upper, slots: Lower::List(Vec::new()) });
                at
            }
        };
        let slots = &mut self.blocks[at].slots;
        let before = slots.bytes();
        let is_new = slots.insert(lower);
        self.bytes = self.bytes - before + slots.bytes();
        self.n += u32::from(is_new);
        is_new
    }

    /// Removes a slot; false if it was not there.
    pub(super) fn remove(&mut self, slot: u32) -> bool {
        let (upper, lower) = halves(slot);
        let Ok(at) = self.find(upper) else {
            return false;
        };
        let slots = &mut self.blocks[at].slots;
        let before = slots.bytes();
        let was_there = slots.remove(lower);
        self.bytes = self.bytes - before + slots.bytes();
        self.n -= u32::from(was_there);
        if slots.len() == 0 {
            self.bytes -= slots.bytes();
            self.blocks.remove(at);
            lean::trim(&mut self.blocks);
        }
        was_there
    }

    /// The place of the block with these slots, or the place where it would stand.
    fn find(&self, upper: u16) -> Result<usize, usize> {
        self.blocks.binary_search_by_key(&upper, |block| block.upper)
    }

    /// Visits all slots, rising.
    pub(super) fn for_each(&self, mut visit: impl FnMut(u32)) {
        for block in &self.blocks {
            let base = u32::from(block.upper) << 16;
            block.slots.for_each(|lower| visit(base | u32::from(lower)));
        }
    }

    /// Memory held beside the set itself, bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes + self.blocks.capacity() * size_of::<Block>()
    }
}

impl Lower {
    fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Bitmap { n, .. } => *n as usize,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::List(list) => list.capacity() * 2,
            Self::Bitmap { .. } => BITMAP_WORDS * 8,
        }
    }

    fn insert(&mut self, lower: u16) -> bool {
        match self {
            Self::List(list) => {
                let Err(at) = list.binary_search(&lower) else {
                    return false;
                };
                lean::insert(list, at, lower);
                if list.len() > LIST_MAX {
                    *self = Self::bitmap_of(list);
                }
                true
            }
            Self::Bitmap { words, n } => {
                let (word, bit) = place(lower);
                let is_new = words[word] & bit == 0;
                words[word] |= bit;
                *n += u32::from(is_new);
                is_new
            }
        }
    }

    fn remove(&mut self, lower: u16) -> bool {
        match self {
            Self::List(list) => {
                let Ok(at) = list.binary_search(&lower) else {
                    return false;
                };
                list.remove(at);
                lean::trim(list);
                true
            }
            Self::Bitmap { words, n } => {
                let (word, bit) = place(lower);
                let was_there = words[word] & bit != 0;
                words[word] &= !bit;
                *n -= u32::from(was_there);
                if *n < BITMAP_MIN {
                    let mut list = Vec::with_capacity(*n as usize);
                    self.for_each(|lower| list.push(lower));
                    *self = Self::List(list);
                }
                was_there
            }
        }
    }

    fn bitmap_of(list: &[u16]) -> Self {
        let mut words = Box::new([0; BITMAP_WORDS]);
        for lower in list {
            let (word, bit) = place(*lower);
            words[word] |= bit;
        }
        Self::Bitmap { words, n: list.len() as u32 }
    }

    fn for_each(&self, mut visit: impl FnMut(u16)) {
        match self {
            Self::List(list) => list.iter().for_each(|lower| visit(*lower)),
            Self::Bitmap { words, .. } => {
                for (at, word) in words.iter().enumerate() {
                    let mut left = *word;
                    while left != 0 {
                        visit((at * 64) as u16 | left.trailing_zeros() as u16);
                        left &= left - 1;
                    }
                }
            }
        }
    }
}

/// Where the bit of a slot is.
fn place(lower: u16) -> (usize, u64) {
    (usize::from(lower / 64), 1 << (lower % 64))
}

#[cfg(test)]
impl SlotSet {
    /// The bytes counted from scratch.
    pub(super) fn counted_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.slots.bytes()).sum()
    }

    /// The bytes kept up to date.
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes
    }
}
