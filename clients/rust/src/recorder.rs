//! A recorder for the `metrics` facade: what libraries count there is sent to Pharos.
//!
//! Recording is an atomic operation. The facade asks for the words of a macro each time: a thread finds
//! those it used last in a small table of its own, without a lock, and all others in a map, by the
//! hash that the facade has computed already.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::LocalKey;

use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};

use crate::Client;
use crate::instrument::{CounterCell, GaugeCell, HistogramCell, SERIES_MAX};
use crate::words::Hashed;

/// Places of a thread's table; a power of two.
const RECENT: usize = 64;

/// Sends what the `metrics` facade records; [`Recorder::install`] makes it the program's.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    /// Tells it from all others of this process in the threads' tables.
    id: u64,
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

/// What a thread used last: of each place the recorder, the words and their instrument.
type Recent<T> = RefCell<[Option<(u64, Key, Arc<T>)>; RECENT]>;

thread_local! {
    static COUNTERS: Recent<CounterCell> = const { RefCell::new([const { None }; RECENT]) };
    static GAUGES: Recent<GaugeCell> = const { RefCell::new([const { None }; RECENT]) };
    static HISTOGRAMS: Recent<HistogramCell> = const { RefCell::new([const { None }; RECENT]) };
}

impl Recorder {
    /// A recorder that sends through this client.
    pub fn new(client: &Client) -> Self {
        static ID: AtomicU64 = AtomicU64::new(0);
        let inner = Inner {
            id: ID.fetch_add(1, Relaxed),
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

/// The instrument of these words: from the thread's table, or from the map, where it is made if need
/// be.
fn cell<T>(
    recent: &'static LocalKey<Recent<T>>,
    id: u64,
    key: &Key,
    find: impl FnOnce() -> Arc<T>,
) -> Arc<T> {
    let at = key.get_hash() as usize % RECENT;
    // A thread that ends has no table any more.
    let met = recent.try_with(|recent| match &recent.borrow()[at] {
        Some((owner, known, found)) if *owner == id && known == key => Some(Arc::clone(found)),
        _ => None,
    });
    if let Ok(Some(found)) = met {
        return found;
    }
    // Not within the borrow: making one may log, and a log may count.
    let found = find();
    let place = Some((id, key.clone(), Arc::clone(&found)));
    let before = recent.try_with(|recent| std::mem::replace(&mut recent.borrow_mut()[at], place));
    drop(before);
    found
}

/// The instrument of these words in the map.
fn shared<T>(
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
        let inner = &*self.inner;
        metrics::Counter::from_arc(cell(&COUNTERS, inner.id, key, || {
            shared(&inner.counters, key, |name, labels| inner.client.counter(name, labels).0)
        }))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let inner = &*self.inner;
        metrics::Gauge::from_arc(cell(&GAUGES, inner.id, key, || {
            shared(&inner.gauges, key, |name, labels| inner.client.gauge(name, labels).0)
        }))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let inner = &*self.inner;
        metrics::Histogram::from_arc(cell(&HISTOGRAMS, inner.id, key, || {
            shared(&inner.histograms, key, |name, labels| inner.client.histogram(name, labels).0)
        }))
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

    /// More words than the thread's table has places, of two recorders in turn.
    #[test]
    fn words_that_share_a_place_are_not_mixed_up() {
        let clients = [Client::off(), Client::off()];
        let recorders = clients.each_ref().map(Recorder::new);
        for round in 0..3 {
            for id in 0..RECENT * 4 {
                for recorder in &recorders {
                    metrics::with_local_recorder(recorder, || {
                        metrics::counter!("c", "id" => id.to_string()).increment(1);
                        metrics::gauge!("g", "id" => id.to_string()).set(f64::from(round));
                    });
                }
            }
        }
        for client in &clients {
            for id in 0..RECENT * 4 {
                let labels = [("id", &*id.to_string())];
                assert_eq!(client.counter("c", &labels).get(), 3);
                assert_eq!(client.gauge("g", &labels).get(), 2.0);
            }
        }
    }

    #[test]
    fn threads_count_into_the_same_instrument() {
        let client = Client::off();
        let recorder = Recorder::new(&client);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    metrics::with_local_recorder(&recorder, || {
                        for _ in 0..1000 {
                            metrics::counter!("shared").increment(1);
                        }
                    });
                });
            }
        });
        assert_eq!(client.counter("shared", &[]).get(), 4000);
    }
}
