//! Pages: memory for many growing chains of bytes, 32 bytes at a time.
//!
//! A chain is a row of pages, each with the number of the next one. Zeros end it: a page is all
//! zeros when it is handed out, and what is stored must not look like zeros where it begins. So a
//! chain can be read from its first page alone, while its writer goes on elsewhere.

/// Bytes of a page.
const PAGE_BYTES: usize = 32;
/// The number of the next page stands in so many bytes at its front.
const NEXT_BYTES: usize = 4;
/// Pages are taken from the allocator so many at a time: 32 KiB.
const SLAB_PAGES: usize = 1024;

type Page = [u8; PAGE_BYTES];

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Pages {
    slabs: Vec<Box<[Page]>>,
    /// How many pages are in use. They are numbered from 1.
    n_used: u32,
}

/// Where a chain begins and where it grows. The default is a chain without a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// The first page, 0 for none.
    pub(super) first: u32,
    /// The last page.
    pub(super) last: u32,
    /// How much of the last page is used, its front included.
    pub(super) used_bytes: u8,
}

impl Pages {
    /// Puts bytes at the end of a chain.
    pub(super) fn append(&mut self, ends: &mut Ends, bytes: &[u8]) {
        let mut rest = bytes;
        if ends.first != 0 {
            rest = self.fill(ends, rest);
        }
        while !rest.is_empty() {
            self.link_new(ends);
            rest = self.fill(ends, rest);
        }
    }

    /// Memory taken from the allocator.
    pub(super) fn bytes(&self) -> usize {
        self.slabs.len() * SLAB_PAGES * PAGE_BYTES
    }

    /// Appends all bytes of a chain to `bytes`, with zeros behind them.
    pub(super) fn read(&self, first: u32, bytes: &mut Vec<u8>) {
        let mut next = first;
        while next != 0 {
            let page = self.page(next);
            bytes.extend_from_slice(&page[NEXT_BYTES..]);
            next = u32::from_le_bytes([page[0], page[1], page[2], page[3]]);
        }
    }

    /// Puts into the last page what fits, and says what does not.
    fn fill<'b>(&mut self, ends: &mut Ends, bytes: &'b [u8]) -> &'b [u8] {
        let used = usize::from(ends.used_bytes);
        let n = bytes.len().min(PAGE_BYTES - used);
        let (now, rest) = bytes.split_at(n);
        self.page_mut(ends.last)[used..used + n].copy_from_slice(now);
        ends.used_bytes = (used + n) as u8;
        rest
    }

    fn link_new(&mut self, ends: &mut Ends) {
        if (self.n_used as usize).is_multiple_of(SLAB_PAGES) {
            self.slabs.push(vec![[0; PAGE_BYTES]; SLAB_PAGES].into_boxed_slice());
        }
        self.n_used += 1;
        let new = self.n_used;
        if ends.first == 0 {
            ends.first = new;
        } else {
            self.page_mut(ends.last)[..NEXT_BYTES].copy_from_slice(&new.to_le_bytes());
        }
        ends.last = new;
        ends.used_bytes = NEXT_BYTES as u8;
    }

    fn page(&self, number: u32) -> &Page {
        let at = number as usize - 1;
        &self.slabs[at / SLAB_PAGES][at % SLAB_PAGES]
    }

    fn page_mut(&mut self, number: u32) -> &mut Page {
        let at = number as usize - 1;
        &mut self.slabs[at / SLAB_PAGES][at % SLAB_PAGES]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Ends, Pages};

    proptest! {
        #[test]
        fn chains_grow_side_by_side(parts in prop::collection::vec((0_usize..4, 1_usize..60), 0..200)) {
            let mut pages = Pages::default();
            let mut chains = [const { Vec::<u8>::new() }; 4];
            let mut ends = [Ends::default(); 4];
            for (at, n) in parts {
                let part: Vec<u8> = (0..n).map(|i| (i % 255) as u8 + 1).collect();
                pages.append(&mut ends[at], &part);
                chains[at].extend_from_slice(&part);
            }
            for (chain, ends) in chains.iter().zip(ends) {
                let mut read = Vec::new();
                pages.read(ends.first, &mut read);
                prop_assert_eq!(&read[..chain.len()], &chain[..]);
                prop_assert!(read[chain.len()..].iter().all(|byte| *byte == 0));
            }
        }
    }
}
