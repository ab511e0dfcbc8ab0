//! Who may do what: keys with scopes, checked before any handler runs.
//!
//! Access is decided in one table, [`required`]; a route that is not in it needs `admin`. Without
//! any key configured the server is open, which the binary allows on loopback addresses only.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::ApiError;
use crate::state::Shared;

/// What a key permits. `Admin` permits everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Pushing metrics, states and alerts.
    Ingest,
    /// Reading this host's exposition pages.
    Scrape,
    /// Reading what is stored.
    Read,
    /// Everything, acknowledging alerts among it.
    Admin,
}

impl Scope {
    /// Every scope, in the order of its power.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Scrape, Self::Read, Self::Admin];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Scrape => "scrape",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// A key: kept as the digest of its secret, so that no dump of memory or configuration shows it.
#[derive(Debug, Clone)]
pub struct Key {
    name: Arc<str>,
    digest: [u8; 32],
    scopes: Vec<Scope>,
}

impl Key {
    /// A key with a name for logs and the scopes it has.
    ///
    /// # Panics
    /// When the secret is empty: the configuration refuses that.
    pub fn new(name: String, secret: &str, scopes: Vec<Scope>) -> Self {
        assert!(!secret.is_empty(), "an empty key would let everyone in");
        Self { name: name.into(), digest: Sha256::digest(secret).into(), scopes }
    }

    fn permits(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// The name of the key that a request came with, for the handlers; absent on an open server.
#[derive(Debug, Clone)]
pub(crate) struct KeyName(pub(crate) Arc<str>);

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Public,
    Needs(Scope),
}

/// The table of access. `path` has no trailing slash.
pub(crate) fn required(method: &Method, path: &str, query: Option<&str>) -> Access {
    use Access::{Needs, Public};
    let reads = method == Method::GET || method == Method::HEAD;
    match path {
        "" | "/" | "/health" | "/healthz" | "/-/healthy" | "/-/ready" | "/favicon.ico"
        | "/api/docs" | "/api/redoc" | "/monitoring" | "/dashboard" | "/ping"
            if reads =>
        {
            Public
        }
        _ if reads && (path.starts_with("/assets/") || path.starts_with("/monitoring/")) => Public,
        "/metrics" if reads && crate::exposition::asks_for_list(query) => Needs(Scope::Read),
        "/metrics" if reads => Needs(Scope::Scrape),
        "/metrics/json" if reads => Needs(Scope::Scrape),
        _ if reads && path.starts_with("/metrics/json/") => Needs(Scope::Scrape),
        "/services" | "/pipelines" | "/alerts" | "/api/openapi.json" if reads => Needs(Scope::Read),
        _ if reads && path.starts_with("/api/v1/monitoring/") => Needs(Scope::Read),
        _ if reads && path.starts_with("/api/v1/status/") => Needs(Scope::Read),
        _ if reads && path.starts_with("/api/v1/label/") => Needs(Scope::Read),
        "/api/v1/metadata"
        | "/api/v1/targets"
        | "/api/v1/targets/metadata"
        | "/api/v1/scrape_pools"
        | "/api/v1/rules"
        | "/api/v1/alerts"
        | "/api/v1/alertmanagers"
        | "/api/v1/features"
        | "/api/v1/notifications"
        | "/federate"
            if reads =>
        {
            Needs(Scope::Read)
        }
        // Prometheus takes these as forms too; they change nothing.
        "/api/v1/query"
        | "/api/v1/query_range"
        | "/api/v1/query_exemplars"
        | "/api/v1/series"
        | "/api/v1/labels"
        | "/api/v1/format_query"
        | "/api/v1/parse_query"
            if reads || method == Method::POST =>
        {
            Needs(Scope::Read)
        }
        // A question that does not fit into an address: it changes nothing.
        "/api/v1/monitoring/ranges" if method == Method::POST => Needs(Scope::Read),
        "/api/v1/read" => Needs(Scope::Read),
        "/services"
        | "/metrics"
        | "/metrics/batch"
        | "/pipelines"
        | "/alerts"
        | "/api/v1/write"
        | "/api/v1/import"
        | "/api/v1/import/prometheus"
        | "/api/v1/import/csv"
        | "/write"
        | "/api/v2/write"
        | "/query"
            if method == Method::POST =>
        {
            Needs(Scope::Ingest)
        }
        _ if is_push_of_group(method, path) => Needs(Scope::Ingest),
        _ if method == Method::POST && crate::ingest::otlp::serves(path) => Needs(Scope::Ingest),
        _ => Needs(Scope::Admin),
    }
}

/// Whether a request changes a group of pushed metrics.
fn is_push_of_group(method: &Method, path: &str) -> bool {
    let changes = [Method::PUT, Method::POST, Method::DELETE].contains(method);
    changes && (path.starts_with("/metrics/job/") || path.starts_with("/metrics/job@base64/"))
}

/// Lets a request through, or answers 401 (no valid key) or 403 (a key without the scope).
pub(crate) async fn check_key(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let settings = shared.settings.load();
    let path = request.uri().path().trim_end_matches('/');
    let access = required(request.method(), path, request.uri().query());
    let Access::Needs(scope) = access else { return next.run(request).await };
    if settings.keys.is_empty() {
        return next.run(request).await;
    }
    let found = find_key(&settings.keys, request.headers())
        .or_else(|| find_password(&settings.keys, path, request.uri().query()));
    match found {
        None => {
            shared.meter.denied.inc();
            unauthorized().into_response()
        }
        Some(key) if key.permits(scope) => {
            let name = KeyName(Arc::clone(&key.name));
            request.extensions_mut().insert(name);
            next.run(request).await
        }
        Some(key) => {
            shared.meter.denied.inc();
            let detail = format!("key {:?} does not have the scope {:?}", key.name, scope.as_str());
            ApiError::new(StatusCode::FORBIDDEN, detail).into_response()
        }
    }
}

fn unauthorized() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "a valid API key is needed: send it as \"Authorization: Bearer KEY\"",
    )
}

/// The key that a request carries, in any of the forms `Bearer KEY`, `Token KEY`, `Token user:KEY`,
/// `Basic base64(user:KEY)`, or the bare key. Every configured key is compared, so that the time tells nothing.
fn find_key<'a>(keys: &'a [Key], headers: &HeaderMap) -> Option<&'a Key> {
    let secret = presented_secret(headers.get(header::AUTHORIZATION)?)?;
    key_of(keys, &secret)
}

/// The key that a request of InfluxDB's first version carries as the parameter `p`.
fn find_password<'a>(keys: &'a [Key], path: &str, query: Option<&str>) -> Option<&'a Key> {
    if !matches!(path, "/write" | "/query") {
        return None;
    }
    let parameters = crate::parameters::Parameters::read_any(query).ok()?;
    key_of(keys, parameters.get("p")?)
}

fn key_of<'a>(keys: &'a [Key], secret: &str) -> Option<&'a Key> {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    let mut found = None;
    for key in keys {
        if bool::from(key.digest.ct_eq(&digest)) {
            found = Some(key);
        }
    }
    found
}

fn presented_secret(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim();
    let (scheme, rest) = text.split_once(' ').unwrap_or(("", text));
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(rest).ok()?;
            let pair = String::from_utf8(bytes).ok()?;
            Some(pair.split_once(':')?.1.to_owned())
        }
        "bearer" => Some(rest.to_owned()),
        // As clients of InfluxDB's second version send it, also to a first one.
        "token" => Some(rest.split_once(':').map_or(rest, |(_, secret)| secret).to_owned()),
        "" => Some(rest.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
