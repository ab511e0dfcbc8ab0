//! Blocks against the reference store: what goes in comes out, to the bit.

mod caching;
mod damage;
mod disk_use;
mod figures;
mod fixture;
mod golden;
mod histograms;
mod merging;
mod mixes;
mod parts;
mod round_trip;
mod writing;

use std::path::Path;
use std::sync::Arc;

use model::{Labels, Sample};
use stdx::Disk;
use storage::memory::MemoryStore;
use storage::{Appender, Querier, Row, Select, Series};
use testkit::SimDisk;

use super::{Block, BlockInfo, BlockMeta, BlockWriter, Columns, PageCache, block_path};

const DIR: &str = "/blk";

fn sim_disk() -> Arc<SimDisk> {
    let disk = Arc::new(SimDisk::new(1));
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

fn meta(id: u64) -> BlockMeta {
    BlockMeta { id, level: 0, epoch_from: id, epoch_to: id, parents: Vec::new() }
}

fn cache() -> Arc<PageCache> {
    Arc::new(PageCache::new(1 << 20))
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

fn everything() -> Select {
    Select::floats(Vec::new(), i64::MIN, i64::MAX)
}

fn select_all(store: &dyn Querier) -> Vec<Series> {
    store.select(&everything()).unwrap().map(Result::unwrap).collect()
}

fn write(disk: &Arc<SimDisk>, meta: BlockMeta, series: &[Series]) -> Option<BlockInfo> {
    let mut writer = BlockWriter::create(Arc::clone(disk) as _, Path::new(DIR), meta).unwrap();
    for series in series {
        let columns = Columns::of(&series.samples);
        writer.begin_series(&series.labels).unwrap();
        writer.push_mixed(columns.borrow(), &series.histograms).unwrap();
        writer.end_series().unwrap();
    }
    writer.finish().unwrap()
}

fn open(disk: &Arc<SimDisk>, info: &BlockInfo) -> Arc<Block> {
    let path = block_path(Path::new(DIR), info);
    Arc::new(Block::open(Arc::clone(disk) as _, &path, cache()).unwrap())
}

fn written(disk: &Arc<SimDisk>, series: &[Series]) -> Arc<Block> {
    let info = write(disk, meta(7), series).unwrap();
    open(disk, &info)
}

/// So many series of so many samples, one every 15 s; the series of one job share their times.
fn scraped(n_series: usize, n_samples: usize) -> Vec<Series> {
    let of_series = |i: usize| {
        let job = i % 3;
        let instance = format!("host-{i:05}");
        let pairs = [("__name__", "requests_total"), ("instance", instance.as_str())];
        let labels = labels(&pairs).with("job", &format!("job-{job}"));
        let sample = |k: usize| {
            let t_ms = 1_767_225_600_000 + job as i64 * 1_000 + k as i64 * 15_000;
            Sample::new(t_ms, (i * k) as f64)
        };
        Series::of_floats(labels, (0..n_samples).map(sample).collect())
    };
    (0..n_series).map(of_series).collect()
}

/// The same with values that do not compress.
fn noisy(mut content: Vec<Series>) -> Vec<Series> {
    let mut rng = testkit::Rng::new(5);
    for sample in content.iter_mut().flat_map(|series| &mut series.samples) {
        sample.value = rng.next_u64() as f64 / 1e19;
    }
    content
}

fn assert_same(found: &[Series], expected: &[Series]) {
    let names = |series: &[Series]| series.iter().map(|s| s.labels.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(bits(&found.samples), bits(&expected.samples), "{}", expected.labels);
    }
}

fn bits(samples: &[Sample]) -> Vec<(i64, u64, i64)> {
    samples.iter().map(|s| (s.t_ms, s.value.to_bits(), s.start_ms)).collect()
}

fn store_of(rows: impl IntoIterator<Item = (Labels, Sample)>) -> MemoryStore {
    let store = MemoryStore::default();
    let rows = rows.into_iter().map(|(labels, sample)| Row { labels, sample });
    store.append(rows.collect()).unwrap();
    store
}
