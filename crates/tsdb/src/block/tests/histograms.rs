//! Native histograms in blocks, beside numbers and alone.

use model::{Histogram, HistogramSample};
use proptest::collection::vec;
use proptest::prelude::*;
use storage::Kinds;

use super::round_trip::any_rows;
use super::*;
use crate::block::merge;
use crate::codec::histograms::random;

type Histograms = Vec<(Labels, HistogramSample)>;

/// Histograms of a few of the series and at the times that rows have too.
fn any_histograms() -> impl Strategy<Value = Histograms> {
    let name = prop::sample::select(vec!["up", "ü", "1"]);
    let start = prop_oneof![4 => Just(0), 1 => any::<i64>()];
    let series = (name, random::run(), vec((0..200_i64, start), 1..40));
    let all = vec(series, 0..4).prop_map(|all| {
        let of_series = |(name, run, times): (&str, Vec<Histogram>, Vec<(i64, i64)>)| {
            let labels = labels(&[("__name__", name)]);
            let sample = move |(histogram, (t_ms, start_ms))| {
                let histogram = Arc::new(histogram);
                (labels.clone(), HistogramSample { t_ms, start_ms, histogram })
            };
            run.into_iter().zip(times).map(sample).collect::<Vec<_>>()
        };
        all.into_iter().flat_map(of_series).collect()
    });
    all.boxed()
}

fn both() -> Select {
    Select { kinds: Kinds::Both, ..everything() }
}

fn all_of(store: &dyn Querier, select: &Select) -> Vec<Series> {
    store.select(select).unwrap().map(Result::unwrap).collect()
}

fn append(store: &MemoryStore, histograms: &Histograms) {
    for (labels, sample) in histograms {
        store.append_histograms(labels, std::slice::from_ref(sample));
    }
}

fn assert_same_mixed(found: &[Series], expected: &[Series]) {
    assert_same(found, expected);
    for (found, expected) in found.iter().zip(expected) {
        let (found, expected) = (&found.histograms, &expected.histograms);
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(one, other)| one.same_bits(other)));
    }
}

