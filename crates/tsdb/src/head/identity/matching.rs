//! Matching: matchers against the values of their labels first, then against series.
//!
//! A matcher becomes the set of tags that decide it. The set with the fewest series leads; the
//! others are asked of each of its series, whose tags lie side by side in memory.
//!
//! To look a value up costs nothing. To search all values of a label for those that match may cost
//! more than all the rest: where few series are left, their values alone are looked at.

use model::Matcher;

use super::bits::Bits;
use super::rows::Rows;
use super::tags::Tags;

/// What a matcher asks of a series.
struct Condition {
    /// Of one name, each once.
    tags: Vec<u32>,
    /// Whether the series must have none of them, rather than one.
    is_negative: bool,
    /// How many series have one of them.
    n_series: usize,
}

/// Finding the value that a series has of a label costs as much as looking at so many values, which
/// stand side by side.
const VALUES_PER_SERIES: usize = 16;

/// The slots of the series that match, rising.
pub(super) fn matching(matchers: &[Matcher], rows: &Rows, tags: &Tags) -> Vec<u32> {
    let Some((mut conditions, late)) = conditions(matchers, rows, tags) else {
        return Vec::new();
    };
    let leads = conditions.iter().enumerate().filter(|(_, condition)| !condition.is_negative);
    let lead = leads.min_by_key(|(_, condition)| condition.n_series).map(|(at, _)| at);
    let mut found = match lead.map(|at| conditions.swap_remove(at)) {
        Some(lead) => lead.slots(rows, tags),
        None => rows.slots().collect(),
    };
    let checks: Vec<Check> = conditions.iter().map(|c| Check::of(c, tags)).collect();
    if !checks.is_empty() || !late.is_empty() {
        found.retain(|slot| {
            let row = rows.get(*slot);
            checks.iter().all(|check| check.is_met(row))
                && late.iter().all(|late| late.is_met(row, tags))
        });
    }
    found
}

/// What is asked of series by their tags, and what by their values; `None` if nothing matches.
fn conditions<'m>(
    matchers: &'m [Matcher],
    rows: &Rows,
    tags: &Tags,
) -> Option<(Vec<Condition>, Vec<Late<'m>>)> {
    let (mut conditions, mut late) = (Vec::with_capacity(matchers.len()), Vec::new());
    // What is looked up comes before what is searched for: where it finds nothing, nothing matches.
    let is_listed =
        |matcher: &&Matcher| matcher.test().literals().is_some() && !matcher.test().matches_empty();
    let (listed, mut searched): (Vec<_>, Vec<_>) = matchers.iter().partition(is_listed);
    let n_values =
        |matcher: &Matcher| tags.find_name(&matcher.name).map_or(0, |name| tags.name(name).1.len());
    searched.sort_by_key(|matcher| n_values(matcher));
    let n_listed = listed.len();
    let mut n_left = rows.len();
    for (at, matcher) in listed.into_iter().chain(searched).enumerate() {
        if at >= n_listed
            && n_values(matcher) > n_left.saturating_mul(VALUES_PER_SERIES)
            && let Some(name) = tags.find_name(&matcher.name)
        {
            late.push(Late { matcher, name });
            continue;
        }
        let condition = Condition::of(matcher, tags);
        match (condition.n_series, condition.is_negative) {
            (0, false) => return None,
            (0, true) => continue,
            (n, false) => n_left = n_left.min(n),
            (_, true) => {}
        }
        conditions.push(condition);
    }
    Some((conditions, late))
}

impl Condition {
    fn of(matcher: &Matcher, tags: &Tags) -> Self {
        let wanted = wanted(matcher, tags);
        let n_series = wanted.iter().map(|tag| tags.postings(*tag).len()).sum();
        Self { tags: wanted, is_negative: matcher.matches_absent(), n_series }
    }

    /// The series that have one of the tags, rising.
    fn slots(&self, rows: &Rows, tags: &Tags) -> Vec<u32> {
        let mut slots = Vec::with_capacity(self.n_series);
        let postings = self.tags.iter().map(|tag| tags.postings(*tag));
        // Where the lists are long, marking slots is less work than sorting them.
        if self.tags.len() > 1 && self.n_series > rows.end() as usize / 64 {
            let mut marked = Bits::below(rows.end() as usize);
            postings.for_each(|list| list.for_each(|slot| marked.insert(slot)));
            slots.extend(marked.iter());
            return slots;
        }
        postings.for_each(|list| list.for_each(|slot| slots.push(slot)));
        if self.tags.len() > 1 {
            slots.sort_unstable();
        }
        slots
    }
}

/// The tags whose values the matcher treats otherwise than the label's absence. A series without
/// the label thus meets a matcher by having none of them, or fails it by lacking one.
fn wanted(matcher: &Matcher, tags: &Tags) -> Vec<u32> {
    let Some((_, of_name)) = tags.find_name(&matcher.name).map(|name| tags.name(name)) else {
        return Vec::new();
    };
    let test = matcher.test();
    match (test.literals(), test.of_any_value()) {
        (_, Some(answer)) if answer == test.matches_empty() => Vec::new(),
        (_, Some(_)) => of_name.to_vec(),
        (Some(values), _) if !test.matches_empty() => {
            values.iter().filter_map(|value| tags.find(&matcher.name, value)).collect()
        }
        _ => {
            let is_wanted = |tag: &&u32| test.matches(tags.value(**tag)) != test.matches_empty();
            of_name.iter().filter(is_wanted).copied().collect()
        }
    }
}

/// A condition in the form in which many series are asked.
enum Check {
    One { tag: u32, is_negative: bool },
    Many { tags: Bits, is_negative: bool },
}

impl Check {
    fn of(condition: &Condition, tags: &Tags) -> Self {
        let is_negative = condition.is_negative;
        match condition.tags.as_slice() {
            [tag] => Self::One { tag: *tag, is_negative },
            many => {
                let mut marked = Bits::below(tags.end());
                many.iter().for_each(|tag| marked.insert(*tag));
                Self::Many { tags: marked, is_negative }
            }
        }
    }

    fn is_met(&self, row: &[u32]) -> bool {
        match self {
            Self::One { tag, is_negative } => row.contains(tag) != *is_negative,
            Self::Many { tags, is_negative } => {
                row.iter().any(|tag| tags.contains(*tag)) != *is_negative
            }
        }
    }
}

/// A matcher that is asked of few series, by their values.
struct Late<'m> {
    matcher: &'m Matcher,
    /// The number of its label's name.
    name: u32,
}

impl Late<'_> {
    fn is_met(&self, row: &[u32], tags: &Tags) -> bool {
        let tag = row.iter().find(|tag| tags.name_of(**tag) == self.name);
        self.matcher.matches_value(tag.map_or("", |tag| tags.value(*tag)))
    }
}
