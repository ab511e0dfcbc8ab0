//! A recorder for the `metrics` facade: what libraries count there is sent to Pharos.
//!
//! Recording is an atomic operation; the words of a macro are looked up in a map by the hash that
//! the facade has computed already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};

use crate::Client;
use crate::instrument::{CounterCell, GaugeCell, HistogramCell, SERIES_MAX};

/// Sends what the `metrics` facade records; [`Recorder::install`] makes it the program's.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    counters: Cells<CounterCell>,
    gauges: Cells<GaugeCell>,
    histograms: Cells<HistogramCell>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recorder").field(&self.inner.client).finish()
    }
}

type Cells<T> = RwLock<HashMap<Key, Arc<T>, BuildHasherDefault<Hashed>>>;

/// A key brings its hash along.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys call `write_u64` alone; anything else is mixed in so that it works too.
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(5) ^ u64::from(*byte));
    }
}

impl Recorder {
    /// A recorder that sends through this client.
    pub fn new(client: &Client) -> Self {
        let inner = Inner {
            client: client.clone(),
            counters: Cells::default(),
            gauges: Cells::default(),
            histograms: Cells::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Makes it the recorder of the whole program. Fails if there is one already.
    ///
    /// It then lives as long as the program and keeps the client: call [`Client::close`] at the
    /// end.
    pub fn install(client: &Client) -> Result<(), metrics::SetRecorderError<Self>> {
        metrics::set_global_recorder(Self::new(client))
    }
}

fn cell<T>(
    cells: &Cells<T>,
    key: &Key,
    make: impl FnOnce(&str, &[(&str, &str)]) -> Arc<T>,
) -> Arc<T> {
    if let Some(found) = cells.read().unwrap_or_else(PoisonError::into_inner).get(key) {
        return Arc::clone(found);
    }
    let labels: Vec<(&str, &str)> =
        key.labels().map(|label| (label.key(), label.value())).collect();
    let made = make(key.name(), &labels);
    let mut cells = cells.write().unwrap_or_else(PoisonError::into_inner);
    // Keys that the client has no room for are not kept here either.
    if cells.len() < SERIES_MAX {
        cells.entry(key.clone()).or_insert_with(|| Arc::clone(&made));
    }
    made
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let make = |name: &str, labels: &[(&str, &str)]| self.inner.client.counter(name, labels).0;
        metrics::Counter::from_arc(cell(&self.inner.counters, key, make))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let make = |name: &str, labels: &[(&str, &str)]| self.inner.client.gauge(name, labels).0;
        metrics::Gauge::from_arc(cell(&self.inner.gauges, key, make))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let make =
            |name: &str, labels: &[(&str, &str)]| self.inner.client.histogram(name, labels).0;
        metrics::Histogram::from_arc(cell(&self.inner.histograms, key, make))
    }
}

impl CounterFn for CounterCell {
    fn increment(&self, n: u64) {
        self.add(n);
    }

    fn absolute(&self, n: u64) {
        self.raise_to(n);
    }
}

impl GaugeFn for GaugeCell {
    fn increment(&self, difference: f64) {
        self.add(difference);
    }

    fn decrement(&self, difference: f64) {
        self.add(-difference);
    }

    fn set(&self, value: f64) {
        GaugeCell::set(self, value);
    }
}

impl HistogramFn for HistogramCell {
    fn record(&self, value: f64) {
        HistogramCell::record(self, value, 1);
    }

    fn record_many(&self, value: f64, n: usize) {
        HistogramCell::record(self, value, n as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_end_in_the_clients_instruments() {
        let client = Client::off();
        metrics::with_local_recorder(&Recorder::new(&client), || {
            for _ in 0..3 {
                metrics::counter!("jobs", "queue" => "mail").increment(2);
            }
            metrics::counter!("bytes").absolute(7);
            metrics::gauge!("depth").set(5);
            metrics::gauge!("depth").decrement(2);
            metrics::histogram!("seconds").record(0.2);
            metrics::histogram!("seconds").record_many(0.2, 4);
        });
        assert_eq!(client.counter("jobs", &[("queue", "mail")]).get(), 6);
        assert_eq!(client.counter("bytes", &[]).get(), 7);
        assert_eq!(client.gauge("depth", &[]).get(), 3.0);
        assert_eq!(client.histogram("seconds", &[]).count(), 5);
        assert_eq!(client.stats().series, 4);
    }

    #[test]
    fn a_name_of_two_kinds_harms_nothing() {
        let client = Client::off();
        metrics::with_local_recorder(&Recorder::new(&client), || {
            metrics::counter!("x").increment(1);
            metrics::gauge!("x").set(1);
        });
        assert_eq!(client.stats().series, 1);
    }
}
