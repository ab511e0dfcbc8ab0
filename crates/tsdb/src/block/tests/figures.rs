//! Figures of a large block on this machine's disk, printed and not judged:
//! `cargo test --release -p tsdb --lib block::tests::figures -- --ignored --nocapture`.

use std::path::PathBuf;

use model::Matcher;
use stdx::{Clock, LocalDisk, SystemClock};

use super::*;
use crate::block::merge;

const N_SERIES: usize = 100_000;
const N_SAMPLES: usize = 120;

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (clock, cpu_before) = (SystemClock::new(), cpu_ns());
    let result = work();
    let (took, cpu) = (clock.monotonic(), cpu_ns() - cpu_before);
    println!("{what}: {:.3} ms, {:.3} ms on the processor", took.as_secs_f64() * 1e3, cpu / 1e6);
    result
}

/// How long this thread ran on a processor, nanoseconds.
pub(super) fn cpu_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// Kilobytes that this process has in memory.
fn resident_kb() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Eight labels, as an exporter's series have them.
fn exported(i: usize) -> Labels {
    let pairs = [
        ("__name__", format!("node_metric_{:03}_total", i / 400)),
        ("cluster", "production-eu-central-1".to_owned()),
        ("device", format!("nvme{}n1", i % 8)),
        ("env", "production".to_owned()),
        ("instance", format!("10.0.{}.{}:9100", i / 8 % 50 / 10, i / 8 % 50)),
        ("job", "node".to_owned()),
        ("mode", ["idle", "user", "system", "iowait"][i % 4].to_owned()),
        ("shard", format!("{}", i % 400)),
    ];
    Labels::new(pairs).unwrap()
}

fn write_large(dir: &Path, id: u64) -> BlockInfo {
    let mut all: Vec<(Labels, usize)> = (0..N_SERIES).map(|i| (exported(i), i)).collect();
    all.sort();
    let disk = Arc::new(LocalDisk);
    let first_ms = 1_767_225_600_000 + id as i64 * N_SAMPLES as i64 * 15_000;
    let before_kb = resident_kb();
    let mut writer = BlockWriter::create(disk, dir, meta(id)).unwrap();
    timed("write", || {
        for (labels, i) in &all {
            let target = (i / 8 % 50) as i64;
            let columns = Columns {
                times: (0..N_SAMPLES as i64)
                    .map(|k| first_ms + target * 301 + k * 15_000)
                    .collect(),
                values: (0..N_SAMPLES).map(|k| ((i % 97 * k) as f64).to_bits()).collect(),
                starts: Vec::new(),
            };
            writer.add_series(labels, &[columns.borrow()]).unwrap();
        }
    });
    println!("writer's memory: {} kB", resident_kb() - before_kb);
    timed("finish", || writer.finish()).unwrap().unwrap()
}

#[test]
#[ignore = "prints figures"]
fn figures_of_a_large_block() {
    let dir: PathBuf = std::env::temp_dir().join(format!("pharos-block-{}", std::process::id()));
    let disk = Arc::new(LocalDisk);
    disk.create_dir_all(&dir).unwrap();
    let infos = [write_large(&dir, 1), write_large(&dir, 2)];
    let n_samples = infos[0].n_samples as f64;
    println!("{infos:?}");
    println!("{:.3} bytes per sample", infos[0].file_bytes as f64 / n_samples);
    let cache = Arc::new(PageCache::new(4 << 20));
    let before_kb = resident_kb();
    let blocks = infos.each_ref().map(|info| {
        let path = block_path(&dir, info);
        let open = || Block::open(Arc::clone(&disk) as _, &path, Arc::clone(&cache));
        Arc::new(timed("open", open).unwrap())
    });
    println!("memory of two open blocks: {} kB", resident_kb() - before_kb);
    println!("{:?} {:?}", blocks[0].footer(), blocks[0].cardinality());
    let one =
        vec![Matcher::equal("__name__", "node_metric_111_total"), Matcher::equal("shard", "77")];
    for _ in 0..2 {
        let select = Select { matchers: one.clone(), ..everything() };
        timed("select one series", || assert!(blocks[0].select(&select).count() > 0));
    }
    let job = vec![Matcher::equal("mode", "idle")];
    let select = Select { matchers: job, ..everything() };
    timed("select a quarter", || assert_eq!(blocks[0].select(&select).count(), N_SERIES / 4));
    timed("select all columns", || {
        let (mut series, mut n) = (blocks[0].select(&everything()), 0);
        while series.advance() {
            while let Some(chunk) = series.next_chunk() {
                n += chunk.times.len();
            }
        }
        assert_eq!(n, N_SERIES * N_SAMPLES);
    });
    println!("memory after that: {} kB", resident_kb() - before_kb);
    let merged = timed("merge two", || {
        let mut writer = BlockWriter::create(Arc::clone(&disk) as _, &dir, meta(3)).unwrap();
        assert!(merge(&blocks, (i64::MIN, i64::MAX), &mut writer).unwrap().is_nothing());
        writer.finish().unwrap().unwrap()
    });
    println!("{:.3} bytes per sample merged", merged.file_bytes as f64 / merged.n_samples as f64);
    timed("verify", || blocks[0].verify(&mut |found| panic!("{found:?}"))).unwrap();
    for path in disk.list(&dir).unwrap() {
        disk.remove(&path).unwrap();
    }
}
