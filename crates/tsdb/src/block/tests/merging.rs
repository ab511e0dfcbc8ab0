//! Merging blocks is appending their samples again, the older block's first.

use proptest::prelude::*;

use super::round_trip::any_rows;
use super::*;
use crate::block::{Lost, merge};

fn merged(disk: &Arc<SimDisk>, sources: &[Arc<Block>], range: (i64, i64)) -> Option<Arc<Block>> {
    let parents: Vec<u64> = sources.iter().map(|block| block.info().meta.id).collect();
    let epoch_to = parents.len() as u64;
    let meta = BlockMeta { id: 99, level: 1, epoch_from: 0, epoch_to, parents };
    let mut writer = BlockWriter::create(Arc::clone(disk) as _, Path::new(DIR), meta).unwrap();
    let lost = merge(sources, range, &mut writer).unwrap();
    assert!(lost.is_nothing());
    let info = writer.finish().unwrap()?;
    Some(open(disk, &info))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_merge_is_all_samples_in_the_order_of_their_epochs(
        parts in proptest::collection::vec(any_rows(), 1..5),
        (start_ms, end_ms) in (-10..100_i64, 100..210_i64),
    ) {
        let disk = sim_disk();
        let all = MemoryStore::default();
        let mut sources = Vec::new();
        for (at, rows) in parts.into_iter().enumerate() {
            let store = store_of(rows);
            let content = select_all(&store);
            let info = write(&disk, meta(at as u64), &content).unwrap();
            sources.push(open(&disk, &info));
            for Series { labels, samples, .. } in content {
                let rows = samples.into_iter().map(|sample| Row { labels: labels.clone(), sample });
                all.append(rows.collect()).unwrap();
            }
        }
        let whole = merged(&disk, &sources, (i64::MIN, i64::MAX)).unwrap();
        assert_same(&whole.select(&everything()).collect::<Vec<_>>(), &select_all(&all));

        let part = Select::floats(Vec::new(), start_ms, end_ms);
        let expected: Vec<Series> = all.select(&part).unwrap().map(Result::unwrap).collect();
        let found = merged(&disk, &sources, (start_ms, end_ms));
        let found = found.map_or_else(Vec::new, |block| block.select(&everything()).collect());
        assert_same(&found, &expected);
    }
}

