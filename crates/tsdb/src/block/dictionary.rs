//! Dictionary: every *tag*, a label's name and value, once and under a number.
//!
//! Tags are numbered in the order of names, then values, so the values of a name are a range of
//! numbers, and series compare by their numbers as they do by their labels. Values stand in groups
//! of [`GROUP`]: the first in full, each other as the bytes it shares with the one before and the
//! rest. A name may hold any character, so names have a table of their own rather than a separator.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::GROUP;
use super::bytes::{Cursor, put_varint};

/// A tag's number.
pub(super) type Tag = u32;

/// Gives numbers to tags in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct TagNumbers {
    by_name: HashMap<String, HashMap<String, Tag>>,
    n_tags: u32,
}

/// A name and its values with their first numbers, both sorted.
pub(super) type SortedTags = Vec<(String, Vec<(String, Tag)>)>;

impl TagNumbers {
    /// The number of a tag; `None` when there are too many.
    pub(super) fn number(&mut self, name: &str, value: &str) -> Option<Tag> {
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), HashMap::new());
        }
        let values = self.by_name.get_mut(name).expect("it was just inserted");
        if let Some(tag) = values.get(value) {
            return Some(*tag);
        }
        let tag = self.n_tags;
        self.n_tags = self.n_tags.checked_add(1)?;
        values.insert(value.to_owned(), tag);
        Some(tag)
    }

    /// How many tags have a number.
    pub(super) fn len(&self) -> usize {
        self.n_tags as usize
    }

    /// All tags that are used, in the order of the dictionary.
    pub(super) fn into_sorted(self, used: &[bool]) -> SortedTags {
        let sorted_values = |values: HashMap<String, Tag>| {
            let values = values.into_iter().filter(|(_, tag)| used[*tag as usize]);
            let mut values: Vec<(String, Tag)> = values.collect();
            values.sort_unstable();
            values
        };
        let names = self.by_name.into_iter();
        let mut tags: SortedTags =
            names.map(|(name, values)| (name, sorted_values(values))).collect();
        tags.retain(|(_, values)| !values.is_empty());
        tags.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        tags
    }
}

/// Writes the values, and where each group begins.
pub(super) fn encode_values<'v>(values: impl Iterator<Item = &'v str>) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut groups) = (Vec::new(), Vec::new());
    let mut before = "";
    for (at, value) in values.enumerate() {
        if at % GROUP == 0 {
            groups.push(bytes.len());
            put_varint(&mut bytes, value.len() as u64);
            bytes.extend_from_slice(value.as_bytes());
        } else {
            let n_shared = shared_prefix(before.as_bytes(), value.as_bytes());
            put_varint(&mut bytes, n_shared as u64);
            put_varint(&mut bytes, (value.len() - n_shared) as u64);
            bytes.extend_from_slice(&value.as_bytes()[n_shared..]);
        }
        before = value;
    }
    (bytes, groups)
}

fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// The values of a group, read again and again into the same memory.
#[derive(Debug, Default)]
pub(super) struct ValuesGroup {
    texts: String,
    /// Where each ends, which begins where the one before ends.
    ends: Vec<usize>,
}

impl ValuesGroup {
    /// Reads a group of so many; `None`, and it has none, if the bytes are no group.
    pub(super) fn decode(&mut self, bytes: &[u8], n_values: usize) -> Option<()> {
        self.texts.clear();
        self.ends.clear();
        let decoded = self.decode_all(bytes, n_values);
        if decoded.is_none() {
            self.ends.clear();
        }
        decoded
    }

    fn decode_all(&mut self, bytes: &[u8], n_values: usize) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        let mut value: Vec<u8> = Vec::new();
        for at in 0..n_values {
            let n_shared = if at == 0 { 0 } else { cursor.at_most(value.len())? };
            let n_own = cursor.at_most(cursor.len())?;
            value.truncate(n_shared);
            value.extend_from_slice(cursor.take(n_own)?);
            self.texts.push_str(std::str::from_utf8(&value).ok()?);
            self.ends.push(self.texts.len());
        }
        (cursor.len() == 0).then_some(())
    }

    /// One of the values.
    pub(super) fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.texts[start..end])
    }

    /// All of them, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map_while(|at| self.get(at))
    }
}

/// A label's name.
#[derive(Debug, Clone)]
pub(super) struct Name {
    /// The name.
    pub(super) name: Arc<str>,
    /// The numbers of its values.
    pub(super) tags: Range<Tag>,
    /// How many series have it.
    pub(super) n_series: u32,
}

/// Writes the names, each with the number of its values and of the series that have it.
pub(super) fn encode_names<'n>(names: impl Iterator<Item = (&'n str, usize, u64)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, n_values, n_series) in names {
        put_varint(&mut bytes, name.len() as u64);
        bytes.extend_from_slice(name.as_bytes());
        put_varint(&mut bytes, n_values as u64);
        put_varint(&mut bytes, n_series);
    }
    bytes
}

/// The names of a block, sorted.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Name>);

impl Names {
    /// Reads so many names with so many values in all.
    pub(super) fn decode(bytes: &[u8], n_names: u32, n_tags: u32) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        // Each takes three bytes at least.
        let mut names: Vec<Name> = Vec::with_capacity((n_names as usize).min(bytes.len() / 3));
        let mut n_before = 0_u32;
        for _ in 0..n_names {
            let n_bytes = cursor.at_most(cursor.len())?;
            let name = std::str::from_utf8(cursor.take(n_bytes)?).ok()?;
            let end = n_before.checked_add(cursor.varint_u32()?)?;
            let n_series = cursor.varint_u32()?;
            let is_next = names.last().is_none_or(|last| *last.name < *name);
            if !is_next || end > n_tags {
                return None;
            }
            names.push(Name { name: name.into(), tags: n_before..end, n_series });
            n_before = end;
        }
        (cursor.len() == 0 && n_before == n_tags).then_some(Self(names))
    }

    /// All of them.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Name> {
        self.0.iter()
    }

    /// The numbers of a name's values; none when no series has it.
    pub(super) fn tags_of(&self, name: &str) -> Range<Tag> {
        let at = self.0.binary_search_by(|known| (*known.name).cmp(name));
        at.map_or(0..0, |at| self.0[at].tags.clone())
    }

    /// The name of a tag.
    pub(super) fn of_tag(&self, tag: Tag) -> Option<&Arc<str>> {
        let at = self.0.partition_point(|name| name.tags.end <= tag);
        self.0.get(at).map(|name| &name.name)
    }
}
