//! Page cache: verified pages of all open blocks, within one bound.
//!
//! Pages are dropped by the clock algorithm: a hand goes round, a page that was used since its
//! last visit is spared once.

use std::collections::HashMap;
use std::sync::Arc;
#[cfg(feature = "planted-bugs")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::page::PAGE_BYTES;
#[cfg(feature = "planted-bugs")]
use crate::config::PlantedBug;

/// The content of a page, where it was read to.
pub(super) type PageContent = Arc<Vec<u8>>;

/// A file in the cache; each opening is another one.
pub(super) type FileNumber = u64;
type Key = (FileNumber, u64);

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct PageCache {
    n_pages_max: usize,
    next_file: AtomicU64,
    pages: Mutex<Pages>,
    #[cfg(feature = "planted-bugs")]
    unchecked: AtomicBool,
}

#[derive(Debug, Default)]
struct Pages {
    slots: Vec<Slot>,
    slot_of: HashMap<Key, usize>,
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    content: PageContent,
    used: bool,
}

impl PageCache {
    /// A cache of at most so many bytes, and at least of one page.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            n_pages_max: (bytes_max / PAGE_BYTES).max(1),
            next_file: AtomicU64::new(0),
            pages: Mutex::default(),
            #[cfg(feature = "planted-bugs")]
            unchecked: AtomicBool::new(false),
        }
    }

    /// Gives the readers of its pages a defect.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn plant(&self, bug: Option<PlantedBug>) {
        self.unchecked.store(bug == Some(PlantedBug::PageCrcUnchecked), Ordering::Relaxed);
    }

    /// Whether pages are compared with their checksums.
    pub(super) fn checks_pages(&self) -> bool {
        #[cfg(feature = "planted-bugs")]
        if self.unchecked.load(Ordering::Relaxed) {
            return false;
        }
        true
    }

    /// A number for a file that is being opened.
    pub(super) fn register(&self) -> FileNumber {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// A page, if it is there.
    pub(super) fn get(&self, file: FileNumber, page: u64) -> Option<PageContent> {
        let mut pages = self.pages.lock();
        let at = *pages.slot_of.get(&(file, page))?;
        let slot = &mut pages.slots[at];
        slot.used = true;
        Some(Arc::clone(&slot.content))
    }

    /// Keeps a page.
    pub(super) fn put(&self, file: FileNumber, page: u64, content: PageContent) {
        let key = (file, page);
        let slot = Slot { key, content, used: false };
        let mut pages = self.pages.lock();
        if pages.slot_of.contains_key(&key) {
            // Two readers missed it at the same time.
            return;
        }
        let at = if pages.slots.len() < self.n_pages_max {
            pages.slots.push(slot);
            pages.slots.len() - 1
        } else {
            let at = pages.victim();
            let dropped = std::mem::replace(&mut pages.slots[at], slot);
            pages.slot_of.remove(&dropped.key);
            at
        };
        pages.slot_of.insert(key, at);
    }

    /// Drops the pages of a file that is closed.
    pub(super) fn forget(&self, file: FileNumber) {
        let mut pages = self.pages.lock();
        let pages = &mut *pages;
        pages.slots.retain(|slot| slot.key.0 != file);
        let keys = pages.slots.iter().enumerate();
        pages.slot_of = keys.map(|(at, slot)| (slot.key, at)).collect();
        pages.hand = 0;
    }
}

impl Pages {
    fn victim(&mut self) -> usize {
        loop {
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[self.hand];
            if !slot.used {
                return self.hand;
            }
            slot.used = false;
        }
    }
}
