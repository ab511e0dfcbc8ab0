//! Order: slots in the order of their series' labels, without spelling the labels out.
//!
//! The tags that occur are ranked by their texts once. A series is then a short sequence of ranks,
//! packed with as few bits as the ranks at each place need, so that one word tells most series
//! apart and sorting a million of them is sorting a million words.

use super::rows::Rows;
use super::tags::Tags;

/// Fewer series are compared by their texts, which needs nothing prepared.
const RANKED_MIN: usize = 64;

/// Sorts the slots of series as `model::Labels` are sorted.
pub(super) fn sort_by_labels(slots: &mut [u32], rows: &Rows, tags: &Tags) {
    if slots.len() < RANKED_MIN {
        let texts = |slot: u32| rows.get(slot).iter().map(|tag| tags.text(*tag));
        slots.sort_unstable_by(|a, b| texts(*a).cmp(texts(*b)));
        return;
    }
    let ranks = ranks(slots, rows, tags);
    let words = words(slots, rows, &ranks);
    let word = |slot: u32, depth: usize| {
        let row = rows.get(slot);
        let fields = words.get(depth).map_or(&[][..], Vec::as_slice);
        fields.iter().fold(0, |word, field| word << field.bits | field.of(row, &ranks))
    };
    sort_by_words(slots, word, |_, depth| depth + 1 >= words.len());
}

/// Sorts tags of one name by their values.
pub(super) fn sort_by_values(of_name: &mut [u32], tags: &Tags) {
    let word = |tag: u32, depth: usize| text_word(tags.value_bytes(tag), depth);
    sort_by_words(of_name, word, |word, _| word & 0xff <= BYTES_IN_WORD as u64);
}

/// The rank of each tag that occurs, from one on; zero for the others.
fn ranks(slots: &[u32], rows: &Rows, tags: &Tags) -> Vec<u32> {
    let mut ranks = vec![0; tags.end()];
    let mut of_names: Vec<Vec<u32>> = vec![Vec::new(); tags.names_end()];
    for tag in slots.iter().flat_map(|slot| rows.get(*slot)) {
        let rank = &mut ranks[*tag as usize];
        if *rank == 0 {
            *rank = 1;
            of_names[tags.name_of(*tag) as usize].push(*tag);
        }
    }
    of_names.retain(|of_name| !of_name.is_empty());
    of_names.sort_unstable_by_key(|of_name| tags.text(of_name[0]).0);
    let mut n = 0;
    for of_name in &mut of_names {
        sort_by_values(of_name, tags);
        for tag in of_name {
            n += 1;
            ranks[*tag as usize] = n;
        }
    }
    ranks
}

/// The ranks at one place of the series, as a part of a word.
struct Field {
    place: usize,
    /// One less than the lowest rank at this place: zero is left for series that end before it.
    base: u32,
    bits: u32,
}

impl Field {
    fn of(&self, row: &[u32], ranks: &[u32]) -> u64 {
        row.get(self.place).map_or(0, |tag| u64::from(ranks[*tag as usize] - self.base))
    }
}

/// The places of the series, as many to a word as fit.
fn words(slots: &[u32], rows: &Rows, ranks: &[u32]) -> Vec<Vec<Field>> {
    let mut bounds: Vec<(u32, u32)> = Vec::new();
    for slot in slots {
        for (place, tag) in rows.get(*slot).iter().enumerate() {
            let rank = ranks[*tag as usize];
            match bounds.get_mut(place) {
                Some((low, high)) => (*low, *high) = (rank.min(*low), rank.max(*high)),
                None => bounds.push((rank, rank)),
            }
        }
    }
    let (mut words, mut word, mut n_bits) = (Vec::new(), Vec::new(), 0);
    for (place, (low, high)) in bounds.into_iter().enumerate() {
        let bits = u32::BITS - (high - low + 1).leading_zeros();
        if n_bits + bits > u64::BITS {
            words.push(std::mem::take(&mut word));
            n_bits = 0;
        }
        word.push(Field { place, base: low - 1, bits });
        n_bits += bits;
    }
    words.push(word);
    words
}

/// Text in a word; the lowest byte says how many bytes there are, or that there are more.
const BYTES_IN_WORD: usize = 7;

/// The bytes of a text at this depth and how many they are, so that words compare as texts do.
fn text_word(text: &[u8], depth: usize) -> u64 {
    let rest = text.get(depth * BYTES_IN_WORD..).unwrap_or_default();
    let n = rest.len().min(BYTES_IN_WORD);
    let mut word = [0; 8];
    word[..n].copy_from_slice(&rest[..n]);
    word[BYTES_IN_WORD] = rest.len().min(BYTES_IN_WORD + 1) as u8;
    u64::from_be_bytes(word)
}

/// Sorts items that are sequences of words; a word that is the last is not followed by another.
fn sort_by_words(
    items: &mut [u32],
    word: impl Fn(u32, usize) -> u64,
    is_last: impl Fn(u64, usize) -> bool,
) {
    let mut keyed: Vec<(u64, u32)> = Vec::new();
    // A list instead of recursion: texts share beginnings of any length.
    let mut unsorted = vec![(0..items.len(), 0)];
    while let Some((range, depth)) = unsorted.pop() {
        keyed.clear();
        keyed.extend(items[range.clone()].iter().map(|item| (word(*item, depth), *item)));
        keyed.sort_unstable_by_key(|(word, _)| *word);
        for (item, (_, sorted)) in items[range.clone()].iter_mut().zip(&keyed) {
            *item = *sorted;
        }
        let mut start = range.start;
        for same in keyed.chunk_by(|a, b| a.0 == b.0) {
            let end = start + same.len();
            if same.len() > 1 && !is_last(same[0].0, depth) {
                unsorted.push((start..end, depth + 1));
            }
            start = end;
        }
    }
}
