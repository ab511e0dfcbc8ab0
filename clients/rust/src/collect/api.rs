//! The requests a program answered: rate, times, errors, sizes and status, in all and by endpoint.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{Collected, Collector, Figure, percent};
use crate::report::cut;

/// Requests that percentiles and the rate are of: the newest ones.
const NEWEST_MAX: usize = 10_000;
/// Endpoints, methods and status codes apart; addresses instead of routes must not fill the memory.
const GROUPS_MAX: usize = 1000;
const ENDPOINT_BYTES_MAX: usize = 200;
/// Where calls beyond `GROUPS_MAX` are counted.
const OTHER: &str = "other";
/// A status from here on is an error.
const ERROR_STATUS: u16 = 400;

/// One request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct ApiCall<'a> {
    /// The route, as `/users/{id}`: each is a series.
    pub endpoint: &'a str,
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// As it was answered.
    pub status_code: u16,
    /// From the request's begin to the answer's end.
    pub duration: Duration,
    /// Of the request's body.
    pub request_bytes: u64,
    /// Of the answer's body.
    pub response_bytes: u64,
}

/// Of one endpoint, method and status.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    n_requests: u64,
    duration_ms: f64,
    request_bytes: u64,
    response_bytes: u64,
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.n_requests += other.n_requests;
        self.duration_ms += other.duration_ms;
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
    }
}

/// Endpoint, method, status.
type Group = (String, String, u16);

#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<Group, Totals>,
    /// When each of the newest ended, and how long it took in milliseconds.
    newest: VecDeque<(Instant, f64)>,
    max_ms: f64,
}

/// Adds up requests. Clones are the same collector: one is held by the program, one by
/// [`Collectors`](crate::Collectors).
#[derive(Debug, Clone, Default)]
pub struct ApiCollector(Arc<Mutex<State>>);

impl ApiCollector {
    /// One that saw no request yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request was answered.
    pub fn record(&self, call: &ApiCall<'_>) {
        let duration_ms = call.duration.as_secs_f64() * 1000.0;
        let endpoint = cut(call.endpoint, ENDPOINT_BYTES_MAX).to_owned();
        let mut group = (endpoint, cut(call.method, 16).to_owned(), call.status_code);
        let mut state = self.lock();
        if state.groups.len() >= GROUPS_MAX && !state.groups.contains_key(&group) {
            group = (OTHER.to_owned(), OTHER.to_owned(), call.status_code);
        }
        state.groups.entry(group).or_default().add(Totals {
            n_requests: 1,
            duration_ms,
            request_bytes: call.request_bytes,
            response_bytes: call.response_bytes,
        });
        if state.newest.len() == NEWEST_MAX {
            state.newest.pop_front();
        }
        state.newest.push_back((Instant::now(), duration_ms));
        state.max_ms = state.max_ms.max(duration_ms);
    }
}

impl Collector for ApiCollector {
    fn name(&self) -> &str {
        "api"
    }

    fn collect(&mut self) -> Collected {
        let state = self.lock();
        let mut times_ms: Vec<f64> = state.newest.iter().map(|(_, ms)| *ms).collect();
        times_ms.sort_unstable_by(f64::total_cmp);
        let span = state.newest.front().map_or(Duration::ZERO, |(begin, _)| begin.elapsed());
        let json = summary(&state, &times_ms, span);
        Collected { figures: figures(&state, &json), json }
    }
}

fn summary(state: &State, times_ms: &[f64], span: Duration) -> Value {
    let mut all = Totals::default();
    let mut n_errors = 0;
    let mut status_codes: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, _, status), totals) in &state.groups {
        all.add(*totals);
        n_errors += if *status >= ERROR_STATUS { totals.n_requests } else { 0 };
        *status_codes.entry(status.to_string()).or_default() += totals.n_requests;
    }
    let endpoints: BTreeSet<&str> = state.groups.keys().map(|group| &*group.0).collect();
    let seconds = span.as_secs_f64();
    json!({
        "total_requests": all.n_requests,
        "requests_per_second": if seconds > 0.0 { times_ms.len() as f64 / seconds } else { 0.0 },
        "avg_response_time_ms": average(all),
        "max_response_time_ms": state.max_ms,
        "p50_response_time_ms": percentile(times_ms, 50.0),
        "p90_response_time_ms": percentile(times_ms, 90.0),
        "p95_response_time_ms": percentile(times_ms, 95.0),
        "p99_response_time_ms": percentile(times_ms, 99.0),
        "error_count": n_errors,
        "error_rate_percent": percent(n_errors as f64, all.n_requests as f64),
        "unique_endpoints": endpoints.len(),
        "request_size_bytes": all.request_bytes,
        "response_size_bytes": all.response_bytes,
        "status_codes": status_codes,
        "endpoints": by_endpoint(state),
    })
}

