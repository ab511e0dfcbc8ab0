//! Tags: every label of the head once, under a number, with the series that have it.
//!
//! A tag whose last series goes is forgotten and its number used again, so that labels that come
//! and go (containers, pods) leave nothing behind.

use super::lean;
use super::postings::Postings;
use super::secret::Secret;
use super::table::Table;
use super::texts::{TextRef, Texts};

/// The name of a number that stands for no tag.
const NO_NAME: u32 = u32::MAX;

#[derive(Debug)]
struct Tag {
    value: TextRef,
    name: u32,
    hash: u32,
    postings: Postings,
}

#[derive(Debug, Default)]
struct Name {
    text: Box<str>,
    /// Its tags, in no particular order; none for a number that stands for no name.
    tags: Vec<u32>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Tags {
    secret: Secret,
    tags: Vec<Tag>,
    free: Vec<u32>,
    by_label: Table,
    texts: Texts,
    names: Vec<Name>,
    free_names: Vec<u32>,
    by_name: Table,
    /// What postings hold, bytes.
    postings_bytes: usize,
    /// What names and their lists of tags hold, bytes.
    names_bytes: usize,
}

impl Tags {
    /// None yet.
    pub(super) fn new(secret: Secret) -> Self {
        Self {
            secret,
            tags: Vec::new(),
            free: Vec::new(),
            by_label: Table::default(),
            texts: Texts::default(),
            names: Vec::new(),
            free_names: Vec::new(),
            by_name: Table::default(),
            postings_bytes: 0,
            names_bytes: 0,
        }
    }

    /// What hashes labels.
    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Every tag's number is below this.
    pub(super) fn end(&self) -> usize {
        self.tags.len()
    }

    /// How many tags there are.
    pub(super) fn len(&self) -> usize {
        self.tags.len() - self.free.len()
    }

    /// The tag's number, if a series has it.
    pub(super) fn find(&self, name: &str, value: &str) -> Option<u32> {
        self.find_hashed(self.secret.of_label(name, value), name, value)
    }

    fn find_hashed(&self, hash: u32, name: &str, value: &str) -> Option<u32> {
        self.by_label.find(hash, |tag| self.is(tag, name, value))
    }

    /// Whether the tag is this label.
    pub(super) fn is(&self, tag: u32, name: &str, value: &str) -> bool {
        let tag = &self.tags[tag as usize];
        self.texts.get_bytes(tag.value) == value.as_bytes()
            && self.names.get(tag.name as usize).is_some_and(|known| *known.text == *name)
    }

    /// The number of a label with this hash, new if need be. A new one has no series yet: it must be
    /// given one at once.
    pub(super) fn find_or_add(&mut self, hash: u32, name: &str, value: &str) -> u32 {
        if let Some(tag) = self.find_hashed(hash, name, value) {
            return tag;
        }
        let name = self.name_or_add(name);
        let value = self.texts.add(value);
        let tag = Tag { value, name, hash, postings: Postings::None };
        let number = match self.free.pop() {
            Some(number) => {
                self.tags[number as usize] = tag;
                number
            }
            None => {
                lean::push(&mut self.tags, tag);
                u32::try_from(self.tags.len() - 1).expect("memory ends before four billion labels")
            }
        };
        self.names_bytes += lean::push(&mut self.names[name as usize].tags, number);
        self.by_label.add(hash, number);
        number
    }

    /// The number of a name that a tag has.
    pub(super) fn find_name(&self, name: &str) -> Option<u32> {
        let hash = self.secret.of_name(name);
        self.by_name.find(hash, |number| *self.names[number as usize].text == *name)
    }

    fn name_or_add(&mut self, text: &str) -> u32 {
        if let Some(number) = self.find_name(text) {
            return number;
        }
        self.names_bytes += text.len();
        let name = Name { text: text.into(), tags: Vec::new() };
        let number = match self.free_names.pop() {
            Some(number) => {
                self.names[number as usize] = name;
                number
            }
            None => {
                lean::push(&mut self.names, name);
                u32::try_from(self.names.len() - 1).expect("memory ends before four billion names")
            }
        };
        self.by_name.add(self.secret.of_name(text), number);
        number
    }

    /// The label that a tag is.
    pub(super) fn text(&self, tag: u32) -> (&str, &str) {
        let tag = &self.tags[tag as usize];
        (&self.names[tag.name as usize].text, self.texts.get(tag.value))
    }

    /// The value of a tag.
    pub(super) fn value(&self, tag: u32) -> &str {
        self.texts.get(self.tags[tag as usize].value)
    }

    /// The value of a tag as bytes.
    pub(super) fn value_bytes(&self, tag: u32) -> &[u8] {
        self.texts.get_bytes(self.tags[tag as usize].value)
    }

