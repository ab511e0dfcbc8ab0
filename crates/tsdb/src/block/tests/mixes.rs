//! Figures of writing, merging and reading what a fleet of exporters sends, printed and not judged:
//! `cargo test --release -p tsdb --lib block::tests::mixes -- --ignored --nocapture`.
//!
//! Of ten series five count in whole numbers, two are constant, two are gauges of two decimals, and
//! one uses all digits. All times are those of this thread on its processor.

use std::path::PathBuf;

use stdx::LocalDisk;

use super::figures::cpu_ns;
use super::*;
use crate::block::merge;

const N_TARGETS: usize = 50;
const N_SERIES: usize = 20_000;
const FIRST_MS: i64 = 1_767_225_600_000;

/// Each tag once, and the series as numbers of tags, in the order of their labels.
struct Fleet {
    texts: Vec<(String, String)>,
    series: Vec<Vec<u32>>,
}

impl Fleet {
    fn new() -> Self {
        let mut numbers = std::collections::BTreeMap::new();
        let mut all: Vec<Labels> = (0..N_SERIES).map(labels_of).collect();
        all.sort();
        let mut texts = Vec::new();
        let mut number = |label: &model::Label| {
            let text = (label.name.to_string(), label.value.to_string());
            *numbers.entry(text.clone()).or_insert_with(|| {
                texts.push(text);
                texts.len() as u32 - 1
            })
        };
        let series = all.iter().map(|labels| labels.iter().map(&mut number).collect()).collect();
        Self { texts, series }
    }

    fn text(&self, tag: u32) -> (&str, &str) {
        let (name, value) = &self.texts[tag as usize];
        (name, value)
    }
}

fn labels_of(i: usize) -> Labels {
    let target = i % N_TARGETS;
    let pairs = [
        ("__name__", format!("metric_{:03}_total", i / N_TARGETS)),
        ("cluster", "production-eu-central-1".to_owned()),
        ("device", format!("nvme{}n1", i % 8)),
        ("env", "production".to_owned()),
        ("instance", format!("10.0.0.{target}:9100")),
        ("job", "node".to_owned()),
        ("mode", ["idle", "user", "system", "iowait"][i % 4].to_owned()),
        ("shard", format!("{}", i % 7)),
    ];
    Labels::new(pairs).unwrap()
}

/// So many samples of each series, the `part`-th time.
fn columns(n_samples: usize, part: usize) -> Vec<Columns> {
    let mut rng = testkit::Rng::new(part as u64);
    let mut of_series = |i: usize| {
        let offset_ms = (i % N_TARGETS) as i64 * 301 + (part * n_samples) as i64 * 15_000;
        let times = (0..n_samples as i64).map(|k| FIRST_MS + offset_ms + k * 15_000).collect();
        let mut at = 1_000_000 + (i * 7919) as i64;
        let mut value = |_| {
            let random = rng.next_u64();
            match i % 10 {
                0..5 => at += (random % 1000) as i64,
                5..7 => {}
                7..9 => at += (random % 401) as i64 - 200,
                _ => return (random >> 11) as f64 / (1_u64 << 53) as f64,
            }
            if i % 10 < 7 { at as f64 } else { at as f64 / 100.0 }
        };
        let values = (0..n_samples).map(|k| value(k).to_bits()).collect();
        Columns { times, values, starts: Vec::new() }
    };
    (0..N_SERIES).map(&mut of_series).collect()
}

fn timed<T>(what: &str, n_samples: usize, work: impl FnOnce() -> T) -> T {
    let before = cpu_ns();
    let result = work();
    let took = cpu_ns() - before;
    let (of_sample, of_series) = (took / n_samples as f64, took / N_SERIES as f64);
    let rate = 1e3 / of_sample;
    println!("  {what}: {of_sample:.2} ns/sample, {rate:.0} M/s, {of_series:.0} ns/series");
    result
}