fn by_endpoint(state: &State) -> Value {
    let mut all: BTreeMap<String, (Totals, u64)> = BTreeMap::new();
    for ((endpoint, method, status), totals) in &state.groups {
        let one = all.entry(format!("{method} {endpoint}")).or_default();
        one.0.add(*totals);
        one.1 += if *status >= ERROR_STATUS { totals.n_requests } else { 0 };
    }
    let told = |(name, (totals, n_errors)): (String, (Totals, u64))| {
        let facts = json!({
            "requests": totals.n_requests, "errors": n_errors, "avg_response_time_ms": average(totals),
            "error_rate_percent": percent(n_errors as f64, totals.n_requests as f64),
        });
        (name, facts)
    };
    Value::Object(all.into_iter().map(told).collect::<Map<_, _>>())
}

fn figures(state: &State, json: &Value) -> Vec<Figure> {
    let mut all = Vec::new();
    for ((endpoint, method, status), totals) in &state.groups {
        let put = |name, value: u64| {
            let figure = Figure::counter(name, value as f64).with("endpoint", endpoint);
            figure.with("method", method).with("status", status.to_string())
        };
        all.push(put("api_requests_total", totals.n_requests));
        all.push(put("api_request_size_bytes_total", totals.request_bytes));
        all.push(put("api_response_size_bytes_total", totals.response_bytes));
    }
    for (quantile, key) in [("0.5", "p50"), ("0.9", "p90"), ("0.95", "p95"), ("0.99", "p99")] {
        let value = json[format!("{key}_response_time_ms")].as_f64().unwrap_or_default();
        all.push(Figure::gauge("api_response_time_ms", value).with("quantile", quantile));
    }
    let rate = json["error_rate_percent"].as_f64().unwrap_or_default();
    all.push(Figure::gauge("api_error_rate_percent", rate));
    all
}

fn average(totals: Totals) -> f64 {
    if totals.n_requests == 0 { 0.0 } else { totals.duration_ms / totals.n_requests as f64 }
}

/// The nearest rank in sorted values; 0 of nothing.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(endpoint: &str, status_code: u16, ms: u64) -> ApiCall<'_> {
        let duration = Duration::from_millis(ms);
        ApiCall {
            endpoint,
            method: "POST",
            status_code,
            duration,
            request_bytes: 10,
            response_bytes: 20,
        }
    }

    #[test]
    fn the_summary_adds_up() {
        let mut api = ApiCollector::new();
        for number in 0..100 {
            api.record(&call("/train", if number < 5 { 500 } else { 200 }, number + 1));
        }
        api.record(&call("/health", 404, 1));
        let found = api.collect();
        let json = &found.json;
        assert_eq!((&json["total_requests"], &json["error_count"]), (&json!(101), &json!(6)));
        assert_eq!(json["unique_endpoints"], 2);
        let of = |key: &str| json[key].as_f64().unwrap();
        let times =
            ["p50_response_time_ms", "p99_response_time_ms", "max_response_time_ms"].map(of);
        assert_eq!(times, [50.0, 99.0, 100.0]);
        assert_eq!(json["status_codes"], json!({ "200": 95, "404": 1, "500": 5 }));
        assert_eq!(json["endpoints"]["POST /train"]["error_rate_percent"], 5.0);
        assert_eq!((of("request_size_bytes"), of("response_size_bytes")), (1010.0, 2020.0));
        assert_eq!(of("error_rate_percent"), 5.94);
        assert!(of("requests_per_second") > 0.0);
        let ok = Figure::counter("api_requests_total", 95.0).with("endpoint", "/train");
        assert!(found.figures.contains(&ok.with("method", "POST").with("status", "200")));
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let of = |share| percentile(&[1.0, 2.0, 3.0, 4.0], share);
        assert_eq!([1.0, 25.0, 50.0, 51.0, 99.0, 100.0].map(of), [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!(percentile(&[], 99.0), 0.0);
    }

    #[test]
    fn addresses_without_end_do_not_fill_the_memory() {
        let mut api = ApiCollector::new();
        for id in 0..NEWEST_MAX as u64 + 500 {
            api.record(&call(&format!("/users/{id}"), 200, 1));
        }
        assert!(api.lock().groups.len() <= GROUPS_MAX + 1);
        assert_eq!(api.lock().newest.len(), NEWEST_MAX);
        assert_eq!(api.collect().json["total_requests"], NEWEST_MAX as u64 + 500);
    }
}
