//! Where the bytes of a block go, for loads of the shape of those that `bench` measures, printed
//! and not judged:
//! `cargo test --release -p tsdb --lib block::tests::disk_use -- --ignored --nocapture`.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::block::merge;

const STEP_MS: i64 = 15_000;
const HOUR_MS: i64 = 3_600_000;
/// Not at the end of a window.
const END_MS: i64 = 1_767_225_600_000 + 8 * HOUR_MS + 20 * 60_000;

/// So many samples until the end.
fn times(n: i64) -> Vec<i64> {
    (0..n).rev().map(|ago| END_MS - ago * STEP_MS).collect()
}

fn walk(reach: u64, divisor: f64) -> Vec<Series> {
    let mut rng = testkit::Rng::new(3);
    let times = times(5_760);
    (0..200)
        .map(|i| {
            let device = format!("device-{i:03}");
            let pairs = [
                ("__name__", "walk"),
                ("device", &device),
                ("instance", "host-0:9100"),
                ("job", "history"),
            ];
            let mut at = 1_000_000_i64;
            let samples = times.iter().map(|t| {
                at += (rng.next_u64() % (2 * reach + 1)) as i64 - reach as i64;
                Sample::new(*t, at as f64 / divisor)
            });
            Series::of_floats(labels(&pairs), samples.collect())
        })
        .collect()
}

/// A host's page after node_exporter's: of 507 series 370 stand still, and the others go on in whole
/// multiples of a unit, by up to a reach that differs from series to series.
fn page() -> Vec<Series> {
    let mut rng = testkit::Rng::new(2);
    let mut times = times(480);
    for t in &mut times {
        *t += if rng.next_u64().is_multiple_of(20) { 1 + (rng.next_u64() % 20) as i64 } else { 0 };
    }
    let mut all = Vec::new();
    for host in 0..4 {
        for i in 0..507_usize {
            let instance = format!("host-{host}:9100");
            let name = format!("node_family{}_things_{}", i / 40, i / 7);
            let (device, mode) = (format!("nvme{}n1", i % 7), ["idle", "user", "system"][i % 3]);
            let mut pairs = vec![("__name__", &name[..]), ("instance", &instance)];
            pairs.extend([("device", &device[..]), ("job", "history")]);
            pairs.extend((i % 5 == 0).then_some(("mode", mode)));
            let samples = samples_of_page(i, &times, &mut rng);
            all.push(Series::of_floats(Labels::new(pairs).unwrap(), samples));
        }
    }
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all
}

fn samples_of_page(i: usize, times: &[i64], rng: &mut testkit::Rng) -> Vec<Sample> {
    let moves = i % 15 > 10;
    let (unit, divisor) = [(1.0, 1e9), (1.0, 1.0), (4096.0, 1.0), (1.0, 100.0)][(i / 15) % 4];
    let reach = 1_i64 << (2 + rng.next_u64() % 16);
    let mut n_units = (rng.next_u64() % 40_000_000) as i64 * (i as i64 % 4);
    let sample = |t: &i64| {
        let step = (rng.next_u64() % reach as u64) as i64;
        if moves {
            n_units = if i.is_multiple_of(2) {
                n_units + reach / 2 + step
            } else {
                (n_units + 2 * step - reach).abs()
            };
        }
        Sample::new(*t, n_units as f64 * unit / divisor)
    };
    times.iter().map(sample).collect()
}

/// The parts of a block and their bytes.
fn parts(block: &Block) -> [(&'static str, u64); 8] {
    let (footer, info) = (block.footer(), block.info());
    let groups = 0..footer.n_series.div_ceil(16);
    let series = groups.flat_map(|group| block.series_group(group).unwrap());
    let (values, starts) = series.flat_map(|series| series.chunks).fold((0, 0), |sums, chunk| {
        (sums.0 + u64::from(chunk.values_bytes), sums.1 + u64::from(chunk.starts_bytes))
    });
    let n_guides = if footer.guides[0] == footer.guides[1] { 1 } else { 2 };
    let mut parts = [
        ("values", values),
        ("starts", starts),
        ("times", footer.data_end - 28 - values - starts),
        ("series table", footer.series.bytes),
        ("dictionary", footer.dictionary.bytes),
        ("postings", footer.postings.bytes),
        ("guides", n_guides * footer.guide_bytes()),
        ("header, footers, checksums", 0),
    ];
    parts[7].1 = info.file_bytes - parts.iter().map(|(_, n_bytes)| n_bytes).sum::<u64>();
    parts
}

fn report(what: &str, blocks: &[Arc<Block>]) {
    let n_samples = blocks.iter().map(|block| block.info().n_samples).sum::<u64>() as f64;
    let mut sums = BTreeMap::<&str, u64>::new();
    for (part, n_bytes) in blocks.iter().flat_map(|block| parts(block)) {
        *sums.entry(part).or_default() += n_bytes;
    }
    let n_bytes: u64 = sums.values().sum();
    println!("{what}, {} files: {:.4} bytes per sample", blocks.len(), n_bytes as f64 / n_samples);
    for (part, n_bytes) in sums {
        println!("    {part}: {n_bytes}, {:.4} per sample", n_bytes as f64 / n_samples);
    }
}

/// One block for each window of two hours.
fn cut(disk: &Arc<SimDisk>, series: &[Series]) -> Vec<Arc<Block>> {
    let window = |sample: &Sample| (sample.t_ms - 1).div_euclid(2 * HOUR_MS);
    let windows: BTreeSet<i64> =
        series.iter().flat_map(|series| &series.samples).map(window).collect();
    let write_window = |(id, of): (u64, &i64)| {
        let part = |series: &Series| {
            Series::of_floats(
                series.labels.clone(),
                series.samples.iter().filter(|s| window(s) == *of).copied().collect(),
            )
        };
        let info = write(disk, meta(id), &series.iter().map(part).collect::<Vec<_>>()).unwrap();
        open(disk, &info)
    };
    (1..).zip(&windows).map(write_window).collect()
}

#[test]
#[ignore = "prints figures"]
fn figures_of_where_the_bytes_go() {
    for (name, series) in
        [("page", page()), ("integer walk", walk(2, 1.0)), ("two-decimal walk", walk(200, 100.0))]
    {
        let disk = sim_disk();
        let blocks = cut(&disk, &series);
        report(&format!("{name}, windows of 2 h"), &blocks);
        let meta = BlockMeta { id: 99, level: 1, epoch_from: 1, epoch_to: 20, parents: Vec::new() };
        let mut writer = BlockWriter::create(Arc::clone(&disk) as _, Path::new(DIR), meta).unwrap();
        assert!(merge(&blocks, (i64::MIN, i64::MAX), &mut writer).unwrap().is_nothing());
        let merged = open(&disk, &writer.finish().unwrap().unwrap());
        report(&format!("{name}, merged"), &[merged]);
    }
}
