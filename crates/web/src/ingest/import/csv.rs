//! `POST /api/v1/import/csv`: tables, with a format that says what stands in which column.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use model::{METRIC_NAME, Sample};
use wire::csv::{Format, ROW_BYTES_MAX, read_row};
use wire::lines::EveryLf;

use super::{EXTRA_LABEL, Key, TIMESTAMP, extra_labels, sink, time_of};
use crate::error::{ApiError, ErrorBody};
use crate::ingest::lines::{Encoding, Intake, LineReader, Sink};
use crate::parameters::Parameters;
use crate::state::Shared;

const FORMAT: &str = "format";

/// Stores samples from rows of comma-separated values. May be gzip or zstd.
///
/// `format=column:kind:context,...` says what stands in which column, from 1: `2:metric:cpu_usage` the
/// values of a metric, `3:label:host` those of a label, `1:time:unix_s` when (also `unix_ms`, `unix_us`,
/// `unix_ns`, `rfc3339`). Without a time, rows are of now, or of `timestamp`, Unix milliseconds.
/// `extra_label=name=value`, which may repeat, sets a label in every series. A row that is wrong is left
/// out and named in a 400; all others are stored.
#[utoipa::path(
    post, path = "/api/v1/import/csv", tag = "push",
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
    let parameters = Parameters::read(query.as_deref(), &[FORMAT, EXTRA_LABEL, TIMESTAMP])?;
    let format = parameters.parsed(FORMAT, Format::parse)?.ok_or_else(|| {
        let detail =
            "parameter \"format\" is needed, such as 1:time:unix_s,2:label:host,3:metric:cpu";
        ApiError::unprocessable(FORMAT, detail)
    })?;
    let encoding = Encoding::of(&headers)?;
    let now_ms = time_of(&shared, &parameters)?;
    let extra = extra_labels(&parameters)?;
    let sink = sink(&shared, key, "csv", &shared.meter.imports.csv);
    let intake =
        Intake::new(encoding, RowReader { format, now_ms }, sink.with_extra(extra), &body)?;
    intake.run(body).await?.into_result()?;
    Ok(StatusCode::NO_CONTENT)
}

struct RowReader {
    format: Format,
    now_ms: i64,
}

impl LineReader for RowReader {
    type Ends = EveryLf;
    const LINE_BYTES_MAX: usize = ROW_BYTES_MAX;

    fn line(&mut self, number: u64, line: &[u8], sink: &mut Sink) -> Result<(), ApiError> {
        let Some(line) = sink.text(number, line) else { return Ok(()) };
        let row = match read_row(&self.format, line) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) => {
                sink.refuse(number, &error);
                return Ok(());
            }
        };
        for (metric, value) in row.values {
            let mut pairs: Vec<(&str, &str)> = vec![(METRIC_NAME, metric)];
            pairs.extend(row.labels.iter().map(|(name, value)| (*name, value.as_ref())));
            let sample = Sample::new(row.t_ms.unwrap_or(self.now_ms), value);
            sink.series(number, pairs, &[sample])?;
        }
        Ok(())
    }
}