fn write_mix(dir: &Path, fleet: &Fleet, n_samples: usize, part: usize) -> Arc<Block> {
    let all = columns(n_samples, part);
    let disk = Arc::new(LocalDisk);
    let meta = meta(n_samples as u64 * 100 + part as u64);
    let mut writer = BlockWriter::create(Arc::clone(&disk) as _, dir, meta).unwrap();
    timed("write", N_SERIES * n_samples, || {
        for (tags, columns) in fleet.series.iter().zip(&all) {
            writer.begin_series_tagged(tags, &|tag| fleet.text(tag)).unwrap();
            writer.push(columns.borrow()).unwrap();
            writer.end_series().unwrap();
        }
    });
    let info = timed("finish", N_SERIES * n_samples, || writer.finish()).unwrap().unwrap();
    let path = block_path(dir, &info);
    Arc::new(Block::open(disk, &path, Arc::new(PageCache::new(64 << 20))).unwrap())
}

fn sum_all(block: &Arc<Block>) -> (usize, i64, f64) {
    let mut series = block.select(&everything());
    let (mut n, mut times, mut values) = (0, 0_i64, 0.0);
    while series.advance() {
        while let Some(chunk) = series.next_chunk() {
            n += chunk.times.len();
            times = chunk.times.iter().fold(times, |sum, t| sum.wrapping_add(*t));
            // Four sums by turns: an addition need not wait for the one before.
            let mut sums = [0.0; 4];
            let (fours, rest) = chunk.values.as_chunks::<4>();
            fours.iter().for_each(|four| sums.iter_mut().zip(four).for_each(|(s, v)| *s += v));
            values += sums.iter().sum::<f64>() + rest.iter().sum::<f64>();
        }
    }
    (n, times, values)
}

/// Prints the line that `bench` reads, of so many passes that the kernel's clock is fine enough.
fn tell_decode(block: &Arc<Block>, n: usize) {
    const N_PASSES: usize = 10;
    let before = cpu_ns();
    for _ in 0..N_PASSES {
        assert_eq!(sum_all(block).0, n);
    }
    let rate = (N_PASSES * n) as f64 * 1e9 / (cpu_ns() - before);
    println!("decode: samples_per_second={rate:.0} series={N_SERIES} samples={n}");
}

#[test]
#[ignore = "prints figures"]
fn figures_of_mixes() {
    let dir: PathBuf = std::env::temp_dir().join(format!("pharos-mixes-{}", std::process::id()));
    let disk = Arc::new(LocalDisk);
    disk.create_dir_all(&dir).unwrap();
    let fleet = Fleet::new();
    for n_samples in [20, 120, 480] {
        println!("{n_samples} samples each of {N_SERIES} series");
        let blocks: Vec<_> = (0..4).map(|part| write_mix(&dir, &fleet, n_samples, part)).collect();
        for block in &blocks[..2] {
            let n = N_SERIES * n_samples;
            for what in ["select and sum, first", "select and sum, cached"] {
                assert_eq!(timed(what, n, || sum_all(block)).0, n);
            }
        }
        let n = N_SERIES * n_samples * blocks.len();
        let merged = timed("merge four", n, || {
            let meta = BlockMeta { level: 1, ..meta(n_samples as u64) };
            let mut writer = BlockWriter::create(Arc::clone(&disk) as _, &dir, meta).unwrap();
            assert!(merge(&blocks, (i64::MIN, i64::MAX), &mut writer).unwrap().is_nothing());
            writer.finish().unwrap().unwrap()
        });
        println!("  {:.3} bytes per sample merged", merged.file_bytes as f64 / n as f64);
        let path = block_path(&dir, &merged);
        let open = Block::open(Arc::clone(&disk) as _, &path, Arc::new(PageCache::new(64 << 20)));
        let merged = Arc::new(open.unwrap());
        for what in ["select and sum of it, first", "select and sum of it, cached"] {
            assert_eq!(timed(what, n, || sum_all(&merged)).0, n);
        }
        tell_decode(&merged, n);
    }
    for path in disk.list(&dir).unwrap() {
        disk.remove(&path).unwrap();
    }
}
