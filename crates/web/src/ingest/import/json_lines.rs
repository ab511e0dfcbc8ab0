//! `POST /api/v1/import`: whole histories, a series or a part of one on each line.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use wire::json_lines::{LINE_BYTES_MAX, read_line};
use wire::lines::EveryLf;

use super::{EXTRA_LABEL, Key, extra_labels, sink};
use crate::error::{ApiError, ErrorBody};
use crate::ingest::lines::{Encoding, Intake, LineReader, Sink};
use crate::parameters::Parameters;
use crate::state::Shared;

/// Stores series from JSON lines: `{"metric":{"__name__":"up"},"values":[1],"timestamps":[ms]}`, as
/// `pharos tsdb export` and VictoriaMetrics write them. May be gzip or zstd.
///
/// `extra_label=name=value`, which may repeat, sets a label in every series. A line that is wrong is
/// left out and named in a 400; all others are stored.
#[utoipa::path(
    post, path = "/api/v1/import", tag = "push",
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
    let parameters = Parameters::read(query.as_deref(), &[EXTRA_LABEL])?;
    let encoding = Encoding::of(&headers)?;
    let extra = extra_labels(&parameters)?;
    let sink = sink(&shared, key, "json_lines", &shared.meter.imports.json_lines);
    let intake = Intake::new(encoding, SeriesReader, sink.with_extra(extra))?;
    intake.run(body).await?.into_result()?;
    Ok(StatusCode::NO_CONTENT)
}

struct SeriesReader;

impl LineReader for SeriesReader {
    type Ends = EveryLf;
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;

    fn line(&mut self, number: u64, line: &[u8], sink: &mut Sink) -> Result<(), ApiError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match read_line(line) {
            Ok(series) => {
                let pairs = series.labels.iter();
                let pairs = pairs.map(|label| (label.name.as_str(), label.value.as_str()));
                sink.series(number, pairs.collect(), &series.samples)
            }
            Err(error) => {
                sink.refuse(number, &error);
                Ok(())
            }
        }
    }
}