    /// How long the value of a tag is, bytes.
    pub(super) fn value_len(&self, tag: u32) -> usize {
        self.tags[tag as usize].value.n_bytes()
    }

    /// The hash of a tag's label.
    pub(super) fn hash(&self, tag: u32) -> u32 {
        self.tags[tag as usize].hash
    }

    /// The number of a tag's name.
    pub(super) fn name_of(&self, tag: u32) -> u32 {
        self.tags[tag as usize].name
    }

    /// A name and its tags, in no particular order.
    pub(super) fn name(&self, number: u32) -> (&str, &[u32]) {
        let name = &self.names[number as usize];
        (&name.text, &name.tags)
    }

    /// The numbers of all names.
    pub(super) fn names(&self) -> impl Iterator<Item = u32> {
        (0..self.names.len() as u32).filter(|name| !self.names[*name as usize].tags.is_empty())
    }

    /// How many numbers of names there are, used or not.
    pub(super) fn names_end(&self) -> usize {
        self.names.len()
    }

    /// The series that have a tag.
    pub(super) fn postings(&self, tag: u32) -> &Postings {
        &self.tags[tag as usize].postings
    }

    /// Gives a tag a series.
    pub(super) fn add_series(&mut self, tag: u32, slot: u32) {
        let postings = &mut self.tags[tag as usize].postings;
        let before = postings.heap_bytes();
        postings.insert(slot);
        self.postings_bytes = self.postings_bytes - before + postings.heap_bytes();
    }

    /// Takes a series from a tag; true if it was the last.
    pub(super) fn remove_series(&mut self, tag: u32, slot: u32) -> bool {
        let postings = &mut self.tags[tag as usize].postings;
        let before = postings.heap_bytes();
        postings.remove(slot);
        self.postings_bytes = self.postings_bytes - before + postings.heap_bytes();
        postings.len() == 0
    }

    /// Forgets tags that have no series, each once. A name's list of tags is walked over once,
    /// however many of them go.
    pub(super) fn forget(&mut self, dead: &[u32]) {
        let mut names = Vec::new();
        for number in dead {
            let tag = &mut self.tags[*number as usize];
            self.by_label.remove(tag.hash, *number);
            self.texts.forget(std::mem::take(&mut tag.value));
            names.push(std::mem::replace(&mut tag.name, NO_NAME));
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.tidy_name(name);
        }
        self.free.extend_from_slice(dead);
        if self.texts.is_wasteful() {
            self.move_texts();
        }
    }

    /// Drops forgotten tags from a name's list, and the name if none is left.
    fn tidy_name(&mut self, number: u32) {
        let (tags, name) = (&self.tags, &mut self.names[number as usize]);
        let before = name.tags.capacity();
        name.tags.retain(|tag| tags[*tag as usize].name == number);
        lean::trim(&mut name.tags);
        self.names_bytes -= (before - name.tags.capacity()) * size_of::<u32>();
        if name.tags.is_empty() {
            let name = std::mem::take(&mut self.names[number as usize]);
            self.by_name.remove(self.secret.of_name(&name.text), number);
            self.names_bytes -= name.text.len() + name.tags.capacity() * size_of::<u32>();
            self.free_names.push(number);
        }
    }

    fn move_texts(&mut self) {
        let old = std::mem::take(&mut self.texts);
        for tag in self.tags.iter_mut().filter(|tag| tag.name != NO_NAME) {
            tag.value = self.texts.add(old.get(tag.value));
        }
    }

    /// Memory held, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.tags.capacity() * size_of::<Tag>()
            + (self.free.capacity() + self.free_names.capacity()) * size_of::<u32>()
            + self.names.capacity() * size_of::<Name>()
            + self.by_label.bytes()
            + self.by_name.bytes()
            + self.texts.bytes()
            + self.postings_bytes
            + self.names_bytes
    }
}

#[cfg(test)]
impl Tags {
    /// What is kept up to date, and the same counted from scratch.
    pub(super) fn kept_and_counted_bytes(&self) -> ([usize; 3], [usize; 3]) {
        let postings = self.tags.iter().map(|tag| tag.postings.heap_bytes()).sum();
        let names = self.names.iter().map(|name| name.text.len() + name.tags.capacity() * 4).sum();
        let of_tag = |tag: &Tag| (tag.name != NO_NAME).then_some(tag.value.n_bytes());
        let texts = self.tags.iter().filter_map(of_tag).sum();
        let kept = [self.postings_bytes, self.names_bytes, self.texts.used_bytes()];
        (kept, [postings, names, texts])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_one_series_takes_forty_bytes_beside_its_text() {
        assert_eq!(size_of::<Tag>(), 40);
    }
}
