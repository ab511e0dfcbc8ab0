//! `GET /federate`: the newest sample of series, as a page that another server scrapes.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::{Labels, Matcher};
use promql::StopCheck;
use storage::{Querier, Select};
use wire::exposition::federation::{self, Stamped};
use wire::exposition::{Escaping, Format, Syntax};

use super::failure::{Failure, Kind};
use super::form::Fields;
use super::labels::check;
use super::pieces::Pieces;
use super::reply::Reply;
use super::run::run;
use crate::state::Shared;

/// The newest sample of each series that is selected, if it is not older than a query would take it
/// for, with its time. Native histograms have no form on a page of text and are left out.
#[utoipa::path(
    get, path = "/federate", tag = "prometheus",
    params(("match[]" = Vec<String>, Query, description = "Which series; may repeat")),
    responses(
        (status = 200, description = "Prometheus' text format", body = String,
            content_type = "text/plain"),
        (status = 400, description = "A selector is wrong", body = String,
            content_type = "text/plain"),
        (status = 503, description = "Too much at once", body = String,
            content_type = "text/plain"),
    )
)]
pub(crate) async fn federate(
    State(shared): State<Shared>,
    headers: HeaderMap,
    form: Fields,
) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let escaping = wire::exposition::negotiate(accept).escaping;
    let format = Format { syntax: Syntax::Text, escaping };
    let selectors = match form.selectors() {
        Ok(selectors) => selectors,
        Err(reason) => return (StatusCode::BAD_REQUEST, reason + "\n").into_response(),
    };
    let (now_ms, lookback_ms) = (shared.now_ms(), shared.queries.lookback_ms);
    let on_thread = Shared::clone(&shared);
    let range = (now_ms.saturating_sub(lookback_ms).saturating_add(1), now_ms);
    let work = move |stop| newest(&*on_thread.querier, &selectors, range, &stop);
    match run(&shared, shared.queries.timeout, work).await {
        Ok(ran) => {
            let page = Page { all: ran.value.into_iter(), escaping, metric: None };
            Reply { content_type: format.content_type(), pieces: Box::new(page) }
                .send(form.encoding)
        }
        Err(failure) => refusal(failure),
    }
}

/// In words: a page has no place for anything else.
fn refusal(failure: Failure) -> Response {
    let status = match failure.kind {
        Kind::Busy | Kind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, failure.message + "\n").into_response()
}

/// Sorted by name, so that what belongs together stands together.
type Newest = BTreeMap<(String, Labels), Stamped>;

fn newest(
    querier: &dyn Querier,
    selectors: &[Vec<Matcher>],
    (start_ms, end_ms): (i64, i64),
    stop: &StopCheck,
) -> Result<Newest, Failure> {
    let mut all = Newest::new();
    for matchers in selectors {
        for series in querier.select(&Select::both(matchers.clone(), start_ms, end_ms))? {
            check(stop)?;
            let series = series?;
            let Some(last) = series.samples.last() else { continue };
            let histogram_ms = series.histograms.last().map(|sample| sample.t_ms);
            if model::is_stale_marker(last.value) || histogram_ms > Some(last.t_ms) {
                continue;
            }
            let name = series.labels.metric_name().to_owned();
            if !name.is_empty() {
                let sample = Stamped { value: last.value, t_ms: last.t_ms };
                all.insert((name, series.labels), sample);
            }
        }
    }
    Ok(all)
}

/// The page, written series by series.
struct Page {
    all: std::collections::btree_map::IntoIter<(String, Labels), Stamped>,
    escaping: Escaping,
    /// The metric that was written last.
    metric: Option<String>,
}

impl Pieces for Page {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(((name, labels), sample)) = self.all.next() else { return false };
        if self.metric.as_ref() != Some(&name) {
            federation::write_type(out, &name, self.escaping);
        }
        federation::write_sample(out, &labels, sample, self.escaping);
        self.metric = Some(name);
        true
    }
}
