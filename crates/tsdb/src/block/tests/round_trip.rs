//! Any content, any selection: a block answers as the reference store does.

use model::Matcher;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::block::columns::ChunkColumns;
use crate::block::reader::LabelCardinality;
use crate::block::{BlockSeries, Lost};

/// Few names and values, so that series share them, and all kinds of text.
fn any_labels() -> impl Strategy<Value = Labels> {
    let name = prop::sample::select(vec!["__name__", "a", "job", "größe", "x\0y", "x", "a b"]);
    let value = prop_oneof![
        8 => prop::sample::select(vec!["", "1", "10", "up", "up\0", "ü", "üb", "日本"])
            .prop_map(str::to_owned),
        2 => "[a-c]{0,3}",
        1 => any::<String>(),
    ];
    vec((name, value), 0..5).prop_map(|pairs| {
        pairs.into_iter().fold(Labels::default(), |labels, (name, value)| labels.with(name, &value))
    })
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let t_ms = prop_oneof![20 => 0..200_i64, 1 => any::<i64>()];
    let value = prop_oneof![
        (0..100_u32).prop_map(f64::from),
        (0..1000_i32).prop_map(|cents| f64::from(cents) / 100.0),
        any::<u64>().prop_map(f64::from_bits),
        Just(f64::from_bits(model::STALE_MARKER_BITS)),
    ];
    let start_ms = prop_oneof![3 => Just(0), 1 => -100..100_i64, 1 => any::<i64>()];
    (t_ms, value, start_ms).prop_map(|(t_ms, value, start_ms)| Sample { t_ms, value, start_ms })
}

