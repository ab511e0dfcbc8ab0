//! Condition: a matcher as a question about the tags of a series.
//!
//! A test of values becomes the set of the label's tags that pass it, found by looking at that
//! label's values alone, and at few of them where the test is a list or has a prefix.

use std::ops::Range;

use model::{Matcher, ValueTest};

use super::cursor::Lost;
use super::dictionary::Tag;
use super::reader::Block;
use super::{GROUP, ReadError, postings};

/// Listed values are looked up one by one up to one for so many values of the label; beyond that,
/// walking over the values is less work.
const VALUES_PER_LOOKUP: usize = 64;

/// What a matcher asks of the tags of a series.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Has(Tag),
    HasNot(Tag),
    /// One of the tags in this range.
    HasAny(Range<Tag>),
    /// None of the tags in this range.
    HasNone(Range<Tag>),
    /// One of these tags, which rise.
    HasOneOf(Vec<Tag>),
    /// None of these tags, which rise.
    HasNoneOf(Vec<Tag>),
    Never,
}

impl Condition {
    /// What a matcher asks, and why a part of the values could not be asked, if so.
    fn of(matcher: &Matcher, block: &Block) -> (Self, Option<ReadError>) {
        let tags = block.names().tags_of(&matcher.name);
        let test = matcher.test();
        // Series that lack the label pass or fail with the empty value, so only the values that
        // differ from it in that are looked for.
        let (found, failed) = match (test.literals(), test.of_any_value()) {
            (_, Some(answer)) if answer == test.matches_empty() => (Vec::new(), None),
            (_, Some(_)) => return (Self::of_all(matcher, tags), None),
            (Some(values), _) if !test.matches_empty() && are_few(values, &tags) => {
                find_listed(block, &matcher.name, values)
            }
            _ => block.walk(tags.clone(), test),
        };
        let condition = match (matcher.matches_absent(), found.as_slice()) {
            (true, [tag]) => Self::HasNot(*tag),
            (false, [tag]) => Self::Has(*tag),
            (false, []) => Self::Never,
            _ if found.len() == tags.len() => Self::of_all(matcher, tags),
            (true, _) => Self::HasNoneOf(found),
            (false, _) => Self::HasOneOf(found),
        };
        (condition, failed)
    }

    /// What a matcher asks that treats all values of the label as it does not treat its absence.
    fn of_all(matcher: &Matcher, tags: Range<Tag>) -> Self {
        if matcher.matches_absent() { Self::HasNone(tags) } else { Self::HasAny(tags) }
    }

    /// Whether a series with these tags, which rise, meets it.
    pub(super) fn is_met(&self, tags: &[Tag]) -> bool {
        let has_one = |of: &[Tag]| tags.iter().any(|tag| of.binary_search(tag).is_ok());
        match self {
            Self::Has(tag) => tags.binary_search(tag).is_ok(),
            Self::HasNot(tag) => tags.binary_search(tag).is_err(),
            Self::HasAny(range) => tag_in(tags, range).is_some(),
            Self::HasNone(range) => tag_in(tags, range).is_none(),
            Self::HasOneOf(listed) => has_one(listed),
            Self::HasNoneOf(listed) => !has_one(listed),
            Self::Never => false,
        }
    }
}

/// Whether all values from this one on lack the prefix.
fn is_behind(value: &str, prefix: &str) -> bool {
    // An empty text is not compared for nothing, see `model::ValueTest`.
    !prefix.is_empty() && value > prefix && !value.starts_with(prefix)
}

fn are_few(values: &[String], tags: &Range<Tag>) -> bool {
    values.len() <= tags.len() / VALUES_PER_LOOKUP + 1
}

/// The tag of a series that is in this range: a series has at most one per name.
pub(super) fn tag_in(tags: &[Tag], range: &Range<Tag>) -> Option<Tag> {
    let at = tags.partition_point(|tag| *tag < range.start);
    tags.get(at).copied().filter(|tag| range.contains(tag))
}

/// The tags of these values, which are sorted, and why one could not be looked for, if so.
fn find_listed(block: &Block, name: &str, values: &[String]) -> (Vec<Tag>, Option<ReadError>) {
    let (mut found, mut failed) = (Vec::new(), None);
    for value in values {
        match block.find_tag(name, value) {
            Ok(tag) => found.extend(tag),
            Err(error) => failed = Some(error),
        }
    }
    (found, failed)
}