#[test]
fn neighbouring_blocks_become_one_with_shared_times() {
    let disk = sim_disk();
    let content = scraped(10, 24_000);
    let mut sources = Vec::new();
    for (at, window) in (0..24_000).step_by(3_000).enumerate() {
        let in_window = |series: &Series| {
            Series::of_floats(
                series.labels.clone(),
                series.samples[window..window + 3_000].to_vec(),
            )
        };
        let part: Vec<Series> = content.iter().map(in_window).collect();
        let info = write(&disk, meta(at as u64), &part).unwrap();
        sources.push(open(&disk, &info));
    }
    let whole = merged(&disk, &sources, (i64::MIN, i64::MAX)).unwrap();
    assert_same(&whole.select(&everything()).collect::<Vec<_>>(), &content);
    let of_parts: u64 = sources.iter().map(|block| block.info().file_bytes).sum();
    let info = whole.info();
    assert!(info.file_bytes < of_parts, "{} bytes of {of_parts}", info.file_bytes);
    assert_eq!(info.meta.parents, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((info.meta.level, info.meta.epoch_from, info.meta.epoch_to), (1, 0, 8));
}

#[test]
fn what_a_source_lost_is_said() {
    let disk = sim_disk();
    let content = noisy(scraped(200, 200));
    let block = written(&disk, &content);
    let mut bytes = disk.read(block.path()).unwrap();
    bytes[66_000] ^= 1;
    disk.put(block.path(), &bytes);
    let sources = [Arc::new(Block::open(Arc::clone(&disk) as _, block.path(), cache()).unwrap())];
    let mut writer = BlockWriter::create(Arc::clone(&disk) as _, Path::new(DIR), meta(9)).unwrap();
    let lost = merge(&sources, (i64::MIN, i64::MAX), &mut writer).unwrap();
    let n_left = writer.finish().unwrap().unwrap().n_series as u64;
    assert_eq!(lost, Lost { n_chunks: 200 - n_left, ..Lost::default() });
    assert!(n_left > 50 && n_left < 190, "{n_left} series left");
}

/// The bytes of all chunks of a block.
fn chunk_bytes(block: &Block) -> Vec<Vec<u8>> {
    let groups = 0..block.series_count().div_ceil(16);
    let series = groups.flat_map(|group| block.series_group(group).unwrap());
    let chunks = series.flat_map(|series| series.chunks);
    chunks
        .map(|chunk| block.read(chunk.offset, chunk.end() - chunk.offset).unwrap().to_vec())
        .collect()
}

/// As the second half of every series, but for those that are left out.
fn halves(disk: &Arc<SimDisk>, content: &[Series], at: usize) -> Vec<Arc<Block>> {
    let half = |range: std::ops::Range<usize>| -> Vec<Series> {
        let part = |series: &Series| {
            Series::of_floats(series.labels.clone(), series.samples[range.clone()].to_vec())
        };
        content.iter().map(part).collect()
    };
    let n = content[0].samples.len();
    let parts = [half(0..at), half(at..n)];
    let write_part = |(id, part): (usize, &Vec<Series>)| {
        let meta = BlockMeta { level: 1, ..meta(id as u64) };
        open(disk, &write(disk, meta, part).unwrap())
    };
    parts.iter().enumerate().map(write_part).collect()
}

#[test]
fn long_chunks_are_copied_and_short_ones_joined() {
    let disk = sim_disk();
    let mut content = noisy(scraped(20, 4_000));
    for series in &mut content {
        for sample in &mut series.samples {
            sample.start_ms = sample.t_ms - 7;
        }
    }
    let sources = halves(&disk, &content, 2_500);
    let whole = merged(&disk, &sources, (i64::MIN, i64::MAX)).unwrap();
    assert_same(&whole.select(&everything()).collect::<Vec<_>>(), &content);
    let of_sources = [chunk_bytes(&sources[0]), chunk_bytes(&sources[1])];
    let expected: Vec<Vec<u8>> = of_sources[0]
        .iter()
        .zip(&of_sources[1])
        .flat_map(|(a, b)| [a.clone(), b.clone()])
        .collect();
    assert_eq!(chunk_bytes(&whole), expected);

    // The second part is short: the first stays, and what is cut off at a range is read.
    let disk = sim_disk();
    let sources = halves(&disk, &content, 3_500);
    let cut_at_ms = content[0].samples[300].t_ms;
    let whole = merged(&disk, &sources, (cut_at_ms, i64::MAX)).unwrap();
    for series in &mut content {
        series.samples.retain(|sample| sample.t_ms >= cut_at_ms);
    }
    assert_same(&whole.select(&everything()).collect::<Vec<_>>(), &content);
    assert_eq!(chunk_bytes(&whole).len(), 20, "one chunk each");
}

#[test]
fn a_long_chunk_with_a_sample_of_another_source_in_it_is_not_copied() {
    let disk = sim_disk();
    let content = scraped(3, 3_000);
    let late: Vec<Series> = content
        .iter()
        .map(|series| {
            Series::of_floats(
                series.labels.clone(),
                vec![
                    Sample::new(series.samples[1_000].t_ms, 77.0),
                    Sample::new(series.samples[2_999].t_ms + 1, 78.0),
                ],
            )
        })
        .collect();
    let first = BlockMeta { level: 1, ..meta(1) };
    let sources = [write(&disk, first, &content), write(&disk, meta(2), &late)];
    let sources = sources.map(|info| open(&disk, &info.unwrap()));
    let whole = merged(&disk, &sources, (i64::MIN, i64::MAX)).unwrap();
    let mut expected = content;
    for series in &mut expected {
        series.samples[1_000].value = 77.0;
        series.samples.push(Sample::new(series.samples[2_999].t_ms + 1, 78.0));
    }
    assert_same(&whole.select(&everything()).collect::<Vec<_>>(), &expected);
}
