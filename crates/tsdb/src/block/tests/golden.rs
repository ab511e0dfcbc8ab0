//! A small block, byte by byte: the format is frozen, and the file in `small.blk.hex` is what the
//! first version wrote. `UPDATE_EXPECT=1` writes it anew, for a change that keeps it readable.

use expect_test::expect_file;
use model::STALE_MARKER_BITS;

use super::*;

fn content() -> Vec<Series> {
    let series =
        |pairs: &[(&str, &str)], samples: Vec<Sample>| Series::of_floats(labels(pairs), samples);
    let at = |k: i64| 1_767_225_600_000 + 15_000 * k;
    let counted = |k: i64| Sample { t_ms: at(k), value: (7 * k) as f64, start_ms: at(-4) };
    let odd = [f64::from_bits(0x7ff8_0000_0000_00aa), -0.0, f64::from_bits(STALE_MARKER_BITS)];
    vec![
        series(&[("__name__", "requests_total"), ("job", "api")], (0..6).map(counted).collect()),
        series(
            &[("__name__", "temperature"), ("job", "api"), ("ort", "Küche")],
            (0..6).map(|k| Sample::new(at(k), 20.25 + k as f64 / 4.0)).collect(),
        ),
        series(
            &[("__name__", "temperature"), ("job", "api"), ("ort", "Küchen")],
            odd.into_iter().zip(3..).map(|(value, k)| Sample::new(at(k), value)).collect(),
        ),
    ]
}

fn hex_dump(bytes: &[u8]) -> String {
    let line = |(at, line): (usize, &[u8])| {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:04x}  {}\n", at * 16, bytes.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

fn parse_dump(dump: &str) -> Vec<u8> {
    let bytes = dump.lines().flat_map(|line| line.split_whitespace().skip(1));
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn golden_meta() -> BlockMeta {
    let id = 0x0123_4567_89ab_cdef;
    BlockMeta { id, level: 1, epoch_from: 3, epoch_to: 4, parents: vec![17, 18] }
}

#[test]
fn the_writer_writes_the_frozen_bytes() {
    let disk = sim_disk();
    let info = write(&disk, golden_meta(), &content()).unwrap();
    let bytes = disk.read(&block_path(Path::new(DIR), &info)).unwrap();
    expect_file!["small.blk.hex"].assert_eq(&hex_dump(&bytes));
}

#[test]
fn the_reader_reads_the_frozen_bytes() {
    let disk = sim_disk();
    let path = Path::new(DIR).join("small.blk");
    disk.put(&path, &parse_dump(include_str!("small.blk.hex")));
    let block = Arc::new(Block::open(Arc::clone(&disk) as _, &path, cache()).unwrap());
    assert_eq!(block.info().meta, golden_meta());
    assert_same(&block.select(&everything()).collect::<Vec<_>>(), &content());
    let mut damage = Vec::new();
    block.verify(&mut |found| damage.push(found)).unwrap();
    assert_eq!(damage, []);
}
