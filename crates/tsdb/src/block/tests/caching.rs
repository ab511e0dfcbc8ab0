//! The page cache keeps its bound and never mixes pages up.

use super::*;
use crate::block::cache::PageContent;
use crate::block::page::PAGE_BYTES;

fn page(byte: u8) -> PageContent {
    Arc::new(vec![byte])
}

#[test]
fn it_holds_no_more_than_its_bound() {
    let cache = PageCache::new(3 * PAGE_BYTES);
    for number in 0..100_u8 {
        cache.put(1, u64::from(number), page(number));
    }
    let held: Vec<PageContent> = (0..100).filter_map(|number| cache.get(1, number)).collect();
    assert_eq!(held.len(), 3);
}

#[test]
fn a_page_in_use_is_spared() {
    let cache = PageCache::new(3 * PAGE_BYTES);
    for number in 0..100_u8 {
        cache.put(1, u64::from(number), page(number));
        assert_eq!(*cache.get(1, 0).expect("it is used all the time"), [0]);
    }
}

#[test]
fn pages_of_files_are_kept_apart() {
    let cache = PageCache::new(8 * PAGE_BYTES);
    let (a, b) = (cache.register(), cache.register());
    cache.put(a, 5, page(1));
    cache.put(b, 5, page(2));
    assert_eq!(*cache.get(a, 5).unwrap(), [1]);
    assert_eq!(*cache.get(b, 5).unwrap(), [2]);
    cache.forget(a);
    assert!(cache.get(a, 5).is_none());
    assert_eq!(*cache.get(b, 5).unwrap(), [2]);
}

#[test]
fn one_page_is_enough_to_read_two_blocks_at_once() {
    let disk = sim_disk();
    let cache = Arc::new(PageCache::new(0));
    let contents = [scraped(3_000, 10), noisy(scraped(3_000, 10))];
    let blocks = [0, 1].map(|at| {
        let info = write(&disk, meta(at as u64), &contents[at]).unwrap();
        let path = Path::new(DIR).join(format!("{at}.blk"));
        disk.rename(&block_path(Path::new(DIR), &info), &path).unwrap();
        Arc::new(Block::open(Arc::clone(&disk) as _, &path, Arc::clone(&cache)).unwrap())
    });
    let both = blocks[0].select(&everything()).zip(blocks[1].select(&everything()));
    let (first, second): (Vec<Series>, Vec<Series>) = both.unzip();
    assert_same(&first, &contents[0]);
    assert_same(&second, &contents[1]);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn the_planted_bug_reads_a_page_that_is_not_what_was_written() {
    use crate::config::PlantedBug;

    let disk = sim_disk();
    let content = noisy(scraped(200, 200));
    let info = write(&disk, meta(7), &content).unwrap();
    let path = block_path(Path::new(DIR), &info);
    let mut bytes = disk.read(&path).unwrap();
    bytes[66_000] ^= 1;
    disk.put(&path, &bytes);
    let n_lost = |bug| {
        let cache = cache();
        cache.plant(bug);
        let block = Arc::new(Block::open(Arc::clone(&disk) as _, &path, cache).unwrap());
        let mut found = block.select(&everything());
        let n_found = found.by_ref().count();
        assert!(n_found > 0);
        found.lost().n_chunks
    };
    assert!(n_lost(None) > 1);
    assert!(n_lost(Some(PlantedBug::PageCrcUnchecked)) <= 1);
}