pub(super) fn any_rows() -> impl Strategy<Value = Vec<(Labels, Sample)>> {
    let series = (any_labels(), vec(any_sample(), 1..40));
    vec(series, 1..40).prop_map(|all| {
        let rows = all.into_iter().flat_map(|(labels, samples)| {
            samples.into_iter().map(move |sample| (labels.clone(), sample))
        });
        rows.collect()
    })
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let name = prop::sample::select(vec!["__name__", "a", "größe", "x\0y", "x", "nowhere"]);
    let value = prop::sample::select(vec!["", "1", "10", "up", "ü", "zz"]);
    let expression = prop::sample::select(vec![
        "",
        ".*",
        ".+",
        "1|up",
        "up|",
        "1.*",
        "ü.+",
        "üb?",
        ".*b.*",
        "[a-c]+",
        "[^u].*",
        "(|b)c?",
        "zz.*",
        "(up|10|zz).?",
    ]);
    (name, value, expression, 0..4).prop_map(|(name, value, expression, op)| match op {
        0 => Matcher::equal(name, value),
        1 => Matcher::not_equal(name, value),
        2 => Matcher::regex(name, expression).unwrap(),
        _ => Matcher::not_regex(name, expression).unwrap(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_block_answers_as_the_reference_store(
        rows in any_rows(),
        matchers in vec(any_matcher(), 0..3),
        (a, b) in (-10..210_i64, -10..210_i64),
        name in prop::sample::select(vec!["__name__", "a", "x\0y", "x", "nowhere"]),
    ) {
        let store = store_of(rows);
        let content = select_all(&store);
        let block = written(&sim_disk(), &content);
        assert_same(&block.select(&everything()).collect::<Vec<_>>(), &content);

        let select = Select::floats(matchers.clone(), a, b);
        let expected: Vec<Series> = store.select(&select).unwrap().map(Result::unwrap).collect();
        let mut selection = block.select(&select);
        let found: Vec<Series> = selection.by_ref().collect();
        assert_same(&found, &expected);
        assert!(selection.lost().is_nothing());

        for matchers in [&matchers[..], &[]] {
            let mut lost = Lost::default();
            let values = block.label_values(name, matchers, i64::MIN, &mut lost);
            prop_assert_eq!(values, store.label_values(name, matchers).unwrap());
            let names = block.label_names(matchers, i64::MIN, &mut lost);
            prop_assert_eq!(names, store.label_names(matchers).unwrap());
            assert!(lost.is_nothing());
        }
        prop_assert_eq!(block.cardinality(), counted(&content));
        prop_assert_eq!(block.series_count() as usize, content.len());
        let n_samples: usize = content.iter().map(|series| series.samples.len()).sum();
        prop_assert_eq!(block.sample_count(), n_samples as u64);
        let mut damage = Vec::new();
        block.verify(&mut |found| damage.push(found)).unwrap();
        prop_assert_eq!(damage, vec![]);
    }
}

fn counted(content: &[Series]) -> Vec<LabelCardinality> {
    let mut values = std::collections::BTreeMap::<&str, Vec<&str>>::new();
    for label in content.iter().flat_map(|series| &series.labels) {
        values.entry(&label.name).or_default().push(&label.value);
    }
    let of_label = |(name, mut values): (&str, Vec<&str>)| {
        let n_series = values.len() as u32;
        values.sort_unstable();
        values.dedup();
        LabelCardinality { name: name.to_owned(), n_values: values.len() as u32, n_series }
    };
    values.into_iter().map(of_label).collect()
}

#[test]
fn a_selection_may_go_to_another_thread() {
    let content = scraped(3, 3);
    let block = written(&sim_disk(), &content);
    let series: BlockSeries = block.select(&everything());
    drop(block);
    let found = std::thread::spawn(move || series.collect::<Vec<_>>()).join().unwrap();
    assert_same(&found, &content);
}

#[test]
fn many_series_fill_many_groups_and_pages() {
    let content = scraped(5_000, 20);
    let block = written(&sim_disk(), &content);
    assert_same(&block.select(&everything()).collect::<Vec<_>>(), &content);
    for (at, job) in [(0, 0), (17, 2), (4_999, 1)] {
        let matchers = vec![
            Matcher::equal("job", format!("job-{job}")),
            Matcher::equal("instance", format!("host-{at:05}")),
        ];
        let select = Select { matchers, ..everything() };
        let found: Vec<Series> = block.select(&select).collect();
        assert_same(&found, &content[at..=at]);
    }
    let matchers = vec![Matcher::equal("job", "job-1")];
    let select = Select { matchers, ..everything() };
    let expected: Vec<Series> = content.iter().skip(1).step_by(3).cloned().collect();
    assert_same(&block.select(&select).collect::<Vec<_>>(), &expected);
}

#[test]
fn a_long_series_is_cut_and_read_in_part() {
    let mut content = scraped(2, 40_000);
    content[1].samples.drain(..12_345);
    content[1].samples[20_000].start_ms = 5;
    let block = written(&sim_disk(), &content);
    assert_same(&block.select(&everything()).collect::<Vec<_>>(), &content);
    let (from, to) = (20_000, 20_100);
    let times = |at: usize| content[0].samples[at].t_ms;
    let select = Select { start_ms: times(from), end_ms: times(to), ..everything() };
    let found: Vec<Series> = block.select(&select).collect();
    assert_eq!(bits(&found[0].samples), bits(&content[0].samples[from..=to]));
}

#[test]
fn series_of_one_scrape_share_their_times() {
    let bytes_of = |n_series, is_shared: bool| {
        let mut content = scraped(n_series, 400);
        let mut rng = testkit::Rng::new(3);
        for (at, series) in content.iter_mut().enumerate() {
            for sample in &mut series.samples {
                // Jitter, the same for all series or another for each.
                let seed = if is_shared { 0 } else { at as u64 };
                let jitter = (sample.t_ms as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55;
                sample.t_ms += jitter as i64;
                sample.value = 1.0;
            }
            // Some begin late or end early: they use a slice.
            if at >= 3 {
                series.samples.drain(..rng.index(50));
                series.samples.truncate(300 + rng.index(50));
            }
        }
        let block = written(&sim_disk(), &content);
        assert_same(&block.select(&everything()).collect::<Vec<_>>(), &content);
        block.info().file_bytes
    };
    let shared = bytes_of(300, true);
    let own = bytes_of(300, false);
    assert!(
        shared * 5 < own && shared < 300 * 60,
        "{shared} bytes with shared times, {own} without"
    );
}

#[test]
fn chunks_may_be_given_in_pieces() {
    let content = scraped(1, 3_000);
    let disk = sim_disk();
    let mut writer = BlockWriter::create(Arc::clone(&disk) as _, Path::new(DIR), meta(1)).unwrap();
    let columns = Columns::of(&content[0].samples);
    let all = columns.borrow();
    let pieces: Vec<ChunkColumns<'_>> = (0..3_000).map(|at| all.slice(at..at + 1)).collect();
    writer.add_series(&content[0].labels, &pieces).unwrap();
    let info = writer.finish().unwrap().unwrap();
    assert_same(&open(&disk, &info).select(&everything()).collect::<Vec<_>>(), &content);
}

/// Values of one name that fill many groups: what a prefix or a list leaves out is not read.
#[test]
fn expressions_find_the_same_among_many_values() {
    let content = scraped(2_000, 1);
    let block = written(&sim_disk(), &content);
    let expressions = [
        "host-00.+",
        "host-019[0-9]+",
        "host-01999.*",
        "host-02.*",
        "a.*",
        "z.*",
        "host-0000[0-3]",
        ".*7",
        "host-00500|host-01999|none|",
        "(?s).*-01(0|1).*",
        "host-0(0015|0016|0031)..?",
        "host-0.*",
    ];
    for expression in expressions {
        for matcher in [Matcher::regex, Matcher::not_regex] {
            let matchers = vec![
                matcher("instance", expression).unwrap(),
                Matcher::regex("job", "job-[01]").unwrap(),
            ];
            let matches = |series: &&Series| matchers.iter().all(|m| m.matches(&series.labels));
            let expected: Vec<Series> = content.iter().filter(matches).cloned().collect();
            let select = Select { matchers: matchers.clone(), ..everything() };
            assert_same(&block.select(&select).collect::<Vec<_>>(), &expected);
        }
    }
}

#[test]
fn columns_are_the_samples_of_the_series() {
    let disk = sim_disk();
    let mut content = scraped(40, 3_000);
    content[7].samples.iter_mut().for_each(|sample| sample.start_ms = 5);
    let block = written(&disk, &content);
    let (start_ms, end_ms) = (content[0].samples[1_500].t_ms, content[0].samples[2_800].t_ms);
    let select = Select::floats(Vec::new(), start_ms, end_ms);
    let mut series = block.select(&select);
    let mut found = Vec::new();
    while series.advance() {
        let labels = series.labels().unwrap();
        let mut samples = Vec::new();
        while let Some(chunk) = series.next_chunk() {
            assert!(!chunk.times.is_empty());
            assert_eq!(chunk.values.len(), chunk.times.len());
            samples.extend((0..chunk.times.len()).map(|at| chunk.sample(at)));
        }
        found.push(Series::of_floats(labels, samples));
    }
    for series in &mut content {
        series.samples.retain(|sample| (start_ms..=end_ms).contains(&sample.t_ms));
    }
    assert_same(&found, &content);
    assert!(series.lost().is_nothing());
}
