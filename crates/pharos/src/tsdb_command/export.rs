//! `pharos tsdb export`: the samples of a directory that no server has open, as text.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use model::{Labels, Matcher, Sample, parse_matchers};
use stdx::{DiskFile, Env};
use storage::{Querier as _, Select};
use tsdb::Archive;
use wire::json_lines::{self, Nans};
use wire::openmetrics::{self, Lost};

use super::args::{ExportArgs, ExportFormat};
use super::{opened, progress};

/// Samples of one JSON line: far from what readers bound.
const SAMPLES_PER_LINE: usize = 10_000;
/// Bytes that are written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Exports and sums up in a line on standard error. True when everything could be read.
///
/// # Errors
/// The directory cannot be opened, or the text not be written.
pub(super) fn run(args: &ExportArgs) -> anyhow::Result<bool> {
    let env = Env::system();
    let dir = &args.place.data_dir;
    let archive = Archive::open(dir, &env).map_err(|error| opened(error, dir))?;
    let exported = match &args.output {
        None => export(&archive, args, &mut io::stdout().lock())?,
        Some(path) => to_file(&archive, args, path, &env)?,
    };
    let complaints = damage(&archive);
    let mut err = io::stderr().lock();
    writeln!(
        err,
        "{} series, {} samples{}",
        exported.n_series,
        exported.n_samples,
        left_out(&exported.lost)
    )?;
    for complaint in &complaints {
        writeln!(err, "pharos: {complaint} (see pharos tsdb verify)")?;
    }
    Ok(complaints.is_empty())
}

#[derive(Default)]
struct Exported {
    n_series: u64,
    n_samples: u64,
    lost: Lost,
}

fn to_file(
    archive: &Archive,
    args: &ExportArgs,
    path: &Path,
    env: &Env,
) -> anyhow::Result<Exported> {
    let shown = || format!("cannot write {}", path.display());
    let file = env.disk.create(path).with_context(shown)?;
    let mut out = DiskWriter(file);
    let exported = export(archive, args, &mut out).with_context(shown)?;
    out.0.sync_data().with_context(shown)?;
    Ok(exported)
}

/// A file as something to write to.
struct DiskWriter(Box<dyn DiskFile>);

impl Write for DiskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn export(archive: &Archive, args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<Exported> {
    let selectors = selectors(&args.selectors)?;
    // One selector is answered from the index. Several are met one by one, so that a series that
    // meets two of them is written once.
    let (matchers, others) = match selectors.len() {
        0 | 1 => (selectors.into_iter().next().unwrap_or_default(), Vec::new()),
        _ => (Vec::new(), selectors),
    };
    let (start_ms, end_ms) = (args.start.unwrap_or(i64::MIN), args.end.unwrap_or(i64::MAX));
    let mut exported = Exported::default();
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let mut text = Vec::new();
    let bar = progress::bytes("export", None);
    for series in archive.select(&Select::floats(matchers, start_ms, end_ms))? {
        let series = series?;
        let meets = |matchers: &Vec<Matcher>| matchers.iter().all(|m| m.matches(&series.labels));
        if !others.is_empty() && !others.iter().any(meets) {
            continue;
        }
        exported.n_series += 1;
        exported.n_samples += series.samples.len() as u64;
        for samples in series.samples.chunks(SAMPLES_PER_LINE) {
            text.clear();
            write_samples(&series.labels, samples, args, &mut exported.lost, &mut text);
            out.write_all(&text)?;
            bar.advance(text.len() as u64);
        }
    }
    if args.format == ExportFormat::Openmetrics {
        out.write_all(b"# EOF\n")?;
    }
    out.flush()?;
    Ok(exported)
}

fn write_samples(
    labels: &Labels,
    samples: &[Sample],
    args: &ExportArgs,
    lost: &mut Lost,
    text: &mut Vec<u8>,
) {
    match args.format {
        ExportFormat::Openmetrics => openmetrics::write_series(labels, samples, lost, text),
        ExportFormat::Json => {
            let nans = if args.plain_nan { Nans::Plain } else { Nans::Exact };
            json_lines::write_line(labels, samples, nans, text);
        }
    }
}

fn selectors(texts: &[String]) -> anyhow::Result<Vec<Vec<Matcher>>> {
    let read = |text: &String| parse_matchers(text).with_context(|| format!("--match {text}"));
    texts.iter().map(read).collect()
}

/// What the format could not carry, in words.
fn left_out(lost: &Lost) -> String {
    let Lost { nameless_samples, stale_markers, nan_bits, start_times } = lost;
    let parts = [
        (nameless_samples, "samples of series without a name"),
        (stale_markers, "stale markers"),
        (nan_bits, "bits of NaNs"),
        (start_times, "start times"),
    ];
    let told = parts.iter().filter(|(n, _)| **n > 0).map(|(n, what)| format!("{n} {what}"));
    let told: Vec<String> = told.collect();
    if told.is_empty() { String::new() } else { format!(", without {}", told.join(", ")) }
}

/// What could not be read, a sentence each.
fn damage(archive: &Archive) -> Vec<String> {
    let meter = archive.meter();
    let found = [
        (meter.lost_chunks.get(), "parts of blocks could not be read"),
        (meter.recovery.quarantined_blocks.get(), "blocks could not be opened"),
        (meter.recovery.missing_blocks.get(), "blocks are missing"),
        (meter.recovery.missing_segments.get(), "log segments are missing"),
        (meter.recovery.corrupt_frames.get(), "frames of the log are damaged"),
    ];
    let told = found.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    told.collect()
}

#[cfg(test)]
mod tests {
    use wire::openmetrics::Lost;

    use super::{left_out, selectors};

    #[test]
    fn what_was_left_out_is_told() {
        assert_eq!(left_out(&Lost::default()), "");
        let lost = Lost { stale_markers: 2, start_times: 1, ..Lost::default() };
        assert_eq!(left_out(&lost), ", without 2 stale markers, 1 start times");
    }

    #[test]
    fn a_selector_that_is_none_is_refused_with_its_place() {
        assert_eq!(selectors(&["up{a!=\"b\"}".to_owned()]).unwrap()[0].len(), 2);
        assert_eq!(selectors(&["{a=~\"b.+\"}".to_owned()]).unwrap()[0].len(), 1);
        let error = selectors(&["{a=~\"(\"}".to_owned()]).unwrap_err();
        assert!(format!("{error:#}").contains("character 5"), "{error:#}");
    }
}