/// A reader of numbers sees of histograms nothing.
fn floats_of(series: Vec<Series>) -> Vec<Series> {
    let floats = series.into_iter().map(|series| Series::of_floats(series.labels, series.samples));
    floats.filter(|series| !series.samples.is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn both_kinds_come_out_as_they_went_in(
        (rows, histograms) in (any_rows(), any_histograms()),
        (a, b) in (-10..210_i64, -10..210_i64),
    ) {
        let store = store_of(rows);
        append(&store, &histograms);
        let content = all_of(&store, &both());
        let block = written(&sim_disk(), &content);
        assert_same_mixed(&block.select(&both()).collect::<Vec<_>>(), &content);
        let part = Select::both(Vec::new(), a, b);
        assert_same_mixed(&block.select(&part).collect::<Vec<_>>(), &all_of(&store, &part));
        let floats = block.select(&everything()).collect::<Vec<_>>();
        assert_same_mixed(&floats, &floats_of(content));
        let mut damage = Vec::new();
        block.verify(&mut |found| damage.push(found)).unwrap();
        prop_assert!(damage.is_empty(), "{damage:?}");
    }

    #[test]
    fn a_merge_is_all_samples_of_both_kinds_in_the_order_of_their_epochs(
        parts in vec((any_rows(), any_histograms()), 1..4),
        start_ms in -10..100_i64,
    ) {
        let disk = sim_disk();
        let all = MemoryStore::default();
        let mut sources = Vec::new();
        for (at, (rows, histograms)) in parts.into_iter().enumerate() {
            let store = store_of(rows);
            append(&store, &histograms);
            let content = all_of(&store, &both());
            sources.push(open(&disk, &write(&disk, meta(at as u64), &content).unwrap()));
            all.append_batch(&storage::SeriesBatch::new("test", &content)).unwrap();
        }
        let meta = BlockMeta { level: 1, epoch_from: 0, ..meta(99) };
        for first_ms in [i64::MIN, start_ms] {
            let meta = meta.clone();
            let mut writer =
                BlockWriter::create(Arc::clone(&disk) as _, Path::new(DIR), meta).unwrap();
            assert!(merge(&sources, (first_ms, i64::MAX), &mut writer).unwrap().is_nothing());
            let whole = writer.finish().unwrap().map(|info| open(&disk, &info));
            let found: Vec<Series> =
                whole.map_or_else(Vec::new, |block| block.select(&both()).collect());
            let expected = all_of(&all, &Select::both(Vec::new(), first_ms, i64::MAX));
            assert_same_mixed(&found, &expected);
        }
    }
}

/// So many histograms, one every 15 s, of a layout that changes now and then.
fn observed(n: usize) -> Series {
    let layout = |schema| {
        let positive_spans = vec![model::BucketSpan { offset: 0, length: 8 }];
        let layout = model::BucketLayout { schema, positive_spans, ..Default::default() };
        Arc::new(layout)
    };
    let layouts = [layout(0), layout(1)];
    let sample = |k: usize| {
        let positive = (0..8).map(|bucket| (k * bucket) as f64).collect();
        let layout = Arc::clone(&layouts[k / 2_500 % 2]);
        let histogram =
            Histogram { layout, count: (k * 28) as f64, positive, ..Default::default() };
        let t_ms = 1_767_225_600_000 + k as i64 * 15_000;
        HistogramSample { t_ms, start_ms: 1, histogram: Arc::new(histogram) }
    };
    let histograms = (0..n).map(sample).collect();
    Series { labels: labels(&[("__name__", "h")]), samples: Vec::new(), histograms }
}

#[test]
fn long_runs_are_cut_into_chunks_and_copied_by_a_merge() {
    let disk = sim_disk();
    let content = observed(10_000);
    let parts: Vec<Series> = content
        .histograms
        .chunks(5_000)
        .map(|part| Series { histograms: part.to_vec(), ..content.clone() })
        .collect();
    let blocks: Vec<Arc<Block>> = (0..)
        .zip(&parts)
        .map(|(id, part)| open(&disk, &write(&disk, meta(id), std::slice::from_ref(part)).unwrap()))
        .collect();
    let meta = BlockMeta { level: 1, epoch_from: 0, ..meta(9) };
    let mut writer = BlockWriter::create(Arc::clone(&disk) as _, Path::new(DIR), meta).unwrap();
    merge(&blocks, (i64::MIN, i64::MAX), &mut writer).unwrap();
    let whole = open(&disk, &writer.finish().unwrap().unwrap());
    assert_eq!(whole.sample_count(), 10_000);
    assert_same_mixed(&whole.select(&both()).collect::<Vec<_>>(), &[content]);
    let n_chunks = |block: &Block| block.series_group(0).unwrap()[0].chunks.len();
    assert!((10..30).contains(&n_chunks(&whole)), "{} chunks", n_chunks(&whole));
}

#[test]
fn a_reader_of_numbers_reads_no_histogram() {
    let disk = sim_disk();
    let block = written(&disk, &[observed(3)]);
    assert_eq!(block.select(&everything()).count(), 0);
    assert!(block.select(&Select { start_ms: 0, ..both() }).next().is_some());
    let select = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    assert_eq!(block.has_sample(&select), crate::block::Search::Found, "a deletion asks for both");
}

#[test]
fn a_damaged_histogram_chunk_costs_itself_and_is_said() {
    let disk = sim_disk();
    let mut content = observed(10_000);
    let mut rng = testkit::Rng::new(5);
    for sample in &mut content.histograms {
        let positive = (0..8).map(|_| rng.below(1 << 40) as f64).collect();
        sample.histogram = Arc::new(Histogram { positive, ..(*sample.histogram).clone() });
    }
    let block = written(&disk, std::slice::from_ref(&content));
    let mut bytes = disk.read(block.path()).unwrap();
    bytes[70_000] ^= 1;
    disk.put(block.path(), &bytes);
    let block = Arc::new(Block::open(Arc::clone(&disk) as _, block.path(), cache()).unwrap());
    let mut selection = block.select(&both());
    let n_left: usize = selection.by_ref().map(|series| series.histograms.len()).sum();
    assert!(n_left > 0 && n_left < 10_000, "{n_left} are left");
    assert!(selection.lost().n_chunks > 0);
    let mut damage = Vec::new();
    block.verify(&mut |found| damage.push(found)).unwrap();
    assert!(damage.iter().any(|found| found.series.is_some()), "{damage:?}");
}
