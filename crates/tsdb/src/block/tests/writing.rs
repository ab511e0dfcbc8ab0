//! A block is there as a whole or not at all.

use super::*;
use crate::block::columns::ChunkColumns;
use crate::block::{BlockError, is_block_name, is_unfinished_name};

fn begin(disk: &Arc<SimDisk>) -> BlockWriter {
    BlockWriter::create(Arc::clone(disk) as _, Path::new(DIR), meta(7)).unwrap()
}

fn add(writer: &mut BlockWriter, series: &[Series]) {
    for series in series {
        let columns = Columns::of(&series.samples);
        writer.add_series(&series.labels, &[columns.borrow()]).unwrap();
    }
}

#[test]
fn nothing_has_a_blocks_name_before_it_is_finished() {
    let disk = sim_disk();
    let mut writer = begin(&disk);
    add(&mut writer, &scraped(2_000, 50));
    assert!(disk.paths().iter().all(|path| is_unfinished_name(path) && !is_block_name(path)));
    let info = writer.finish().unwrap().unwrap();
    assert_eq!(disk.paths(), [block_path(Path::new(DIR), &info)]);
    assert_eq!(info.file_bytes, disk.len(&disk.paths()[0]).unwrap());
}

#[test]
fn its_name_says_level_times_and_epochs() {
    let disk = sim_disk();
    let samples = vec![Sample::new(-5, 1.0), Sample::new(3, 1.0)];
    let series = [Series::of_floats(labels(&[("a", "b")]), samples)];
    let epochs = BlockMeta { level: 2, epoch_from: 3, epoch_to: 9, ..meta(1) };
    write(&disk, epochs, &series).unwrap();
    assert_eq!(disk.paths(), [Path::new("/blk/2--5-3-3-9.blk")]);
}

#[test]
fn an_abandoned_writer_leaves_nothing() {
    let disk = sim_disk();
    let mut writer = begin(&disk);
    add(&mut writer, &scraped(10, 10));
    drop(writer);
    assert!(disk.paths().is_empty());
}

#[test]
fn without_samples_there_is_no_block() {
    let disk = sim_disk();
    let mut writer = begin(&disk);
    writer.add_series(&labels(&[("a", "b")]), &[]).unwrap();
    writer.add_series(&labels(&[("a", "c")]), &[Columns::default().borrow()]).unwrap();
    assert_eq!(writer.finish().unwrap(), None);
    assert!(disk.paths().is_empty());
}

#[test]
fn a_series_without_samples_leaves_no_trace() {
    let disk = sim_disk();
    let mut writer = begin(&disk);
    writer.add_series(&labels(&[("a", "empty")]), &[]).unwrap();
    add(&mut writer, &scraped(1, 1));
    let info = writer.finish().unwrap().unwrap();
    let block = open(&disk, &info);
    let mut lost = Default::default();
    assert_eq!(block.label_values("a", &[], i64::MIN, &mut lost), Vec::<String>::new());
    assert_eq!(block.series_count(), 1);
}

#[test]
fn a_failed_sync_or_full_disk_leaves_no_block() {
    let disk = sim_disk();
    let mut writer = begin(&disk);
    add(&mut writer, &scraped(10, 10));
    disk.fail_next_syncs(1);
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, BlockError::Disk { action: "sync", .. }), "{error}");
    assert!(disk.paths().is_empty());

    let mut writer = begin(&disk);
    add(&mut writer, &scraped(10, 10));
    disk.set_free_bytes(Some(100));
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, BlockError::Disk { action: "write" | "sync", .. }), "{error}");
    assert!(disk.paths().is_empty());
}

/// Cuts the power after every single change of the disk.
#[test]
fn a_power_cut_leaves_a_whole_block_or_none() {
    let content = scraped(40, 10);
    let mut n_finished = 0;
    for n_writes in 0..10 {
        for seed in 0..20 {
            let disk = Arc::new(SimDisk::new(seed));
            disk.create_dir_all(Path::new(DIR)).unwrap();
            disk.sync_dir(Path::new("/")).unwrap();
            disk.stop_after(n_writes);
            let finished = try_write(&disk, &content);
            disk.crash();
            let paths = disk.paths();
            let block = paths.iter().find(|path| is_block_name(path));
            assert!(block.is_some() || !finished, "a finished block is gone, seed {seed}");
            if let Some(path) = block {
                let block = Block::open(Arc::clone(&disk) as _, path, cache()).unwrap();
                assert_same(&Arc::new(block).select(&everything()).collect::<Vec<_>>(), &content);
            }
            n_finished += u32::from(finished);
        }
    }
    assert!(n_finished > 0, "no write was left undisturbed");
}

