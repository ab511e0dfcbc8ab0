//! `GET /federate`: the newest sample of series, as a page that another server scrapes.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::{Histogram, Labels, Matcher};
use promql::StopCheck;
use storage::{Querier, Select, Series};
use wire::exposition::federation::protobuf::{Kind, Sample, write_family};
use wire::exposition::federation::{self, Stamped};
use wire::exposition::{Escaping, Format, Syntax};

use super::failure::{self, Failure};
use super::form::Fields;
use super::labels::check;
use super::pieces::Pieces;
use super::reply::Reply;
use super::run::run;
use crate::state::Shared;

/// The newest sample of each series that is selected, if it is not older than a query would take it
/// for, with its time. The page is text, or protobuf where that is asked for: native histograms have
/// no form on a page of text and are left out there.
#[utoipa::path(
    get, path = "/federate", tag = "prometheus",
    params(("match[]" = Vec<String>, Query, description = "Which series; may repeat")),
    responses(
        (status = 200, description = "Prometheus' text format, or protobuf", body = String,
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
    let format = match wire::exposition::negotiate(accept) {
        protobuf @ Format { syntax: Syntax::Protobuf, .. } => protobuf,
        // Of OpenMetrics nobody can say what the metrics are.
        Format { escaping, .. } => Format { syntax: Syntax::Text, escaping },
    };
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
            let page = page(ran.value, format);
            let reply = Reply { content_type: format.content_type(), pieces: page };
            let mut response = reply.send(form.encoding);
            // A cache must not give text to who asked for protobuf.
            let vary = HeaderValue::from_static("Accept, Accept-Encoding");
            response.headers_mut().insert(header::VARY, vary);
            response
        }
        Err(failure) => refusal(failure),
    }
}

/// In words: a page has no place for anything else.
fn refusal(failure: Failure) -> Response {
    let status = match failure.kind {
        failure::Kind::Busy | failure::Kind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, failure.message + "\n").into_response()
}

/// Sorted by name and kind, so that what belongs together stands together.
type Newest = BTreeMap<(String, Kind, Labels), Last>;

/// The newest sample of a series.
enum Last {
    Value(Stamped),
    Histogram(Arc<Histogram>, i64),
}

impl Last {
    /// That of a series; `None` if the series has ended or its kind has no form on any page.
    fn of(series: &Series) -> Option<(Kind, Self)> {
        let (value, histogram) = (series.samples.last(), series.histograms.last());
        match histogram.filter(|one| value.is_none_or(|value| one.t_ms > value.t_ms)) {
            Some(one) if one.histogram.is_stale_marker() => None,
            Some(one) => {
                let last = Self::Histogram(Arc::clone(&one.histogram), one.t_ms);
                Some((Kind::of(&one.histogram)?, last))
            }
            None => {
                let last = value.filter(|last| !model::is_stale_marker(last.value))?;
                let last = Stamped { value: last.value, t_ms: last.t_ms };
                Some((Kind::Untyped, Self::Value(last)))
            }
        }
    }

    fn sample(&self) -> Sample<'_> {
        match self {
            Self::Value(stamped) => Sample::Value(*stamped),
            Self::Histogram(histogram, t_ms) => Sample::Histogram(histogram, *t_ms),
        }
    }
}

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
            let Some((kind, last)) = Last::of(&series) else { continue };
            let name = series.labels.metric_name().to_owned();
            if !name.is_empty() {
                all.insert((name, kind, series.labels), last);
            }
        }
    }
    Ok(all)
}

/// The page in a format, series by series or family by family.
fn page(all: Newest, format: Format) -> Box<dyn Pieces> {
    let Format { syntax, escaping } = format;
    match syntax {
        Syntax::Protobuf => Box::new(Families { all: all.into_iter().peekable(), escaping }),
        _ => Box::new(Lines { all: all.into_iter(), escaping, metric: None }),
    }
}

type All = std::collections::btree_map::IntoIter<(String, Kind, Labels), Last>;

/// The page as text.
struct Lines {
    all: All,
    escaping: Escaping,
    /// The metric that was written last.
    metric: Option<String>,
}

impl Pieces for Lines {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(((name, _, labels), last)) = self.all.next() else { return false };
        let Last::Value(sample) = last else { return true };
        if self.metric.as_ref() != Some(&name) {
            federation::write_type(out, &name, self.escaping);
        }
        federation::write_sample(out, &labels, sample, self.escaping);
        self.metric = Some(name);
        true
    }
}

/// The page as protobuf, in which a metric is one message.
struct Families {
    all: Peekable<All>,
    escaping: Escaping,
}

impl Pieces for Families {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(((name, kind, labels), last)) = self.all.next() else { return false };
        let mut family = vec![(labels, last)];
        while let Some(((_, _, labels), last)) =
            self.all.next_if(|((other, other_kind, _), _)| *other == name && *other_kind == kind)
        {
            family.push((labels, last));
        }
        let samples = family.iter().map(|(labels, last)| (labels, last.sample()));
        write_family(out, (&name, kind), samples, self.escaping);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Histogram, HistogramSample, Labels, ResetHint, STALE_MARKER_BITS};

    use super::{Kind, Last, Series};

    fn series(values: &[(i64, f64)], histograms: &[(i64, Histogram)]) -> Series {
        let histograms = histograms.iter().map(|(t_ms, histogram)| HistogramSample {
            t_ms: *t_ms,
            start_ms: 0,
            histogram: Arc::new(histogram.clone()),
        });
        Series {
            samples: values.iter().map(|(t_ms, value)| model::Sample::new(*t_ms, *value)).collect(),
            histograms: histograms.collect(),
            labels: Labels::default(),
        }
    }

    #[test]
    fn the_newest_of_both_kinds_stands_on_the_page() {
        let stale = f64::from_bits(STALE_MARKER_BITS);
        let gauge = Histogram { reset_hint: ResetHint::Gauge, ..Histogram::default() };
        let one = Histogram::default();
        for (values, histograms, kind) in [
            (vec![(1, 1.0), (2, 2.0)], vec![(1, one.clone())], Some(Kind::Untyped)),
            (vec![(1, 1.0)], vec![(2, one.clone())], Some(Kind::Histogram)),
            (vec![], vec![(2, one.clone()), (3, gauge)], Some(Kind::GaugeHistogram)),
            (vec![(3, stale)], vec![(2, one)], None),
            (vec![(1, 1.0)], vec![(2, Histogram::stale_marker())], None),
            (vec![], vec![], None),
        ] {
            let found = Last::of(&series(&values, &histograms)).map(|(kind, _)| kind);
            assert_eq!(found, kind, "{values:?} {histograms:?}");
        }
    }
}
