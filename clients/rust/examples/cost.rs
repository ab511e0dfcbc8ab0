//! What the client costs the program it watches, in figures that must hold:
//! `cargo run --release --example cost --features metrics,tower`. Ends with 1 where one does not.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::fs;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{Request, Response};
use pharos_client::{Client, Recorder, RequestLayer};
use tower_layer::Layer;
use tower_service::Service;

/// The best of some rounds, in nanoseconds a call: what the machine did meanwhile does not count.
fn best_ns(n_calls: u32, mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let begin = Instant::now();
        (0..n_calls).for_each(|_| call());
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(n_calls));
    }
    best
}

struct Figures {
    n_failed: u32,
}

impl Figures {
    fn at_most(&mut self, what: &str, got: f64, bound: f64, unit: &str) {
        let holds = got < bound;
        self.n_failed += u32::from(!holds);
        let word = if holds { "ok    " } else { "FAILED" };
        println!("{word} {what}: {got:.1} {unit}, must be below {bound} {unit}");
    }
}

/// A service that answers at once.
#[derive(Clone)]
struct Ready;

impl Service<Request<()>> for Ready {
    type Response = Response<()>;
    type Error = ();
    type Future = std::future::Ready<Result<Response<()>, ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(())))
    }
}

fn answer(service: &mut impl Service<Request<()>>) {
    let answer = pin!(service.call(Request::new(())));
    let polled = answer.poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_ready());
}

/// Resident memory of this process in MiB; 0 where the system does not say.
fn resident_mib() -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn recording(figures: &mut Figures, client: &Client) {
    const N: u32 = 1_000_000;
    let labels = [("queue", "mail")];
    let (counter, histogram) = (client.counter("c", &labels), client.histogram("h", &labels));
    figures.at_most("a counter's add", best_ns(N, || black_box(&counter).add(1)), 100.0, "ns");
    let record = best_ns(N, || black_box(&histogram).record(black_box(0.2)));
    figures.at_most("a histogram's record", record, 100.0, "ns");
    metrics::with_local_recorder(&Recorder::new(client), || {
        let macros = best_ns(N, || metrics::counter!("m", "queue" => "mail").increment(1));
        figures.at_most("counter! with a label, looked up each time", macros, 100.0, "ns");
        let macros = best_ns(N, || metrics::histogram!("s").record(black_box(0.2)));
        figures.at_most("histogram!, looked up each time", macros, 100.0, "ns");
    });
}

/// What the caller pays for a value, while the queue has room and once it is full.
fn values(figures: &mut Figures) -> Result<(), Box<dyn std::error::Error>> {
    const N: u32 = 50_000;
    let hour = Duration::from_secs(3600);
    for (what, n_items) in [("metric()", 10_000_000), ("metric() into a full queue", 10_000)] {
        // No batch leaves while the clock runs.
        let made = Client::builder().url("http://127.0.0.1:1").batch_interval(hour);
        let made = made.batch_items_max(usize::MAX).queue_items_max(n_items);
        let client = made.retries_max(0).flush_timeout(Duration::ZERO).build()?;
        let step = best_ns(N, || client.metric(black_box("queue_size"), black_box(3)));
        figures.at_most(what, step, 100.0, "ns");
        if n_items < 1_000_000 {
            let labels = [("gpu", "0"), ("host", "trainer-1")];
            let step = best_ns(N, || client.metric_with(black_box("loss"), 0.25, &labels));
            figures.at_most("metric_with() two labels, into a full queue", step, 100.0, "ns");
        }
    }
    Ok(())
}

fn requests(figures: &mut Figures, client: &Client) {
    let mut bare = Ready;
    let mut measured = RequestLayer::new(client).layer(Ready);
    let difference =
        best_ns(100_000, || answer(&mut measured)) - best_ns(100_000, || answer(&mut bare));
    figures.at_most("the tower layer, a request", difference / 1000.0, 50.0, "us");
}

fn dead_server(figures: &mut Figures) -> Result<(), Box<dyn std::error::Error>> {
    const N: u32 = 1_000_000;
    // Port 1 is nobody's.
    let client = Client::builder()
        .url("http://127.0.0.1:1")
        .backoff(Duration::from_millis(1))
        .flush_timeout(Duration::from_secs(5))
        .build()?;
    let before_mib = resident_mib();
    let begin = Instant::now();
    for step in 0..N {
        client.metric_with("loss", step, &[("gpu", "0"), ("host", "trainer-1")]);
    }
    let ns = begin.elapsed().as_nanos() as f64 / f64::from(N);
    figures.at_most("a million of metric() against nobody, a call", ns, 1000.0, "ns");
    figures.at_most("a million calls, more memory", resident_mib() - before_mib, 32.0, "MiB");
    let begin = Instant::now();
    client.close();
    figures.at_most("closing", begin.elapsed().as_secs_f64(), 8.0, "s");
    let stats = client.stats();
    let told = stats.sent + stats.dropped + stats.failed;
    figures.at_most("calls that are not accounted for", f64::from(N) - told as f64, 1.0, "calls");
    println!("       {stats:?}");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut figures = Figures { n_failed: 0 };
    let client = Client::off();
    recording(&mut figures, &client);
    values(&mut figures)?;
    requests(&mut figures, &client);
    dead_server(&mut figures)?;
    std::process::exit(figures.n_failed.min(1) as i32)
}
