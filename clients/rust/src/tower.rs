//! A layer for tower services: how many requests, how long, how large, with which status, and how many
//! now.
//!
//! `http_requests_total{method,route,status}`, `http_request_duration_seconds{method,route}`,
//! `http_request_errors_total` (5xx and errors), `http_request_size_bytes_total` and
//! `http_response_size_bytes_total` (by `Content-Length`), `http_requests_in_flight`. A request whose
//! future is dropped has the status `cancelled`, one that ends in an error `error`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::header::{CONTENT_LENGTH, HeaderMap};
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
        let mut measured = Measured::begin(&self.layer, request.method(), request.uri());
        measured.request_bytes = length_of(request.headers());
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
        match &outcome {
            Ok(response) => {
                let status = response.status();
                this.measured.response_bytes = length_of(response.headers());
                this.measured.end(status.as_str(), status.is_server_error());
            }
            Err(_) => this.measured.end("error", true),
        }
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
    request_bytes: u64,
    response_bytes: u64,
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
            request_bytes: 0,
            response_bytes: 0,
            has_ended: false,
        }
    }

    fn end(&mut self, status: &str, is_error: bool) {
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
        let labels = &labels[..n_labels - 1];
        client
            .histogram("http_request_duration_seconds", labels)
            .record(self.begin.elapsed().as_secs_f64());
        // Made with the first request: a rate of errors needs the zero before the first error.
        client.counter("http_request_errors_total", labels).add(u64::from(is_error));
        client.counter("http_request_size_bytes_total", labels).add(self.request_bytes);
        client.counter("http_response_size_bytes_total", labels).add(self.response_bytes);
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.end("cancelled", false);
    }
}

/// What the headers say; a body that comes in pieces counts 0.
fn length_of(headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or(0)
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
        let errors = client.counter("http_request_errors_total", &[("method", "GET")]);
        assert_eq!(errors.get(), 1);
    }

    #[test]
    fn sizes_and_server_errors_are_counted_by_route() {
        let client = Client::off();
        let layer = RequestLayer::new(&client).route(|_, uri| uri.path().to_owned());
        let service = layer.layer(service_fn(|_: Request<()>| async move {
            let answer = Response::builder().status(503).header("content-length", "7");
            Ok::<_, ()>(answer.body(()).unwrap())
        }));
        for length in ["5", "much"] {
            let request = Request::builder().uri("/a").header("content-length", length);
            assert!(poll(service.clone().oneshot(request.body(()).unwrap())).is_ready());
        }
        let labels = [("method", "GET"), ("route", "/a")];
        let names = ["http_request_size_bytes_total", "http_response_size_bytes_total"];
        assert_eq!(names.map(|name| client.counter(name, &labels).get()), [5, 14]);
        assert_eq!(client.counter("http_request_errors_total", &labels).get(), 2);
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
