//! Damaged blocks: no panic, no wrong value, nothing lost in silence, and the rest is read.

use std::collections::HashMap;

use model::Matcher;

use super::*;
use crate::block::page::{PAGE_BYTES, page_of};
use crate::block::{BlockError, Damage, Lost, Section};

/// Every series of a block, in a map of labels to samples' bits.
struct Content(HashMap<Labels, Vec<(i64, u64, i64)>>);

impl Content {
    fn of(series: &[Series]) -> Self {
        Self(series.iter().map(|s| (s.labels.clone(), bits(&s.samples))).collect())
    }

    fn n_samples(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Asserts that nothing else than this was found, and says how many samples were.
    fn check(&self, found: &[Series], context: &str) -> usize {
        let in_order = found.windows(2).all(|pair| pair[0].labels < pair[1].labels);
        assert!(in_order, "{context}: series out of order");
        for series in found {
            let known = self.0.get(&series.labels).unwrap_or_else(|| {
                panic!("{context}: series {} was never written", series.labels);
            });
            for sample in bits(&series.samples) {
                assert!(known.contains(&sample), "{context}: {sample:?} was never written");
            }
        }
        found.iter().map(|series| series.samples.len()).sum()
    }
}

/// A block's file, to be damaged.
struct Victim {
    disk: Arc<SimDisk>,
    block: Arc<Block>,
    bytes: Vec<u8>,
    content: Content,
}

impl Victim {
    fn new(series: &[Series]) -> Self {
        let disk = sim_disk();
        let block = written(&disk, series);
        let bytes = disk.read(block.path()).unwrap();
        Self { disk, block, bytes, content: Content::of(series) }
    }

    /// Opens the file with these bytes; when it opens, checks that what is missing is counted and
    /// what is damaged is found. Returns how many samples are left.
    fn survives(&self, bytes: &[u8], context: &str) -> Option<(usize, Vec<Damage>)> {
        self.disk.put(self.block.path(), bytes);
        let opened = Block::open(Arc::clone(&self.disk) as _, self.block.path(), cache());
        let block = match opened {
            Ok(block) => Arc::new(block),
            Err(BlockError::Damaged { .. }) => return None,
            Err(error) => panic!("{context}: {error}"),
        };
        let mut selection = block.select(&everything());
        let found: Vec<Series> = selection.by_ref().collect();
        let n_found = self.content.check(&found, context);
        let is_all = n_found == self.content.n_samples();
        assert!(is_all || !selection.lost().is_nothing(), "{context}: lost in silence");
        assert_eq!(block.n_skipped() == 0, selection.lost().is_nothing(), "{context}");
        self.check_others(&block, context);
        let mut damage = Vec::new();
        block.verify(&mut |found| damage.push(found)).unwrap();
        assert!(!damage.is_empty(), "{context}: damage was not found");
        Some((n_found, damage))
    }