fn try_write(disk: &Arc<SimDisk>, content: &[Series]) -> bool {
    let Ok(mut writer) = BlockWriter::create(Arc::clone(disk) as _, Path::new(DIR), meta(7)) else {
        return false;
    };
    let added = content.iter().try_for_each(|series| {
        let columns = Columns::of(&series.samples);
        writer.add_series(&series.labels, &[columns.borrow()])
    });
    added.is_ok() && writer.finish().is_ok()
}

#[test]
#[should_panic(expected = "out of order")]
fn series_out_of_order_are_our_mistake() {
    let disk = sim_disk();
    let mut content = scraped(2, 1);
    content.reverse();
    let mut writer = begin(&disk);
    add(&mut writer, &content);
    let _ = writer.finish();
}

#[test]
#[should_panic(expected = "out of order")]
fn samples_out_of_order_are_our_mistake() {
    let mut content = scraped(1, 2);
    content[0].samples.reverse();
    add(&mut begin(&sim_disk()), &content);
}

#[test]
fn tags_of_the_caller_make_the_same_block_as_labels() {
    let content = scraped(50, 20);
    let (with_labels, with_tags) = (sim_disk(), sim_disk());
    let info = write(&with_labels, meta(7), &content).unwrap();
    // Numbers in the order in which they come, with gaps.
    let texts: std::cell::RefCell<Vec<(String, String)>> = std::cell::RefCell::default();
    let number = |label: &model::Label| {
        let text = (label.name.to_string(), label.value.to_string());
        let mut texts = texts.borrow_mut();
        let known = texts.iter().position(|known| *known == text);
        let at = known.unwrap_or_else(|| {
            texts.push(text);
            texts.len() - 1
        });
        at as u32 * 3 + 5
    };
    let tags: Vec<Vec<u32>> =
        content.iter().map(|series| series.labels.iter().map(number).collect()).collect();
    let texts = texts.into_inner();
    let n_asked = std::cell::Cell::new(0);
    let mut writer = begin(&with_tags);
    for (series, tags) in content.iter().zip(&tags) {
        let text = |tag: u32| {
            n_asked.set(n_asked.get() + 1);
            let (name, value) = &texts[(tag as usize - 5) / 3];
            (name.as_str(), value.as_str())
        };
        writer.begin_series_tagged(tags, &text).unwrap();
        let columns = Columns::of(&series.samples);
        columns.borrow().times.chunks(7).zip(columns.values.chunks(7)).for_each(
            |(times, values)| {
                writer.push(ChunkColumns { times, values, starts: &[] }).unwrap();
            },
        );
        writer.end_series().unwrap();
    }
    assert_eq!(writer.finish().unwrap(), Some(info.clone()));
    assert_eq!(n_asked.get(), texts.len(), "each text is asked for once");
    let path = block_path(Path::new(DIR), &info);
    assert_eq!(with_labels.read(&path).unwrap(), with_tags.read(&path).unwrap());
}

#[test]
fn a_series_without_samples_leaves_no_label_behind() {
    let disk = sim_disk();
    let mut writer = begin(&disk);
    writer.begin_series(&labels(&[("a", "nothing"), ("b", "nothing")])).unwrap();
    writer.end_series().unwrap();
    let content = [Series::of_floats(labels(&[("b", "x")]), vec![Sample::new(1, 1.0)])];
    add(&mut writer, &content);
    let block = open(&disk, &writer.finish().unwrap().unwrap());
    let names: Vec<_> = block.cardinality().into_iter().map(|of| (of.name, of.n_values)).collect();
    assert_eq!(names, [("b".to_owned(), 1)]);
    assert_same(&block.select(&everything()).collect::<Vec<_>>(), &content);
}
