//! A layer for tower services: how many requests, how long, with which status, and how many now.
//!
//! `http_requests_total{method,route,status}`, `http_request_duration_seconds{method,route}`,
//! `http_requests_in_flight`. A request whose future is dropped has the status `cancelled`, one
//! that ends in an error `error`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Method, Request, Response, Uri};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::Client;
use crate::instrument::Gauge;

type Route = dyn Fn(&Method, &Uri) -> String + Send + Sync;

/// Measures the requests of the service below.
#[derive(Clone)]
pub struct RequestLayer {
    client: Client,
    in_flight: Gauge,
    route: Option<Arc<Route>>,
}

impl RequestLayer {
    /// A layer that reports through this client.
    pub fn new(client: &Client) -> Self {
        let in_flight = client.gauge("http_requests_in_flight", &[]);
        Self { client: client.clone(), in_flight, route: None }
    }

    /// Labels requests by their route. The answer should be one of few: `/users/{id}`, not
    /// `/users/42`, for each answer is a series.
    #[must_use]
    pub fn route(
        mut self,
        route: impl Fn(&Method, &Uri) -> String + Send + Sync + 'static,
    ) -> Self {
        self.route = Some(Arc::new(route));
        self
    }
}

impl std::fmt::Debug for RequestLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestLayer").field("in_flight", &self.in_flight.get()).finish()
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> RequestService<S> {
        RequestService { inner, layer: self.clone() }
    }
}

/// A service whose requests are measured.
#[derive(Debug, Clone)]
pub struct RequestService<S> {
    inner: S,
    layer: RequestLayer,
}

impl<S, B, A> Service<Request<B>> for RequestService<S>
where
    S: Service<Request<B>, Response = Response<A>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RequestFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let measured = Measured::begin(&self.layer, request.method(), request.uri());
        RequestFuture { inner: self.inner.call(request), measured }
    }
}

pin_project! {
    /// The answer to come, measured until it is there or given up.
    #[derive(Debug)]
    pub struct RequestFuture<F> {
        #[pin]
        inner: F,
        measured: Measured,
    }
}

impl<F, A, E> Future for RequestFuture<F>
where
    F: Future<Output = Result<Response<A>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let outcome = std::task::ready!(this.inner.poll(context));
        let status = outcome.as_ref().ok().map(Response::status);
        this.measured.end(status.as_ref().map_or("error", http::StatusCode::as_str));
        Poll::Ready(outcome)
    }
}

/// A request on its way; dropped before its end it counts as cancelled.
#[derive(Debug)]
struct Measured {
    layer: RequestLayer,
    method: &'static str,
    route: Option<String>,
    begin: Instant,
    has_ended: bool,
}

impl Measured {
    fn begin(layer: &RequestLayer, method: &Method, uri: &Uri) -> Self {
        layer.in_flight.add(1.0);
        Self {
            layer: layer.clone(),
            method: known(method),
            route: layer.route.as_ref().map(|route| route(method, uri)),
            begin: Instant::now(),
            has_ended: false,
        }
    }

    fn end(&mut self, status: &str) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        self.layer.in_flight.add(-1.0);
        let client = &self.layer.client;
        let route = self.route.as_deref().unwrap_or_default();
        let labels = [("method", self.method), ("status", status), ("route", route)];
        // Without a route its label is left away: it is the last one.
        let n_labels = if self.route.is_some() { 3 } else { 2 };
        client.counter("http_requests_total", &labels[..n_labels]).add(1);
        let labels = [labels[0], labels[2]];
        client
            .histogram("http_request_duration_seconds", &labels[..n_labels - 1])
            .record(self.begin.elapsed().as_secs_f64());
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.end("cancelled");
    }
}

/// The methods that are; callers may invent others without end.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use tower::{ServiceExt, service_fn};

    use super::*;

    fn request(path: &str) -> Request<()> {
        Request::builder().uri(path).body(()).unwrap()
    }

    /// Polls once; nothing here waits.
    fn poll<F: Future>(future: F) -> Poll<F::Output> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn n_requests(client: &Client, status: &str) -> u64 {
        client.counter("http_requests_total", &[("method", "GET"), ("status", status)]).get()
    }

    #[test]
    fn every_end_of_a_request_is_counted() {
        let client = Client::off();
        let layer = RequestLayer::new(&client);
        let service = layer.layer(service_fn(|request: Request<()>| async move {
            match request.uri().path() {
                "/slow" => std::future::pending().await,
                "/bad" => Err("bad"),
                _ => Ok(Response::new(())),
            }
        }));
        for path in ["/", "/", "/bad"] {
            assert!(poll(service.clone().oneshot(request(path))).is_ready());
        }
        assert!(poll(service.clone().oneshot(request("/slow"))).is_pending());
        let counted = ["200", "error", "cancelled"].map(|status| n_requests(&client, status));
        assert_eq!(counted, [2, 1, 1]);
        let durations = client.histogram("http_request_duration_seconds", &[("method", "GET")]);
        assert_eq!((durations.count(), layer.in_flight.get()), (4, 0.0));
    }

    #[test]
    fn a_request_on_its_way_is_in_flight_and_has_its_route() {
        let client = Client::off();
        let layer = RequestLayer::new(&client).route(|_, uri| uri.path().len().to_string());
        let mut service = layer
            .layer(service_fn(|_: Request<()>| std::future::pending::<Result<Response<()>, ()>>()));
        let answer = Service::call(&mut service, request("/four"));
        assert_eq!(layer.in_flight.get(), 1.0);
        drop(answer);
        let labels = [("method", "GET"), ("status", "cancelled"), ("route", "5")];
        assert_eq!(client.counter("http_requests_total", &labels).get(), 1);
    }
}