    /// Selections that go through dictionary and postings.
    fn check_others(&self, block: &Arc<Block>, context: &str) {
        for matcher in [Matcher::equal("job", "job-1"), Matcher::not_equal("job", "job-1")] {
            let select = Select { matchers: vec![matcher.clone()], ..everything() };
            let mut selection = block.select(&select);
            let found: Vec<Series> = selection.by_ref().collect();
            let n_found = self.content.check(&found, context);
            let right = found.iter().all(|series| matcher.matches(&series.labels));
            assert!(right, "{context}: {matcher:?} found another");
            let expected = self.content.0.iter().filter(|(labels, _)| matcher.matches(labels));
            let n_expected: usize = expected.map(|(_, samples)| samples.len()).sum();
            let is_all = n_found == n_expected;
            assert!(is_all || !selection.lost().is_nothing(), "{context}: {matcher:?}");
        }
        let mut lost = Lost::default();
        let values = block.label_values("job", &[], i64::MIN, &mut lost);
        let is_all = values == ["job-0", "job-1", "job-2"];
        assert!(is_all || !lost.is_nothing(), "{context}: {values:?}");
    }
}

fn flipped(bytes: &[u8], at: usize, bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}

#[test]
fn a_flip_of_any_byte_is_found() {
    let victim = Victim::new(&scraped(20, 5));
    for at in 0..victim.bytes.len() {
        for bit in [0, 7] {
            let bytes = flipped(&victim.bytes, at, bit);
            victim.survives(&bytes, &format!("bit {bit} of byte {at}"));
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_found() {
    let victim = Victim::new(&scraped(20, 5));
    for n_bytes in 0..victim.bytes.len() {
        victim.survives(&victim.bytes[..n_bytes], &format!("cut to {n_bytes} bytes"));
    }
}

#[test]
fn bytes_after_the_end_are_found_and_hide_nothing() {
    let victim = Victim::new(&scraped(20, 5));
    for n_more in [1, 4, 5, 100, 2 * PAGE_BYTES] {
        let mut bytes = victim.bytes.clone();
        bytes.resize(bytes.len() + n_more, 0x55);
        let survived = victim.survives(&bytes, &format!("{n_more} bytes more"));
        let (n_found, _) = survived.expect("the footer is still there");
        assert_eq!(n_found, victim.content.n_samples());
    }
}

/// A block of many pages, with every table longer than one.
fn large() -> Victim {
    let victim = Victim::new(&scraped(20_000, 12));
    let footer = victim.block.footer();
    for extent in [footer.series, footer.dictionary, footer.postings] {
        assert!(extent.bytes > PAGE_BYTES as u64 / 2, "{extent:?} is too small for the test");
    }
    assert!(footer.guides[0] < footer.guides[1]);
    victim
}

#[test]
fn a_damaged_page_hides_no_other() {
    let victim = large();
    let mut hit = Vec::new();
    let n_all = victim.content.n_samples();
    let n_pages = victim.bytes.len().div_ceil(PAGE_BYTES);
    for page in 0..n_pages {
        let at = (page * PAGE_BYTES + PAGE_BYTES / 3).min(victim.bytes.len() - 1);
        let bytes = flipped(&victim.bytes, at, 3);
        let context = format!("page {page}");
        let (n_found, damage) = victim.survives(&bytes, &context).expect("one page is not all");
        assert!(damage.iter().all(|found| found.page == page as u64), "{context}: {damage:?}");
        let share_lost = (n_all - n_found) as f64 / n_all as f64;
        // A page of the series table holds most of it here; nothing else that stands once is as dense.
        assert!(share_lost < 0.85, "{context}: {share_lost} lost, {:?}", damage.first());
        hit.extend(damage.into_iter().map(|found| found.section));
    }
    for section in [Section::Data, Section::Series, Section::Dictionary, Section::Postings] {
        assert!(hit.contains(&section), "{section} was never hit");
    }
    for section in [Section::Header, Section::Guide, Section::Footer] {
        assert!(hit.contains(&section), "{section} was never hit");
    }
}

/// Blocks of a few pages, whose index may begin anywhere on one.
fn straddling() -> Vec<Victim> {
    let sizes = (0..16).map(|step| Victim::new(&noisy(scraped(1000 + 60 * step, 6))));
    let is_apart = |victim: &Victim| {
        let footer = victim.block.footer();
        let is_apart = page_of(footer.data_end) < page_of(footer.content_bytes - 1);
        assert_eq!(is_apart, footer.guides[0] < footer.guides[1], "copies for nothing, or none");
        is_apart
    };
    let mut victims: Vec<Victim> = sizes.collect();
    victims.retain(is_apart);
    victims
}

#[test]
fn a_page_of_a_small_index_costs_only_what_lies_on_it() {
    let victims = straddling();
    assert!(victims.len() > 5, "{} straddle", victims.len());
    let mut n_partly = 0;
    for victim in &victims {
        let footer = victim.block.footer();
        let n_pages = victim.bytes.len().div_ceil(PAGE_BYTES) as u64;
        for page in page_of(footer.data_end)..n_pages {
            let at = (page as usize * PAGE_BYTES + 7).min(victim.bytes.len() - 1);
            let context = format!("page {page} of {n_pages}, {footer:?}");
            let Some((n_found, damage)) = victim.survives(&flipped(&victim.bytes, at, 0), &context)
            else {
                let last = footer.series.end() - 1;
                let has_all = (page_of(footer.series.offset), page_of(last)) == (page, page);
                assert!(has_all, "{context}: all is lost, and the page has not every series");
                continue;
            };
            assert!(damage.iter().all(|found| found.page == page), "{context}: {damage:?}");
            // Guide and footer have a copy.
            let is_needed = page_of(footer.postings.offset) >= page;
            assert!(is_needed || n_found == victim.content.n_samples(), "{context}: {n_found}");
            n_partly += usize::from(n_found > 0 && n_found < victim.content.n_samples());
        }
    }
    assert!(n_partly > 0, "no page cost a part");
}

#[test]
fn damage_names_series_and_times() {
    let content = noisy(scraped(200, 200));
    let victim = Victim::new(&content);
    let at = PAGE_BYTES + 1;
    assert!(victim.block.footer().data_end > 2 * at as u64);
    let (_, damage) = victim.survives(&flipped(&victim.bytes, at, 0), "page 1").unwrap();
    let in_chunk: Vec<&Damage> = damage.iter().filter(|found| found.series.is_some()).collect();
    assert!(in_chunk.len() > 30, "{}", in_chunk.len());
    for found in in_chunk {
        let labels = found.series.as_ref().unwrap();
        let known = &victim.content.0[labels];
        assert_eq!(found.times, Some((known[0].0, known[199].0)));
        assert_eq!((found.page, found.section), (1, Section::Data));
    }
}

#[test]
fn a_query_of_other_times_does_not_meet_the_damage() {
    let content = noisy(scraped(1, 30_000));
    let victim = Victim::new(&content);
    let path = victim.block.path();
    victim.disk.put(path, &flipped(&victim.bytes, PAGE_BYTES, 0));
    let block = Arc::new(Block::open(Arc::clone(&victim.disk) as _, path, cache()).unwrap());
    let times = |at: usize| content[0].samples[at].t_ms;
    for (from, to, is_hit) in [(0, 1_000, false), (0, 29_999, true), (28_000, 29_000, false)] {
        let select = Select { start_ms: times(from), end_ms: times(to), ..everything() };
        let mut selection = block.select(&select);
        let n_found = selection.by_ref().map(|series| series.samples.len()).sum::<usize>();
        assert_eq!(n_found < to - from + 1, is_hit, "samples {from} to {to}");
        assert_eq!(!selection.lost().is_nothing(), is_hit, "samples {from} to {to}");
    }
}

#[test]
fn damaged_postings_cost_nothing_but_time() {
    let victim = large();
    let footer = victim.block.footer();
    let page = footer.postings.offset / (PAGE_BYTES as u64 - 4) + 1;
    let bytes = flipped(&victim.bytes, page as usize * PAGE_BYTES, 0);
    let (n_found, damage) = victim.survives(&bytes, "postings").unwrap();
    assert_eq!(n_found, victim.content.n_samples());
    assert!(damage.iter().any(|found| found.section == Section::Postings));
    let mut n_found = 0;
    for at in 0..20_000 {
        let matchers = vec![Matcher::equal("instance", format!("host-{at:05}"))];
        if at % 500 == 0 {
            let path = victim.block.path();
            let block = Block::open(Arc::clone(&victim.disk) as _, path, cache()).unwrap();
            n_found += Arc::new(block).select(&Select { matchers, ..everything() }).count();
        }
    }
    assert_eq!(n_found, 40);
}

#[test]
fn a_value_in_a_damaged_dictionary_is_said_to_be_lost() {
    let victim = large();
    let footer = victim.block.footer();
    let middle = footer.dictionary.offset + footer.dictionary.bytes / 2;
    let page = middle as usize / (PAGE_BYTES - 4);
    let bytes = flipped(&victim.bytes, page * PAGE_BYTES, 0);
    let (n_found, _) = victim.survives(&bytes, "dictionary").unwrap();
    assert!(n_found < victim.content.n_samples());
    let path = victim.block.path();
    let block = Arc::new(Block::open(Arc::clone(&victim.disk) as _, path, cache()).unwrap());
    let mut lost = Lost::default();
    assert_eq!(block.label_values("job", &[], i64::MIN, &mut lost), ["job-0", "job-1", "job-2"]);
    let (mut n_found, mut n_lost) = (0, 0);
    for at in (0..20_000).step_by(250) {
        let matchers = vec![Matcher::equal("instance", format!("host-{at:05}"))];
        let mut selection = block.select(&Select { matchers, ..everything() });
        n_found += selection.by_ref().count() as u64;
        // The same page carries the end of the series table.
        n_lost += selection.lost().n_matchers + selection.lost().n_series;
    }
    assert_eq!(n_found + n_lost, 80, "{n_lost} were lost");
    assert!(n_found > 0 && n_lost > 0, "{n_lost} were lost");
}

#[test]
fn swapped_pages_are_found() {
    let victim = large();
    let mut bytes = victim.bytes.clone();
    let (first, rest) = bytes.split_at_mut(2 * PAGE_BYTES);
    first[PAGE_BYTES..].swap_with_slice(&mut rest[..PAGE_BYTES]);
    let (_, damage) = victim.survives(&bytes, "pages 1 and 2 swapped").unwrap();
    for page in [1, 2] {
        assert!(damage.iter().any(|found| found.page == page), "page {page} looks whole");
    }
}

#[test]
fn a_page_of_another_block_is_found() {
    let victim = large();
    let other = sim_disk();
    let info = write(&other, meta(8), &scraped(20_000, 12)).unwrap();
    let other = other.read(&block_path(Path::new(DIR), &info)).unwrap();
    assert_eq!(other.len(), victim.bytes.len());
    let mut bytes = victim.bytes.clone();
    bytes[PAGE_BYTES..2 * PAGE_BYTES].copy_from_slice(&other[PAGE_BYTES..2 * PAGE_BYTES]);
    let (_, damage) = victim.survives(&bytes, "a page of another block").unwrap();
    assert!(damage.iter().any(|found| found.page == 1));
}

/// A large block without its last pages still has the copies before its tables.
#[test]
fn a_large_block_without_its_end_opens() {
    let victim = large();
    let footer = victim.block.footer().clone();
    let after_series = footer.dictionary.end() / (PAGE_BYTES as u64 - 4) + 1;
    let bytes = &victim.bytes[..after_series as usize * PAGE_BYTES];
    let (n_found, _) = victim.survives(bytes, "postings cut off").expect("a copy is there");
    assert_eq!(n_found, victim.content.n_samples());
}

#[test]
fn a_newer_version_or_feature_is_refused() {
    let victim = Victim::new(&scraped(3, 3));
    for (at, expected) in [(0, (257, 0)), (4, (1, 2))] {
        // In the footer, which is read first, and in the header, if there is no footer.
        let footer_bytes = victim.block.footer().encode();
        let mut footer = footer_bytes.clone();
        footer[if at == 0 { 1 } else { 4 }] += if at == 0 { 1 } else { 2 };
        let n = footer.len();
        let sum = crc32fast::hash(&footer[..n - 12]);
        footer[n - 12..n - 8].copy_from_slice(&sum.to_le_bytes());
        let mut bytes = victim.bytes.clone();
        let end = bytes.len() - 4;
        bytes[end - n..end].copy_from_slice(&footer);
        victim.disk.put(victim.block.path(), &bytes);
        assert_eq!(refused(&victim), Some(expected));

        let mut bytes = victim.bytes.clone();
        bytes[if at == 0 { 9 } else { 12 }] += if at == 0 { 1 } else { 2 };
        bytes[end - 1] ^= 1;
        victim.disk.put(victim.block.path(), &bytes);
        assert_eq!(refused(&victim), Some(expected));
    }
}

fn refused(victim: &Victim) -> Option<(u32, u32)> {
    let opened = Block::open(Arc::clone(&victim.disk) as _, victim.block.path(), cache());
    match opened.err()? {
        BlockError::Newer { version, features, .. } => Some((version, features)),
        _ => None,
    }
}

/// Checksums keep chance out, not a hand that computes them: whatever the tables say, reading ends
/// and allocates no more than the file could hold.
#[test]
fn tables_that_lie_are_refused_or_skipped() {
    let victim = Victim::new(&scraped(20, 5));
    let footer_end = victim.bytes.len() - 4;
    let mut rng = testkit::Rng::new(11);
    for round in 0..5_000 {
        let mut content = victim.bytes[..footer_end].to_vec();
        let footer_bytes = victim.block.footer().encode().len();
        let data_end = victim.block.footer().data_end as usize;
        for _ in 0..=rng.below(3) {
            let at = data_end / 2 + rng.below((footer_end - data_end / 2) as u64) as usize;
            content[at] = rng.below(256) as u8;
        }
        // Both checksums fit again.
        let n = content.len();
        let length = (footer_bytes as u32).to_le_bytes();
        content[n - 16..n - 12].copy_from_slice(&length);
        let sum = crc32fast::hash(&content[n - footer_bytes..n - 12]).to_le_bytes();
        content[n - 12..n - 8].copy_from_slice(&sum);
        content[n - 8..].copy_from_slice(&crate::block::footer::FOOTER_MAGIC);
        let id = u64::from_le_bytes(*content[n - footer_bytes + 16..].first_chunk().unwrap());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&id.to_le_bytes());
        hasher.update(&0_u64.to_le_bytes());
        hasher.update(&content);
        content.extend_from_slice(&hasher.finalize().to_le_bytes());
        victim.disk.put(victim.block.path(), &content);
        let opened = Block::open(Arc::clone(&victim.disk) as _, victim.block.path(), cache());
        if let Ok(block) = opened {
            let block = Arc::new(block);
            let n_samples: usize =
                block.select(&everything()).map(|series| series.samples.len()).sum();
            assert!(n_samples <= 100 * 65_536, "round {round}: {n_samples} samples");
            let matchers = vec![Matcher::equal("job", "job-1")];
            let _n = block.select(&Select { matchers, ..everything() }).count();
            let _values = block.label_values("job", &[], i64::MIN, &mut Lost::default());
            block.verify(&mut |_| {}).unwrap();
        }
    }
}