impl Block {
    /// The tags whose values the test treats otherwise than the empty value, and why a part of them
    /// could not be asked, if so.
    fn walk(&self, tags: Range<Tag>, test: &ValueTest) -> (Vec<Tag>, Option<ReadError>) {
        let prefix = test.prefix().unwrap_or_default();
        // Where the search fails, the walk is longer and finds the same.
        let start = match prefix {
            "" => tags.start,
            prefix => self.first_from(tags.clone(), prefix).unwrap_or(tags.start),
        };
        let (mut found, mut failed, mut next) = (Vec::new(), None, start);
        while next < tags.end {
            let group = next / GROUP as u32;
            let (values, unreadable) = self.tagged_values(group);
            failed = unreadable.or(failed);
            for (tag, value) in values.iter().filter(|(tag, _)| (next..tags.end).contains(tag)) {
                if test.matches(value) != test.matches_empty() {
                    found.push(*tag);
                } else if is_behind(value, prefix) {
                    return (found, failed);
                }
            }
            next = (group + 1).saturating_mul(GROUP as u32);
        }
        (found, failed)
    }

    /// The first of these tags, which are of one name, whose value is not before this text; their
    /// end if there is none.
    fn first_from(&self, tags: Range<Tag>, text: &str) -> Result<Tag, ReadError> {
        let (mut low, mut high) = (tags.start, tags.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let first = (middle / GROUP as u32 * GROUP as u32).max(low);
            let values = self.values_group(middle / GROUP as u32)?;
            let from = first as usize % GROUP;
            let end = values.len().min(from + (high - first) as usize);
            let Some(held) = values.get(from..end).filter(|held| !held.is_empty()) else {
                return Err(self.malformed(self.footer().dictionary.offset));
            };
            match held.partition_point(|value| value.as_str() < text) {
                0 => high = first,
                at if at == held.len() => low = first + at as u32,
                at => return Ok(first + at as u32),
            }
        }
        Ok(low)
    }
}

/// The conditions of all matchers, those that are looked up before those that are searched for: where
/// one of them is never met, it is the only one. Those that could not be made whole are added up.
pub(super) fn conditions(block: &Block, matchers: &[Matcher], lost: &mut Lost) -> Vec<Condition> {
    let mut conditions = Vec::with_capacity(matchers.len());
    let is_listed = |matcher: &&Matcher| matcher.test().literals().is_some();
    let (listed, searched): (Vec<_>, Vec<_>) = matchers.iter().partition(is_listed);
    for matcher in listed.into_iter().chain(searched) {
        let (condition, failed) = Condition::of(matcher, block);
        if failed.is_none() && matches!(condition, Condition::Never) {
            return vec![condition];
        }
        // The labels of series with a value that cannot be read are unreadable too. So if its tag is
        // missing where series with it are refused, they are not shown for another reason.
        conditions.push(condition);
        if failed.is_some() {
            lost.n_matchers += 1;
            block.count_skipped(1);
        }
    }
    conditions
}

/// The numbers of series that may match.
pub(super) enum Candidates {
    All(Range<u32>),
    Listed(std::vec::IntoIter<u32>),
}

impl Candidates {
    /// No series.
    pub(super) fn none() -> Self {
        Self::All(0..0)
    }
}

impl Iterator for Candidates {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::All(range) => range.next(),
            Self::Listed(list) => list.next(),
        }
    }
}

/// The series that are in all postings that can be read.
pub(super) fn candidates(block: &Block, conditions: &[Condition]) -> Candidates {
    if conditions.iter().any(|condition| matches!(condition, Condition::Never)) {
        return Candidates::none();
    }
    let listed = conditions.iter().filter_map(|condition| match condition {
        Condition::Has(tag) => block.postings(*tag).ok(),
        _ => None,
    });
    let mut lists: Vec<Vec<u32>> = listed.collect();
    lists.sort_unstable_by_key(Vec::len);
    let mut found = lists.into_iter().reduce(|short, long| postings::intersect(&short, &long));
    for condition in conditions {
        let Condition::HasOneOf(tags) = condition else { continue };
        // A list of postings costs about what it costs to ask a series.
        if tags.len() > found.as_ref().map_or(block.series_count() as usize, Vec::len) {
            continue;
        }
        if let Some(united) = unite(block, tags) {
            found = Some(match found {
                Some(found) if found.len() <= united.len() => postings::intersect(&found, &united),
                Some(found) => postings::intersect(&united, &found),
                None => united,
            });
        }
    }
    match found {
        Some(list) => Candidates::Listed(list.into_iter()),
        None => Candidates::All(0..block.series_count()),
    }
}

/// The series that have one of these tags, rising; `None` when not all of that can be read.
fn unite(block: &Block, tags: &[Tag]) -> Option<Vec<u32>> {
    let mut united = Vec::new();
    for tag in tags {
        united.append(&mut block.postings(*tag).ok()?);
    }
    // Tags of one name share no series, so each is there once.
    united.sort_unstable();
    united.dedup();
    Some(united)
}
