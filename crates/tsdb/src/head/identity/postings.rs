//! Postings: the series that have a tag, by their slots.
//!
//! Most tags of a label with many values are had by one series, so one slot takes no memory beside
//! the tag; a few stand in a list; more in a [`SlotSet`].

use super::lean;
use super::slot_set::SlotSet;

/// A list that grows beyond this becomes a set: spread over a million slots, a set of fewer would be
/// larger than the list.
const LIST_MAX: usize = 256;
/// A set that shrinks below this becomes a list.
const SET_MIN: usize = 192;

/// See the head of this file.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "with a list of three words in it, every tag would be larger"
)]
pub(super) enum Postings {
    #[default]
    None,
    One(u32),
    List(Box<Vec<u32>>),
    Set(Box<SlotSet>),
}

impl Postings {
    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
        }
    }

    /// Adds a slot that is not there.
    pub(super) fn insert(&mut self, slot: u32) {
        match self {
            Self::None => *self = Self::One(slot),
            Self::One(first) => {
                let (low, high) = (slot.min(*first), slot.max(*first));
                *self = Self::List(Box::new(vec![low, high]));
            }
            Self::List(list) => {
                let at = list.partition_point(|known| *known < slot);
                lean::insert(list, at, slot);
                if list.len() > LIST_MAX {
                    let mut set = SlotSet::default();
                    for slot in list.iter() {
                        set.insert(*slot);
                    }
                    *self = Self::Set(Box::new(set));
                }
            }
            Self::Set(set) => {
                set.insert(slot);
            }
        }
    }

    /// Removes a slot that is there.
    pub(super) fn remove(&mut self, slot: u32) {
        match self {
            Self::None => {}
            Self::One(_) => *self = Self::None,
            Self::List(list) => {
                list.retain(|known| *known != slot);
                lean::trim(list);
                if let [last] = list[..] {
                    *self = Self::One(last);
                }
            }
            Self::Set(set) => {
                set.remove(slot);
                if set.len() < SET_MIN {
                    let mut list = Vec::with_capacity(set.len());
                    set.for_each(|slot| list.push(slot));
                    *self = Self::List(Box::new(list));
                }
            }
        }
    }

    /// Visits all slots, rising.
    pub(super) fn for_each(&self, mut visit: impl FnMut(u32)) {
        match self {
            Self::None => {}
            Self::One(slot) => visit(*slot),
            Self::List(list) => list.iter().for_each(|slot| visit(*slot)),
            Self::Set(set) => set.for_each(visit),
        }
    }

    /// Memory held beside the tag, bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::None | Self::One(_) => 0,
            Self::List(list) => size_of::<Vec<u32>>() + list.capacity() * 4,
            Self::Set(set) => size_of::<SlotSet>() + set.heap_bytes(),
        }
    }
}
