//! Files: samples from text, whatever its format.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, bail};
use model::{Labels, Sample};
use wire::json_lines::{self, read_line};
use wire::lines::Lines;
use wire::openmetrics::{Dialect, Kind, Line, Page, Pairs, SampleLine, seconds_to_ms};

use super::super::args::ImportFormat;
use super::super::progress::{self, Bar};
use super::Intake;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// The end of a file in which `# EOF` is looked for.
const TAIL_BYTES: u64 = 16;
/// Samples of a series that are handed over at once.
const SAMPLES_AT_ONCE: usize = 4096;
/// Series of a family that wait for the line that says since when they count.
const WAITING_MAX: usize = 512;
/// The bar moves after so many lines.
const LINES_PER_STEP: u64 = 4096;

/// Reads a file, or standard input for `-`.
pub(super) fn read(path: &Path, format: ImportFormat, intake: &mut Intake) -> anyhow::Result<()> {
    let shown =
        if path == Path::new("-") { "standard input".into() } else { path.to_string_lossy() };
    let mut read = || {
        if path == Path::new("-") {
            let input = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
            return from(input, format, None, intake);
        }
        let mut file = File::open(path)?;
        let n_bytes = file.metadata()?.len();
        let is_openmetrics = ends_with_eof(&mut file, n_bytes)?;
        let hint = Hint { n_bytes, is_openmetrics };
        from(BufReader::with_capacity(BUFFER_BYTES, file), format, Some(&hint), intake)
    };
    read().with_context(|| format!("cannot import {shown}"))
}

/// What is known of a file before it is read.
struct Hint {
    n_bytes: u64,
    /// It ends as OpenMetrics does.
    is_openmetrics: bool,
}

/// Whether the last line is `# EOF`.
fn ends_with_eof(file: &mut File, n_bytes: u64) -> io::Result<bool> {
    let from = n_bytes.saturating_sub(TAIL_BYTES);
    if file.seek(SeekFrom::Start(from)).is_err() {
        // A pipe with a name.
        return Ok(false);
    }
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    file.seek(SeekFrom::Start(0))?;
    let tail = tail.strip_suffix(b"\n").unwrap_or(&tail);
    Ok(tail == b"# EOF" || tail.ends_with(b"\n# EOF"))
}

fn from(
    mut input: impl BufRead,
    format: ImportFormat,
    hint: Option<&Hint>,
    intake: &mut Intake,
) -> anyhow::Result<()> {
    let bar = progress::bytes("import", hint.map(|hint| hint.n_bytes));
    let format = match format {
        ImportFormat::Auto => format_of(input.fill_buf()?, hint)?,
        given => given,
    };
    match format {
        ImportFormat::Json => json(input, &bar, intake),
        ImportFormat::Openmetrics => page(Page::new(input, Dialect::OpenMetrics), &bar, intake),
        _ => page(Page::new(input, Dialect::Prometheus), &bar, intake),
    }
}

/// The format that a text looks like.
fn format_of(start: &[u8], hint: Option<&Hint>) -> anyhow::Result<ImportFormat> {
    let text = start.trim_ascii_start();
    let has_metric = |line: &[u8]| line.windows(8).take(4096).any(|at| at == b"\"metric\"");
    match (text.first(), hint) {
        (Some(b'{'), _) if has_metric(text) => Ok(ImportFormat::Json),
        (_, Some(Hint { is_openmetrics: true, .. })) => Ok(ImportFormat::Openmetrics),
        (_, Some(_)) => Ok(ImportFormat::Prometheus),
        // Its end would say, but it has to be read first: seconds and milliseconds look alike.
        (_, None) => bail!("say --format openmetrics or --format prometheus"),
    }
}

fn json(input: impl BufRead, bar: &Bar, intake: &mut Intake) -> anyhow::Result<()> {
    let mut lines = Lines::new(input, json_lines::LINE_BYTES_MAX);
    loop {
        let number = lines.number() + 1;
        let Some(line) = lines.next()? else { return Ok(()) };
        if !line.trim_ascii().is_empty() {
            let series = read_line(line).with_context(|| format!("line {number}"))?;
            intake.add(&series.labels, &series.samples)?;
        }
        bar.set(lines.n_bytes());
    }
}

fn page(mut page: Page<impl BufRead>, bar: &Bar, intake: &mut Intake) -> anyhow::Result<()> {
    let mut waiting = Waiting::default();
    loop {
        let kind = page.kind();
        let number = page.line_number() + 1;
        let Some(line) = page.next()? else { break };
        match line {
            Line::Sample(sample) => waiting.sample(&sample, kind, intake),
            Line::Created(sample) => waiting.created(&sample, intake),
            Line::Type { .. } => waiting.hand_over(intake),
            _ => Ok(()),
        }
        .with_context(|| format!("line {number}"))?;
        if number.is_multiple_of(LINES_PER_STEP) {
            bar.set(page.n_bytes());
        }
    }
    waiting.hand_over(intake)
}

