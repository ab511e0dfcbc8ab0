//! The server: listeners, connections with their bounds, and the layers every request passes.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::error::ApiError;
use crate::meter::{Meter, RequestKey};
use crate::state::{AppState, Parts, Settings, Shared};
use crate::{auth, ingest, origin, pages, routes};

/// A client that has not sent its request line and headers by then is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests under way may take this long after a stop is asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections open at one time, over all listeners.
const CONNECTIONS_MAX: usize = 2048;

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Everything.
    Full,
    /// `/metrics` alone.
    MetricsOnly,
    /// The services of OpenTelemetry over gRPC alone.
    Grpc,
}

/// A bound socket and what it serves.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// What it serves.
    pub surface: Surface,
}

/// The HTTP server.
#[derive(Clone)]
pub struct Server {
    full: Router,
    metrics_only: Router,
    grpc: Router,
    shared: Shared,
    permits: Arc<Semaphore>,
}

impl Server {
    /// A server over these parts; it listens once [`Server::serve`] is called.
    pub fn new(parts: Parts) -> Self {
        let (router, openapi) = routes::all();
        let shared: Shared = Arc::new(AppState::new(parts, openapi));
        Self {
            full: layered(router, &shared),
            metrics_only: layered(routes::metrics_only(), &shared),
            grpc: layered(routes::grpc_only(), &shared),
            shared,
            permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }

    /// What the server counts.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.shared.meter)
    }

    /// Replaces the settings; requests under way keep the old ones.
    pub fn reload(&self, settings: Settings) {
        self.shared.settings.store(settings);
    }

    /// Serves until the parts' `stop` turns true, then lets requests under way finish, for some
    /// seconds.
    pub async fn serve(&self, listeners: Vec<Listener>) {
        let groups = Shared::clone(&self.shared);
        let fresh = tokio::spawn(crate::ingest::pushgateway::keep_fresh(groups));
        let accepting = listeners.into_iter().map(|listener| {
            let server = self.clone();
            tokio::spawn(async move { server.accept(listener).await })
        });
        for task in accepting.collect::<Vec<_>>() {
            if let Err(error) = task.await {
                tracing::error!(%error, "a listener ended");
            }
        }
        if let Err(error) = fresh.await {
            tracing::error!(%error, "pushed groups were no longer kept fresh");
        }
    }

    async fn accept(&self, listener: Listener) {
        let graceful = GracefulShutdown::new();
        let router = match listener.surface {
            Surface::Full => &self.full,
            Surface::MetricsOnly => &self.metrics_only,
            Surface::Grpc => &self.grpc,
        };
        loop {
            tokio::select! {
                accepted = listener.socket.accept() => match accepted {
                    Ok((stream, peer)) => self.spawn_connection(stream, peer, router, graceful.watcher()),
                    Err(error) => {
                        // Out of file descriptors, most likely: let some close.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                () = self.shared.stopped() => break,
            }
        }
        drop(listener);
        if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
    }

    fn spawn_connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        router: &Router,
        drain: Watcher,
    ) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            self.shared.meter.connections_refused.inc();
            return;
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
            router.clone().oneshot(without_trailing_slash(request.map(axum::body::Body::new)))
        });
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot switch off delays");
        }
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(100);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = drain.watch(connection);
        let meter = self.meter();
        meter.connections.add(1);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, error, "a connection ended early");
            }
            meter.connections.add(-1);
            drop(permit);
        });
    }
}

/// Both forms of a path are the same route, and neither redirects, because a redirect loses the
/// body of a `POST`.
fn without_trailing_slash(mut request: Request) -> Request {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    // There a label without a value may stand at the end.
    let is_group = path.starts_with("/metrics/job/") || path.starts_with("/metrics/job@base64/");
    if trimmed.len() == path.len() || trimmed.is_empty() || is_group {
        return request;
    }
    let path_and_query = match request.uri().query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path_and_query) = path_and_query.parse() {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The layers, from the handler outwards.
fn layered(router: Router<Shared>, shared: &Shared) -> Router {
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Shared::clone(shared), auth::check_key))
        .layer(middleware::from_fn_with_state(Shared::clone(shared), origin::check_origin))
        .layer(middleware::from_fn_with_state(Shared::clone(shared), count_and_catch))
        .layer(middleware::from_fn(ingest::otlp::answer_in_kind))
        .layer(middleware::from_fn(pages::security_headers))
        .with_state(Shared::clone(shared))
}

async fn not_found(uri: Uri) -> ApiError {
    ApiError::not_found(format!("nothing is served at {}; see /api/docs", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let detail = format!("{method} is not served at {}; see /api/docs", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Counts and times each request; a handler that panics answers 500 and harms no other request.
async fn count_and_catch(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let started = shared.monotonic();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let method = method_word(request.method());
    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        shared.meter.panics.inc();
        tracing::error!(route, method, "a request handler panicked");
        ApiError::internal("this request failed; the server goes on").into_response()
    });
    let duration_s = shared.monotonic().saturating_sub(started).as_secs_f64();
    let key = RequestKey { route, method, code: response.status().as_u16() };
    shared.meter.count_request(key, duration_s);
    response
}

fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
