//! `POST /api/v1/import/prometheus`: pages as a scrape would find them, pushed.

mod waiting;

use axum::body::{Body, HttpBody as _};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use model::{Exemplar, Labels, METRIC_NAME, Metadata, Sample};
use wire::lines::EveryLf;
use wire::openmetrics::{Dialect, LINE_BYTES_MAX, Line, PageError, PageRules, SampleLine};

use waiting::Waiting;

use super::{EXTRA_LABEL, Key, TIMESTAMP, extra_labels, sink, time_of};
use crate::error::{ApiError, ErrorBody};
use crate::ingest::lines::{Encoding, Intake, LineReader, Sink};
use crate::ingest::memory::HeldBody;
use crate::parameters::Parameters;
use crate::state::Shared;

/// A body up to this size is looked at for its `# EOF` where no header says what it is.
const SNIFFED_BYTES_MAX: u64 = 1 << 20;

/// Stores a page of samples: Prometheus text, or OpenMetrics where the `Content-Type` or a last line
/// `# EOF` says so. May be gzip or zstd.
///
/// Samples without a time are of now, or of `timestamp`, Unix milliseconds. The `_created` lines of
/// OpenMetrics say since when samples count. `extra_label=name=value`,
/// which may repeat, sets a label in every series. A line that is wrong is left out and named in a
/// 400; all others are stored.
#[utoipa::path(
    post, path = "/api/v1/import/prometheus", tag = "push",
    responses(
        (status = 204, description = "Stored and durable"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn import(
    State(shared): State<Shared>,
    key: Key,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let parameters = Parameters::read(query.as_deref(), &[EXTRA_LABEL, TIMESTAMP])?;
    let encoding = Encoding::of(&headers)?;
    let now_ms = time_of(&shared, &parameters)?;
    let extra = extra_labels(&parameters)?;
    let (dialect, body) = told_apart(&headers, encoding, body).await?;
    let sink = sink(&shared, key, "exposition", &shared.meter.imports.exposition);
    let intake =
        Intake::new(encoding, PageReader::new(dialect, now_ms), sink.with_extra(extra), &body)?;
    intake.run(body).await?.into_result()?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which of the two formats a body is.
async fn told_apart(
    headers: &HeaderMap,
    encoding: Encoding,
    body: Body,
) -> Result<(Dialect, Body), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let is_said =
        |name: &[u8]| given.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if is_said(b"application/openmetrics-text") {
        return Ok((Dialect::OpenMetrics, body));
    }
    if is_said(b"application/vnd.google.protobuf") {
        let detail = "Content-Type must be text/plain or application/openmetrics-text: pages in \
                      protobuf are taken at /metrics/job/JOB";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let is_short = body.size_hint().upper().is_some_and(|n| n <= SNIFFED_BYTES_MAX);
    if is_said(b"text/plain") || encoding != Encoding::Identity || !is_short {
        return Ok((Dialect::Prometheus, body));
    }
    let held = HeldBody::read(body, SNIFFED_BYTES_MAX as usize).await?;
    let page = held.bytes.strip_suffix(b"\n").unwrap_or(&held.bytes);
    let is_openmetrics = page == b"# EOF" || page.ends_with(b"\n# EOF");
    let dialect = if is_openmetrics { Dialect::OpenMetrics } else { Dialect::Prometheus };
    Ok((dialect, held.bytes.clone().into()))
}

/// Reads the lines of a page.
struct PageReader {
    rules: PageRules,
    now_ms: i64,
    /// The family that is being described.
    family: String,
    said: Metadata,
    /// Whether the format has lines that say since when samples count.
    has_created: bool,
    waiting: Waiting,
}

impl PageReader {
    fn new(dialect: Dialect, now_ms: i64) -> Self {
        let (family, said, waiting) = (String::new(), Metadata::default(), Waiting::default());
        let has_created = dialect == Dialect::OpenMetrics;
        Self { rules: PageRules::new(dialect), now_ms, family, said, has_created, waiting }
    }
}

impl LineReader for PageReader {
    type Ends = EveryLf;
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;

    fn line(&mut self, number: u64, line: &[u8], sink: &mut Sink) -> Result<(), ApiError> {
        let Self { rules, now_ms, family, said, has_created, waiting } = self;
        let found = match rules.line(number, line) {
            Ok(found) => found,
            Err(error) => {
                sink.refuse(number, &reason(&error));
                return Ok(());
            }
        };
        let (of, set): (&str, &dyn Fn(&mut Metadata)) = match &found {
            Line::Sample(sample) => return store(number, sample, *now_ms, (waiting, sink)),
            Line::Created(created) => return waiting.created(created, sink),
            Line::Type { family, kind } => (family, &|said| said.kind = (*kind).into()),
            Line::Help { family, text } => (family, &|said| said.help = text.to_string()),
            Line::Unit { family, unit } => (family, &|said| said.unit = (*unit).to_owned()),
            Line::Nothing | Line::Eof => return Ok(()),
        };
        match &found {
            Line::Type { family, kind } if *has_created => waiting.begin(family, *kind, sink)?,
            _ if !waiting.is_of(of) => waiting.end(sink)?,
            _ => {}
        }
        if of != family {
            told(family, said, sink)?;
            of.clone_into(family);
        }
        set(said);
        Ok(())
    }

    fn finish(&mut self, n_lines: u64, sink: &mut Sink) -> Result<(), ApiError> {
        if let Err(error) = self.rules.finish(n_lines) {
            sink.refuse(n_lines, &error);
        }
        self.waiting.end(sink)?;
        told(&self.family, &mut self.said, sink)
    }
}

/// Notes what was said of a family, if anything was.
fn told(family: &str, said: &mut Metadata, sink: &mut Sink) -> Result<(), ApiError> {
    let said = std::mem::take(said);
    if said == Metadata::default() { Ok(()) } else { sink.metadata(family, said) }
}

fn store(
    number: u64,
    sample: &SampleLine<'_>,
    now_ms: i64,
    (waiting, sink): (&mut Waiting, &mut Sink),
) -> Result<(), ApiError> {
    let mut pairs = Vec::with_capacity(sample.labels.len() + 1);
    pairs.push((METRIC_NAME, sample.name));
    pairs.extend(sample.labels.iter());
    let t_ms = sample.t_ms.unwrap_or(now_ms);
    let exemplar = sample.exemplar.and_then(|exemplar| {
        let labels = Labels::new(exemplar.labels.iter()).ok()?;
        Some(Exemplar { labels, value: exemplar.value, t_ms: exemplar.t_ms.unwrap_or(t_ms) })
    });
    let value = Sample::new(t_ms, sample.value);
    if waiting.wants(sample.name) {
        return waiting.hold(number, &pairs, (value, exemplar), sink);
    }
    // Lines are stored in their order.
    waiting.release(sink)?;
    sink.series(number, pairs, &[value])?;
    if let Some(exemplar) = exemplar {
        sink.exemplar(exemplar);
    }
    Ok(())
}

/// What is wrong with a line, without its number.
fn reason(error: &PageError) -> String {
    match error {
        PageError::Syntax { cause, .. } => cause.to_string(),
        PageError::NotUtf8 { byte, .. } => format!("not UTF-8 from byte {byte} on"),
        PageError::AfterEof { .. } => "stands behind \"# EOF\"".to_owned(),
        PageError::NoEof { .. } | PageError::Lines(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