/// Samples on their way from lines to series: those of one series are handed over together, and
/// those of a family that counts wait for the line that says since when.
#[derive(Default)]
struct Waiting {
    series: Vec<WaitingSeries>,
}

struct WaitingSeries {
    /// As on the line.
    name: String,
    pairs: Vec<(String, String)>,
    labels: Labels,
    samples: Vec<Sample>,
}

impl WaitingSeries {
    fn is_of(&self, line: &SampleLine<'_>) -> bool {
        let mine = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.name == line.name && mine.eq(line.labels.iter())
    }

    /// Whether a line about all parts of a distribution is about this one.
    fn is_part_of(&self, labels: Pairs<'_>) -> bool {
        let of_whole = |(name, _): &&(String, String)| name != "le" && name != "quantile";
        let mine = self.pairs.iter().filter(of_whole);
        mine.map(|(name, value)| (name.as_str(), value.as_str())).eq(labels.iter())
    }
}

impl Waiting {
    fn sample(
        &mut self,
        line: &SampleLine<'_>,
        kind: Kind,
        intake: &mut Intake,
    ) -> anyhow::Result<()> {
        intake.skip("exemplar", usize::from(line.exemplar.is_some()));
        let Some(t_ms) = line.t_ms else {
            intake.skip("no_timestamp", 1);
            return Ok(());
        };
        let sample = Sample::new(t_ms, line.value);
        // Lines of one series stand together.
        match self.series.last_mut() {
            Some(last) if last.is_of(line) && last.samples.len() < SAMPLES_AT_ONCE => {
                last.samples.push(sample);
                return Ok(());
            }
            _ => {}
        }
        let is_counting = matches!(kind, Kind::Counter | Kind::Histogram | Kind::Summary);
        let waiting_max = if is_counting { WAITING_MAX } else { 1 };
        if self.series.len() >= waiting_max {
            self.hand_over(intake)?;
        }
        self.push(line, sample)
    }

    fn push(&mut self, line: &SampleLine<'_>, sample: Sample) -> anyhow::Result<()> {
        let labels = Labels::of_metric(line.name, line.labels.iter())?;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let pairs = line.labels.iter().map(owned).collect();
        let (name, samples) = (line.name.to_owned(), vec![sample]);
        self.series.push(WaitingSeries { name, pairs, labels, samples });
        Ok(())
    }

    /// Tells the samples that a line is about since when they count: those of its time if it has
    /// one, else those that were not told. It stands behind them, before those of other labels.
    fn created(&mut self, line: &SampleLine<'_>, intake: &mut Intake) -> anyhow::Result<()> {
        let start_ms = seconds_to_ms(line.value).context("a start time that is none")?;
        let mut n_told = 0;
        let is_part = |series: &&mut WaitingSeries| series.is_part_of(line.labels);
        for series in self.series.iter_mut().rev().take_while(is_part) {
            let is_meant = |sample: &&mut Sample| {
                sample.start_ms == 0 && line.t_ms.is_none_or(|t_ms| t_ms == sample.t_ms)
            };
            for sample in series.samples.iter_mut().filter(is_meant) {
                sample.start_ms = start_ms;
                n_told += 1;
            }
        }
        intake.skip("created_without_samples", usize::from(n_told == 0));
        Ok(())
    }

    fn hand_over(&mut self, intake: &mut Intake) -> anyhow::Result<()> {
        for series in self.series.drain(..) {
            intake.add(&series.labels, &series.samples)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Hint, format_of};
    use crate::tsdb_command::args::ImportFormat;

    #[test]
    fn a_format_is_known_by_its_looks() {
        let hint = |is_openmetrics| Some(Hint { n_bytes: 9, is_openmetrics });
        for (start, hint, expected) in [
            (" {\"metric\":{}", None, Some(ImportFormat::Json)),
            ("{\"up\"} 1 17", hint(true), Some(ImportFormat::Openmetrics)),
            ("up 1 17", hint(true), Some(ImportFormat::Openmetrics)),
            ("up 1 17", hint(false), Some(ImportFormat::Prometheus)),
            ("up 1 17", None, None),
        ] {
            let found = format_of(start.as_bytes(), hint.as_ref());
            assert_eq!(found.ok(), expected, "{start}");
        }
    }
}
