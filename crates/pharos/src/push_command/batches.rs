//! Batches: what is to be sent, in pieces that a server takes at once.
//!
//! Lines that stand alone are cut after so many bytes. A page is sent whole, because its lines say
//! something about each other.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use wire::lines::Lines;
use wire::openmetrics::{Dialect, LineParser};

use super::args::PushFormat;

/// Bytes of a batch of lines.
const BATCH_BYTES: usize = 8 << 20;
/// Bytes of a page, as many as a server takes.
const PAGE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a line, as many as a server takes of any format.
const LINE_BYTES_MAX: usize = 10 << 20;
/// Blank lines that are passed over before the first one that says something.
const FIRST_BYTES_MAX: u64 = 2 * LINE_BYTES_MAX as u64;

/// How the lines of a batch are laid out, once it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Prometheus,
    Openmetrics,
    Json,
    Influx,
}

/// What is sent at once.
#[derive(Debug)]
pub(super) struct Batch {
    /// Where a server takes it.
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Lines that carry samples.
    pub(super) n_lines: u64,
}

/// See the head of this file.
pub(super) enum Batches {
    /// A page, or nothing any more.
    Whole(Option<Batch>),
    /// Lines that stand alone.
    Lines { lines: Box<Lines<Input>>, layout: Layout },
}

type Input = BufReader<Box<dyn Read>>;

impl Layout {
    fn batch(self, body: Vec<u8>, n_lines: u64) -> Batch {
        let (path, content_type) = match self {
            Self::Prometheus => ("/api/v1/import/prometheus", "text/plain; version=0.0.4"),
            Self::Openmetrics => {
                ("/api/v1/import/prometheus", "application/openmetrics-text; version=1.0.0")
            }
            Self::Json => ("/api/v1/import", "application/json"),
            Self::Influx => ("/api/v2/write?precision=ns", "text/plain; charset=utf-8"),
        };
        Batch { path, content_type, body, n_lines }
    }
}

impl Batches {
    /// One line of Prometheus text.
    pub(super) fn of_line(line: String) -> Self {
        Self::Whole(Some(Layout::Prometheus.batch(line.into_bytes(), 1)))
    }

    /// A file; standard input for `-`.
    ///
    /// # Errors
    /// It cannot be read, its layout is not clear, or it is a page that is too large.
    pub(super) fn of_file(path: &Path, format: PushFormat) -> anyhow::Result<Self> {
        let source: Box<dyn Read> = match path == Path::new("-") {
            true => Box::new(std::io::stdin()),
            false => {
                let file = File::open(path);
                Box::new(file.with_context(|| format!("cannot open {}", path.display()))?)
            }
        };
        Self::of_source(source, format)
    }

    fn of_source(source: Box<dyn Read>, format: PushFormat) -> anyhow::Result<Self> {
        let mut input = BufReader::new(source);
        let (layout, first) = match format {
            PushFormat::Auto => look(&mut input)?,
            PushFormat::Prometheus => (Layout::Prometheus, Vec::new()),
            PushFormat::Openmetrics => (Layout::Openmetrics, Vec::new()),
            PushFormat::Json => (Layout::Json, Vec::new()),
            PushFormat::Influx => (Layout::Influx, Vec::new()),
        };
        let source: Box<dyn Read> = Box::new(Cursor::new(first).chain(input));
        match layout {
            Layout::Prometheus | Layout::Openmetrics => page(source, layout),
            Layout::Json | Layout::Influx => {
                let lines = Box::new(Lines::new(BufReader::new(source), LINE_BYTES_MAX));
                Ok(Self::Lines { lines, layout })
            }
        }
    }

    /// What is to be sent next.
    ///
    /// # Errors
    /// It cannot be read, or a line is too long.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Batch>> {
        let (lines, layout) = match self {
            Self::Whole(batch) => return Ok(batch.take()),
            Self::Lines { lines, layout } => (lines, *layout),
        };
        let (mut body, mut n_lines) = (Vec::new(), 0);
        while body.len() < BATCH_BYTES
            && let Some(line) = lines.next().context("cannot read on")?
        {
            body.extend_from_slice(line);
            body.push(b'\n');
            n_lines += u64::from(!line.trim_ascii().is_empty());
        }
        Ok((n_lines > 0).then(|| layout.batch(body, n_lines)))
    }
}

