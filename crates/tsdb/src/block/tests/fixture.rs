//! The fixture of the first version: a block as that version wrote it, with every kind of chunk,
//! and what is in it, as text. Later versions read the same bytes as the same samples, for ever.
//!
//! `cargo test -p tsdb --lib write_the_fixture -- --ignored` writes the files of a version that has
//! none; it never replaces them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use model::STALE_MARKER_BITS;
use stdx::LocalDisk;

use super::*;
use crate::block::BLOCK_VERSION;
use crate::block::chunk::SealedChunk;
use crate::codec::values::Encoder;

fn folder() -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fixtures.join(format!("v{BLOCK_VERSION}"))
}

fn at(k: i64) -> i64 {
    1_767_225_600_000 + 15_000 * k
}

/// A series of so many values, each at its time.
fn series(name: &str, n: i64, sample: impl FnMut(i64) -> Sample) -> Series {
    let labels = labels(&[("__name__", name), ("job", "fixture"), ("ort", "Küche")]);
    Series::of_floats(labels, (0..n).map(sample).collect())
}

fn content() -> Vec<Series> {
    let mut rng = testkit::Rng::new(11);
    let mut random = move |n: u64| (rng.next_u64() % n) as i64;
    let value = |k: i64, value: f64| Sample::new(at(k), value);
    let mut walk = 1_000_000;
    let mut count = 0;
    let noise: Vec<f64> = (0..20).map(|_| random(1 << 53) as f64 / (1_u64 << 53) as f64).collect();
    let mut raw = testkit::Rng::new(12);
    let nan = f64::from_bits(0x7ff8_0000_0000_00aa);
    let stale = f64::from_bits(STALE_MARKER_BITS);
    let mut all = vec![
        series("bits", 20, |k| value(k, (3001 + k * 7 % 11) as f64 / 3.0)),
        series("changes", 40, |k| value(k, noise[(k / 9) as usize] * 1e9)),
        series("coded", 400, |k| {
            walk += random(5) - 2;
            value(k, walk as f64)
        }),
        series("coded_with_patches", 700, |k| {
            count += if k % 150 == 5 { 1 << 30 } else { random(5) };
            value(k, count as f64)
        }),
        series("constant", 30, |k| value(k, 21.37)),
        series("constant_zero", 30, |k| value(k, 0.0)),
        series("counter_with_starts", 30, |k| {
            count += 7 * k;
            Sample { start_ms: at(-4), ..value(k, count as f64) }
        }),
        series("decimals", 30, |k| value(k, random(500) as f64 / 100.0)),
        series("decimals_with_exceptions", 30, |k| {
            let odd = [nan, stale, -0.0, f64::INFINITY, f64::NEG_INFINITY];
            let odd = odd.get((k - 9) as usize).copied();
            value(k, odd.unwrap_or(f64::from(k as i32) / 4.0))
        }),
        series("delta_with_starts", 30, |k| Sample { start_ms: at(k - 1), ..value(k, 5.0) }),
        series("late", 30, |k| Sample::new(at(k) + random(9), (k * k) as f64)),
        series("long", 1_100, |k| value(k, if k == 5 { stale } else { (k / 2) as f64 / 10.0 })),
        series("many", 1_300, |k| value(k, (k % 100) as f64 * 4096.0)),
        series("one", 1, |k| value(k, f64::MIN_POSITIVE)),
        series("patched", 60, |k| value(k, (k * 3 + k % 2 + k / 40 * 1_000_000) as f64)),
        series("raw", 12, |k| value(k, f64::from_bits(raw.next_u64()))),
        series("starts_of_their_own", 30, |k| {
            let start_ms = if k % 3 == 0 { 0 } else { at(0) + random(1 << 20) };
            Sample { start_ms, ..value(k, (3 * k) as f64) }
        }),
        series("stale", 5, |k| value(k, if k == 4 { stale } else { 1.0 })),
        series("whole", 30, |k| value(k, (k * (k + 3)) as f64)),
    ];
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all
}

/// A line for a series and one for each sample: time, bits of the value, start.
fn as_text(content: &[Series]) -> String {
    let mut text = String::new();
    for series in content {
        text += &format!("{}\n", series.labels);
        for sample in &series.samples {
            let (t_ms, bits, start_ms) = (sample.t_ms, sample.value.to_bits(), sample.start_ms);
            text += &format!("{t_ms} {bits:016x} {start_ms}\n");
        }
    }
    text
}

