//! Influx: points as agents send them to an InfluxDB, by either version of its API.
//!
//! `POST /write` is that of version 1, `POST /api/v2/write` that of version 2; `/ping` says that
//! somebody is there, and `/query` makes believe that a database was created, which agents ask for
//! before they send.

use axum::Json;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{METRIC_NAME, Sample};
use serde_json::{Value, json};
use wire::influx::{Field, LINE_BYTES_MAX, Point, PointEnds, Precision, metric_name, read_line};

use super::import::{Key, sink};
use super::lines::{Encoding, Intake, LineReader, Sink};
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// The label that names the database or bucket.
const DB: &str = "db";
const VERSION: HeaderName = HeaderName::from_static("x-influxdb-version");

/// Stores points of the Influx line protocol, as InfluxDB 1 takes them.
///
/// A field becomes a sample of `measurement_field`, one called `value` of `measurement`; tags become
/// labels, `db` one more. `precision` is `ns` unless it says `us`, `ms`, `s`, `m` or `h`. Texts are
/// passed over and counted. A key may be sent as the password `p`. A line that is wrong is left out
/// and named in a 400; all others are stored.
#[utoipa::path(
    post, path = "/write", tag = "push",
    responses(
        (status = 204, description = "Stored and durable"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn write(
    State(shared): State<Shared>,
    key: Key,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let parameters = Parameters::read_any(query.as_deref())?;
    let database = parameters.get(DB).unwrap_or_default().to_owned();
    store(&shared, key, &parameters, database, &headers, body).await
}

/// Stores points of the Influx line protocol, as InfluxDB 2 takes them.
///
/// As `/write`, where `bucket` stands for `db`; `org` is passed over. A key may be sent as
/// `Authorization: Token KEY`.
#[utoipa::path(
    post, path = "/api/v2/write", tag = "push",
    responses(
        (status = 204, description = "Stored and durable"),
        (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn write_v2(
    State(shared): State<Shared>,
    key: Key,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let parameters = Parameters::read_any(query.as_deref())?;
    let bucket = parameters.get("bucket").unwrap_or_default().to_owned();
    store(&shared, key, &parameters, bucket, &headers, body).await
}

/// Says that the server is there, as an InfluxDB would.
#[utoipa::path(
    get, path = "/ping", tag = "push",
    responses((status = 204, description = "The server is there"))
)]
pub(crate) async fn ping() -> Response {
    let version = HeaderValue::from_static(concat!("pharos-", env!("CARGO_PKG_VERSION")));
    (StatusCode::NO_CONTENT, [(VERSION, version)]).into_response()
}

/// Answers `CREATE DATABASE`, which agents send before points: there is nothing to create. Nothing
/// else is understood here.
#[utoipa::path(
    post, path = "/query", tag = "push",
    responses((status = 200, description = "As if it were done"), (status = 400, body = ErrorBody))
)]
pub(crate) async fn query(RawQuery(query): RawQuery, body: Body) -> Result<Json<Value>, ApiError> {
    let in_address = Parameters::read_any(query.as_deref())?;
    let form = super::memory::HeldBody::read(body, 16 << 10).await?;
    let form = String::from_utf8_lossy(&form.bytes).into_owned();
    // A body that is no form has no statement in it.
    let in_form = Parameters::read_any(Some(&form)).ok();
    let statement = in_address.get("q").or(in_form.as_ref().and_then(|form| form.get("q")));
    let mut words = statement.unwrap_or_default().split_ascii_whitespace();
    let mut next = |word| words.next().is_some_and(|found| found.eq_ignore_ascii_case(word));
    if next("CREATE") && next("DATABASE") {
        return Ok(Json(json!({"results": [{"statement_id": 0}]})));
    }
    let detail = "only CREATE DATABASE is answered here, and there is nothing to create";
    Err(ApiError::new(StatusCode::BAD_REQUEST, detail))
}

async fn store(
    shared: &Shared,
    key: Key,
    parameters: &Parameters,
    database: String,
    headers: &HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let precision = parameters.parsed("precision", |word| {
        Precision::of_word(word)
            .ok_or_else(|| format!("expected ns, us, ms, s, m or h, got {word:?}"))
    })?;
    let precision = precision.unwrap_or_default();
    let reader = PointReader { database, precision, now_ms: shared.now_ms() };
    let sink = sink(shared, key, "influx", &shared.meter.imports.influx);
    let intake = Intake::new(Encoding::of(headers)?, reader, sink, &body)?;
    intake.run(body).await?.into_result()?;
    Ok(StatusCode::NO_CONTENT)
}

struct PointReader {
    database: String,
    precision: Precision,
    now_ms: i64,
}

impl LineReader for PointReader {
    type Ends = PointEnds;
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;

    fn line(&mut self, number: u64, line: &[u8], sink: &mut Sink) -> Result<(), ApiError> {
        let Some(line) = sink.text(number, line) else { return Ok(()) };
        let point = match read_line(line) {
            Ok(Some(point)) => point,
            Ok(None) => return Ok(()),
            Err(error) => {
                sink.refuse(number, &error);
                return Ok(());
            }
        };
        let t_ms = point.t.map_or(Some(self.now_ms), |t| self.precision.to_ms(t));
        match t_ms {
            Some(t_ms) => self.store(number, &point, t_ms, sink),
            None => {
                sink.refuse(number, &"the time is beyond all times");
                Ok(())
            }
        }
    }
}

impl PointReader {
    fn store(
        &self,
        number: u64,
        point: &Point<'_>,
        t_ms: i64,
        sink: &mut Sink,
    ) -> Result<(), ApiError> {
        let names: Vec<String> =
            point.tags.iter().map(|(name, _)| wire::plain_label(name)).collect();
        // A tag of the same name says more than the request.
        let has_db = names.iter().any(|name| name == DB);
        for (field, value) in &point.fields {
            let Field::Number(value) = value else {
                sink.skip(1);
                continue;
            };
            let metric = metric_name(&point.measurement, field);
            let mut pairs = vec![(METRIC_NAME, metric.as_str())];
            let values = point.tags.iter().map(|(_, value)| value.as_ref());
            pairs.extend(names.iter().map(String::as_str).zip(values));
            if !has_db {
                pairs.push((DB, &self.database));
            }
            sink.series(number, pairs, &[Sample::new(t_ms, *value)])?;
        }
        Ok(())
    }
}
