//! Tables: what follows the chunks of a block, encoded when the last chunk is written.

use super::Section;
use super::dictionary::{SortedTags, TagNumbers, encode_names, encode_values};
use super::postings;
use super::series_table::SeriesTable;
use super::spares::{self, SPARED_SERIES_MIN};

/// Gives all tags that are used their final numbers and writes the tables; fails with the section
/// that exceeds 4 GiB. `column_copies` says where columns stand that were written twice, and where
/// the second time; `room_bytes` is what one page has left for tables and guide.
pub(super) fn encode(
    tags: TagNumbers,
    table: &mut SeriesTable,
    column_copies: &mut [(u64, u64)],
    room_bytes: usize,
) -> Result<Tables, Section> {
    let n_numbered = tags.len();
    let tags = tags.into_sorted(&used_tags(table, n_numbered));
    let n_tags = tags.iter().map(|(_, values)| values.len()).sum();
    table.renumber(&final_numbers(&tags, n_numbered));
    assert!(table.is_in_order(), "series came out of order");
    let lists = PostingsLists::of(table, n_tags);
    let (series, series_groups) = table.encode();
    let values = tags.iter().flat_map(|(_, values)| values).map(|(value, _)| value.as_str());
    let (dictionary, value_groups) = encode_values(values);
    let (postings, list_groups) = postings::encode(lists.iter());
    let mut guide = names(&tags, &lists);
    column_copies.sort_unstable();
    let mut spares = spares_of(column_copies, &tags, None);
    let n_groups = series_groups.len() + value_groups.len() + list_groups.len();
    let n_tables = series.len() + dictionary.len() + postings.len();
    let n_bytes = n_tables + guide.len() + spares.len() + n_groups * size_of::<u32>();
    let are_apart = n_bytes > room_bytes;
    if are_apart {
        spares = spares_of(column_copies, &tags, Some(&lists));
    }
    for (section, bytes) in [
        (Section::Series, &series),
        (Section::Dictionary, &dictionary),
        (Section::Postings, &postings),
        (Section::Guide, &guide),
    ] {
        if u32::try_from(bytes.len()).is_err() {
            return Err(section);
        }
    }
    let (names_bytes, spares_bytes) = (guide.len() as u32, spares.len() as u32);
    guide.extend_from_slice(&spares);
    let groups = value_groups.into_iter().zip(list_groups).flat_map(|(v, l)| [v, l]);
    for group in series_groups.into_iter().chain(groups) {
        guide.extend_from_slice(&(group as u32).to_le_bytes());
    }
    let (n_names, n_tags) = (tags.len() as u32, n_tags as u32);
    Ok(Tables {
        series,
        dictionary,
        postings,
        guide,
        are_apart,
        names_bytes,
        spares_bytes,
        n_names,
        n_tags,
    })
}

fn names(tags: &SortedTags, lists: &PostingsLists) -> Vec<u8> {
    let mut n_before = 0;
    encode_names(tags.iter().map(|(name, values)| {
        let of_name = n_before..n_before + values.len();
        n_before = of_name.end;
        (name.as_str(), values.len(), lists.total(of_name))
    }))
}

/// Values are spared only where a guide may be on another page than they.
fn spares_of(copies: &[(u64, u64)], tags: &SortedTags, lists: Option<&PostingsLists>) -> Vec<u8> {
    let values = tags.iter().flat_map(|(_, values)| values).map(|(value, _)| value.as_str());
    let used = (0..).zip(values).zip(lists.into_iter().flat_map(PostingsLists::iter));
    let spared = used.filter(|(_, list)| list.len() >= SPARED_SERIES_MIN);
    let spared: Vec<(u32, &str)> = spared.map(|(value, _)| value).collect();
    spares::encode(copies, spared.into_iter())
}

/// What follows the chunks.
pub(super) struct Tables {
    pub(super) series: Vec<u8>,
    pub(super) dictionary: Vec<u8>,
    pub(super) postings: Vec<u8>,
    pub(super) guide: Vec<u8>,
    /// Whether they do not all lie on one page, so that guide and footer stand before them, too:
    /// one page must not take with it what is on another.
    pub(super) are_apart: bool,
    pub(super) names_bytes: u32,
    pub(super) spares_bytes: u32,
    pub(super) n_names: u32,
    pub(super) n_tags: u32,
}

/// Whether a series has the tag, for each tag as it was first numbered: one may have been numbered
/// for a series that had no samples.
fn used_tags(table: &SeriesTable, n_numbered: usize) -> Vec<bool> {
    let mut used = vec![false; n_numbered];
    table.tags().flatten().for_each(|tag| used[*tag as usize] = true);
    used
}

/// For each tag as it was first numbered its number in the dictionary.
fn final_numbers(tags: &SortedTags, n_numbered: usize) -> Vec<u32> {
    let mut numbers = vec![0; n_numbered];
    let in_order = tags.iter().flat_map(|(_, values)| values);
    for (number, (_, first)) in in_order.enumerate() {
        numbers[*first as usize] = number as u32;
    }
    numbers
}

/// The series of every tag, one list after the other.
struct PostingsLists {
    ends: Vec<usize>,
    series: Vec<u32>,
}

impl PostingsLists {
    fn of(table: &SeriesTable, n_tags: usize) -> Self {
        let mut ends = vec![0; n_tags];
        for tag in table.tags().flatten() {
            ends[*tag as usize] += 1;
        }
        let mut total = 0;
        for end in &mut ends {
            // For now where the list begins; filling it moves that to where it ends.
            total += std::mem::replace(end, total);
        }
        let mut series = vec![0; total];
        for (index, tags) in table.tags().enumerate() {
            for tag in tags {
                let end = &mut ends[*tag as usize];
                series[*end] = index as u32;
                *end += 1;
            }
        }
        Self { ends, series }
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.series[start..*end])
    }

    /// The length of all lists of these tags.
    fn total(&self, tags: std::ops::Range<usize>) -> u64 {
        let end = |n_tags: usize| n_tags.checked_sub(1).map_or(0, |last| self.ends[last]);
        (end(tags.end) - end(tags.start)) as u64
    }
}