#[test]
#[ignore = "writes the files of a version that has none"]
fn write_the_fixture() {
    let (block, text) = (folder().join("block.blk"), folder().join("block.txt"));
    assert!(!block.exists() && !text.exists(), "the files of a version are written once");
    let disk = sim_disk();
    let meta = BlockMeta { level: 1, parents: vec![17, 18], ..meta(7) };
    let mut writer = BlockWriter::create(Arc::clone(&disk) as _, Path::new(DIR), meta).unwrap();
    for series in content() {
        let columns = Columns::of(&series.samples);
        if series.labels.get("__name__") == Some("long") {
            // As earlier writers wrote long columns.
            let mut bytes = Vec::new();
            Encoder::default().encode_long(&columns.values, &mut bytes).unwrap();
            writer.begin_series(&series.labels).unwrap();
            let (times, values_bytes) = (&columns.times[..], bytes.len());
            let (kind, bytes) = (crate::block::series_table::KIND_FLOATS, &bytes[..]);
            writer.push_sealed(SealedChunk { kind, times, bytes, values_bytes }).unwrap();
            writer.end_series().unwrap();
        } else {
            writer.add_series(&series.labels, &[columns.borrow()]).unwrap();
        }
    }
    let info = writer.finish().unwrap().unwrap();
    let bytes = disk.read(&block_path(Path::new(DIR), &info)).unwrap();
    LocalDisk.create_dir_all(&folder()).unwrap();
    for (path, bytes) in [(block, bytes), (text, as_text(&content()).into_bytes())] {
        let mut file = LocalDisk.create(&path).unwrap();
        file.append(&bytes).unwrap();
        file.sync_data().unwrap();
    }
}

#[test]
fn what_a_version_wrote_is_read_for_ever() {
    for version in 1..=BLOCK_VERSION {
        let folder = folder().with_file_name(format!("v{version}"));
        let path = folder.join("block.blk");
        let block = Arc::new(Block::open(Arc::new(LocalDisk), &path, cache()).unwrap());
        let expected = std::fs::read_to_string(folder.join("block.txt")).unwrap();
        let found: Vec<Series> = block.select(&everything()).collect();
        assert!(as_text(&found) == expected, "version {version} reads as something else");
        let mut damage = Vec::new();
        block.verify(&mut |found| damage.push(found)).unwrap();
        assert_eq!(damage, []);
        assert_eq!((block.info().meta.id, block.info().meta.parents.len()), (7, 2));
    }
}

/// The fixture is worth its name as long as it has one chunk of each kind.
#[test]
fn the_fixture_has_a_chunk_of_each_kind() {
    let path = folder().join("block.blk");
    let block = Block::open(Arc::new(LocalDisk), &path, cache()).unwrap();
    let (mut tags, mut start_tags, mut forms) =
        <(BTreeSet<u8>, BTreeSet<u8>, BTreeSet<u8>)>::default();
    let groups = 0..block.series_count().div_ceil(16);
    let series: Vec<_> = groups.flat_map(|group| block.series_group(group).unwrap()).collect();
    for chunk in series.iter().flat_map(|series| &series.chunks) {
        let bytes = block.read(chunk.offset, chunk.end() - chunk.offset).unwrap();
        start_tags.extend(bytes.get(chunk.values_bytes as usize));
        match (bytes[0], chunk.times.n_samples) {
            (0, 1025..) => _ = tags.insert(bytes[1] & 0xf0),
            (_, 1025..) => _ = tags.insert(0xff),
            (tag @ 0..0x10, _) => _ = tags.insert(tag),
            (tag @ 0x20..0x40, _) => {
                tags.insert(tag & 0xf0);
                forms.insert(bytes[1]);
            }
            (tag, _) => _ = tags.insert(tag & 0xf0),
        }
    }
    // Raw, changes, bits, constant, decimals, with exceptions, long with exceptions, sub-blocks.
    assert_eq!(tags, [0, 1, 2, 0x10, 0x20, 0x40, 0x80, 0xff].into());
    assert_eq!(start_tags, [1, 2, 3].into());
    // Level, bends; steps with a factor, with patches too, with a code, with a code and patches.
    assert!(forms.is_superset(&[0x00, 0x02, 0x09, 0x19, 0x21, 0x31].into()), "{forms:x?}");
}