fn page(source: Box<dyn Read>, layout: Layout) -> anyhow::Result<Batches> {
    let mut body = Vec::new();
    source.take(PAGE_BYTES_MAX + 1).read_to_end(&mut body).context("cannot read on")?;
    if body.len() as u64 > PAGE_BYTES_MAX {
        bail!("a page has at most {PAGE_BYTES_MAX} bytes: send it in parts, or as --format json");
    }
    let text = body.trim_ascii_end();
    let has_end = text == b"# EOF" || text.ends_with(b"\n# EOF");
    let layout = if has_end { Layout::Openmetrics } else { layout };
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let n_lines = lines.filter(|line| !line.is_empty() && line[0] != b'#').count() as u64;
    Ok(Batches::Whole((n_lines > 0).then(|| layout.batch(body, n_lines))))
}

/// The layout of the first line that says something, and what was read to know it.
fn look(input: &mut impl BufRead) -> anyhow::Result<(Layout, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        let from = read.len();
        let left = FIRST_BYTES_MAX.saturating_sub(from as u64);
        let n_bytes =
            input.by_ref().take(left).read_until(b'\n', &mut read).context("cannot read")?;
        let line = read[from..].trim_ascii();
        if !line.is_empty() || n_bytes == 0 {
            return Ok((layout_of(line), read));
        }
    }
}

fn layout_of(line: &[u8]) -> Layout {
    let is_json = line.first() == Some(&b'{') && line.windows(8).any(|at| at == b"\"metric\"");
    let text = std::str::from_utf8(line).unwrap_or_default();
    // Times are whole milliseconds in the one format, and may be parts of seconds in the other.
    let is_page = || {
        let dialects = [Dialect::Prometheus, Dialect::OpenMetrics];
        dialects.iter().any(|dialect| LineParser::default().parse(text, *dialect).is_ok())
    };
    match is_json {
        true => Layout::Json,
        false if line.first() == Some(&b'#') || is_page() => Layout::Prometheus,
        false => Layout::Influx,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Batches, PushFormat};

    fn sent(text: &str) -> Vec<(&'static str, u64)> {
        let source = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let mut batches = Batches::of_source(source, PushFormat::Auto).unwrap();
        let mut all = Vec::new();
        while let Some(batch) = batches.next().unwrap() {
            all.push((batch.path, batch.n_lines));
        }
        all
    }

    #[test]
    fn the_first_line_says_what_a_text_is() {
        let (page, json) = ("/api/v1/import/prometheus", "/api/v1/import");
        let influx = "/api/v2/write?precision=ns";
        for (text, expected) in [
            ("# HELP up x\nup 1\n\nup{a=\"b\"} 2\n", (page, 2)),
            ("\n\nup 1 1700000000000", (page, 1)),
            ("{\"a.b\"} 1\n", (page, 1)),
            ("up 1 1.5\n# EOF\n", (page, 1)),
            ("{\"metric\":{\"__name__\":\"up\"},\"values\":[1],\"timestamps\":[1]}\n", (json, 1)),
            ("cpu,host=a usage=1.5,cores=8i 1700000000000000000\ncpu usage=2\n", (influx, 2)),
            ("cpu usage=1", (influx, 1)),
        ] {
            assert_eq!(sent(text), [expected], "{text}");
        }
        assert_eq!(sent(""), []);
        assert_eq!(sent("# nothing but a comment\n"), []);
    }

    #[test]
    fn lines_go_out_in_batches_and_none_is_lost() {
        let line = format!("cpu,host={} usage=1\n", "x".repeat(1000));
        let sent = sent(&line.repeat(20_000));
        assert_eq!(sent.len(), 3);
        assert_eq!(sent.iter().map(|(_, n_lines)| n_lines).sum::<u64>(), 20_000);
    }
}
