//! Instruments: counters, gauges and histograms that cost the program an atomic operation.
//!
//! The background thread reads them every interval and sends what they hold. A histogram becomes
//! `NAME_bucket{le}`, `NAME_sum` and `NAME_count`, as PromQL's `histogram_quantile` wants them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use crate::sample::{Sample, check_names};
use crate::time::now_ms;
use crate::words::Words;

/// Series of one client. Beyond it a label has too many values: new series are not sent.
pub(crate) const SERIES_MAX: usize = 10_000;
/// Bounds of a histogram's buckets in seconds, as Prometheus' clients have them.
const BOUNDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Counts what happens; only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(pub(crate) Arc<CounterCell>);

/// A value that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(pub(crate) Arc<GaugeCell>);

/// How values are spread, best in seconds: buckets from 1 ms to 60 s.
#[derive(Debug, Clone, Default)]
pub struct Histogram(pub(crate) Arc<HistogramCell>);

#[derive(Debug, Default)]
pub(crate) struct CounterCell(AtomicU64);

#[derive(Debug, Default)]
pub(crate) struct GaugeCell(AtomicU64);

#[derive(Debug, Default)]
pub(crate) struct HistogramCell {
    /// Of each bound, and one for what is above all.
    n_values: [AtomicU64; BOUNDS.len() + 1],
    sum: AtomicU64,
}

impl Counter {
    /// Counts so many more.
    pub fn add(&self, n: u64) {
        self.0.add(n);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.0.load(Relaxed)
    }
}

impl Gauge {
    /// It is this now.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// It is so much more, or less.
    pub fn add(&self, difference: f64) {
        self.0.add(difference);
    }

    /// What it is.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.0.load(Relaxed))
    }
}

impl Histogram {
    /// There was this value. One that is no finite number is passed over.
    pub fn record(&self, value: f64) {
        self.0.record(value, 1);
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.0.n_values.iter().map(|n| n.load(Relaxed)).sum()
    }
}

impl CounterCell {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn raise_to(&self, n: u64) {
        self.0.fetch_max(n, Relaxed);
    }
}

impl GaugeCell {
    pub(crate) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    pub(crate) fn add(&self, difference: f64) {
        add_f64(&self.0, difference);
    }
}

impl HistogramCell {
    pub(crate) fn record(&self, value: f64, n: u64) {
        if value.is_finite() {
            let bucket = BOUNDS.partition_point(|bound| *bound < value);
            self.n_values[bucket].fetch_add(n, Relaxed);
            add_f64(&self.sum, value * n as f64);
        }
    }
}

fn add_f64(bits: &AtomicU64, difference: f64) {
    let add = |old| Some((f64::from_bits(old) + difference).to_bits());
    // The closure never gives up, so the update cannot fail.
    let _ = bits.fetch_update(Relaxed, Relaxed, add);
}

/// A name and its labels in their order.
type SeriesKey = (String, Vec<(String, String)>);

enum Instrument {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// What became of a request for an instrument. All of them count; only a sent one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Sent,
    Refused(&'static str),
    NoRoom,
}

/// All instruments of a client.
#[derive(Default)]
pub(crate) struct Registry {
    series: RwLock<HashMap<SeriesKey, Instrument>>,
}

macro_rules! find {
    ($name:ident, $kind:ident) => {
        /// The instrument of this name and these labels, made if there was none.
        pub(crate) fn $name(&self, name: &str, labels: &[(&str, &str)]) -> ($kind, Place) {
            let pick = |instrument: &Instrument| match instrument {
                Instrument::$kind(found) => Some(found.clone()),
                _ => None,
            };
            self.find(name, labels, pick, |fresh: &$kind| Instrument::$kind(fresh.clone()))
        }
    };
}

impl Registry {
    find!(counter, Counter);
    find!(gauge, Gauge);
    find!(histogram, Histogram);

    fn find<T: Default>(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        pick: impl Fn(&Instrument) -> Option<T>,
        wrap: impl Fn(&T) -> Instrument,
    ) -> (T, Place) {
        if let Err(reason) = check_names(name, labels.iter().copied()) {
            return (T::default(), Place::Refused(reason));
        }
        let mut labels: Vec<(String, String)> =
            labels.iter().map(|(label, text)| ((*label).into(), (*text).into())).collect();
        labels.sort_unstable();
        let key = (name.to_owned(), labels);
        let other = Place::Refused("is already an instrument of another kind");
        let place = |found: Option<T>| match found {
            Some(found) => (found, Place::Sent),
            None => (T::default(), other),
        };
        if let Some(found) = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return place(pick(found));
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = series.get(&key) {
            return place(pick(found));
        }
        if series.len() >= SERIES_MAX {
            return (T::default(), Place::NoRoom);
        }
        let fresh = T::default();
        series.insert(key, wrap(&fresh));
        (fresh, Place::Sent)
    }

    /// How many series there are; a histogram counts once.
    pub(crate) fn n_series(&self) -> usize {
        self.series.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What all instruments hold now. The label `instance` keeps the totals of several processes
    /// apart, unless the program tells them apart by it itself.
    pub(crate) fn read(&self, instance: &str) -> Vec<Sample> {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut samples = Vec::with_capacity(series.len());
        let timestamp_ms = now_ms();
        for ((name, labels), instrument) in series.iter() {
            let mut put = |suffix: &str, value: f64, le: Option<&str>| {
                let mut labels = labels.clone();
                if !labels.iter().any(|(label, _)| label == "instance") {
                    labels.push(("instance".to_owned(), instance.to_owned()));
                }
                labels.extend(le.map(|le| ("le".to_owned(), le.to_owned())));
                let words = Arc::new(Words::new(format!("{name}{suffix}"), labels));
                samples.push(Sample { words, value, timestamp_ms });
            };
            match instrument {
                Instrument::Counter(counter) => put("", counter.get() as f64, None),
                // JSON has no word for the others, and a gap in the graph says the same.
                Instrument::Gauge(gauge) if gauge.get().is_finite() => put("", gauge.get(), None),
                Instrument::Gauge(_) => {}
                Instrument::Histogram(histogram) => read_histogram(histogram, put),
            }
        }
        samples
    }
}

fn read_histogram(histogram: &Histogram, mut put: impl FnMut(&str, f64, Option<&str>)) {
    let mut n_below = 0;
    for (at, n) in histogram.0.n_values.iter().enumerate() {
        n_below += n.load(Relaxed);
        let le = BOUNDS.get(at).map_or("+Inf".to_owned(), f64::to_string);
        put("_bucket", n_below as f64, Some(&le));
    }
    let sum = f64::from_bits(histogram.0.sum.load(Relaxed));
    if sum.is_finite() {
        put("_sum", sum, None);
    }
    put("_count", n_below as f64, None);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(samples: &[Sample], name: &str, le: Option<&str>) -> Option<f64> {
        let is_it = |sample: &&Sample| {
            let found = sample.words.labels.iter().find(|(label, _)| label == "le");
            sample.words.name == name && found.map(|(_, text)| &**text) == le
        };
        samples.iter().find(is_it).map(|sample| sample.value)
    }

    proptest! {
        /// Buckets count what a plain filter counts.
        #[test]
        fn buckets_are_cumulative(values in prop::collection::vec(-1.0..100.0_f64, 0..100)) {
            let registry = Registry::default();
            let (histogram, _) = registry.histogram("h", &[]);
            values.iter().for_each(|value| histogram.record(*value));
            let samples = registry.read("i");
            for bound in BOUNDS {
                let n = values.iter().filter(|value| **value <= bound).count() as f64;
                prop_assert_eq!(value(&samples, "h_bucket", Some(&bound.to_string())), Some(n));
            }
            let n = values.len() as f64;
            prop_assert_eq!(value(&samples, "h_bucket", Some("+Inf")), Some(n));
            prop_assert_eq!(value(&samples, "h_count", None), Some(n));
            let sum = value(&samples, "h_sum", None).unwrap();
            prop_assert!((sum - values.iter().sum::<f64>()).abs() < 1e-6);
        }
    }

    #[test]
    fn a_value_on_a_bound_is_below_it() {
        let registry = Registry::default();
        registry.histogram("h", &[]).0.record(0.5);
        let samples = registry.read("i");
        assert_eq!(value(&samples, "h_bucket", Some("0.5")), Some(1.0));
        assert_eq!(value(&samples, "h_bucket", Some("0.25")), Some(0.0));
    }

    #[test]
    fn the_order_of_labels_makes_no_other_series() {
        let registry = Registry::default();
        registry.counter("c", &[("a", "1"), ("b", "2")]).0.add(1);
        registry.counter("c", &[("b", "2"), ("a", "1")]).0.add(2);
        assert_eq!(value(&registry.read("i"), "c", None), Some(3.0));
        assert_eq!(registry.n_series(), 1);
    }

    #[test]
    fn processes_are_told_apart_unless_the_program_does_it() {
        let registry = Registry::default();
        registry.counter("c", &[]).0.add(1);
        registry.counter("d", &[("instance", "own")]).0.add(1);
        let mut found: Vec<_> = registry.read("host:1").into_iter().map(|s| s.words).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let label = |at: usize| (&*found[at].labels[0].0, &*found[at].labels[0].1);
        assert_eq!((label(0), label(1)), (("instance", "host:1"), ("instance", "own")));
        assert_eq!(found[1].labels.len(), 1);
    }

    #[test]
    fn another_kind_of_the_same_name_counts_but_is_not_sent() {
        let registry = Registry::default();
        registry.counter("x", &[]).0.add(1);
        let (gauge, place) = registry.gauge("x", &[]);
        gauge.set(9.0);
        assert!(matches!(place, Place::Refused(_)));
        assert_eq!(registry.read("i").len(), 1);
    }

    #[test]
    fn a_label_with_too_many_values_does_not_fill_the_memory() {
        let registry = Registry::default();
        for id in 0..SERIES_MAX + 10 {
            registry.counter("c", &[("id", &id.to_string())]);
        }
        assert_eq!(registry.n_series(), SERIES_MAX);
        assert_eq!(registry.counter("d", &[]).1, Place::NoRoom);
        assert_eq!(registry.counter("c", &[("id", "1")]).1, Place::Sent);
    }

    #[test]
    fn what_is_no_number_is_passed_over() {
        let registry = Registry::default();
        registry.gauge("g", &[]).0.set(f64::NAN);
        registry.histogram("h", &[]).0.record(f64::INFINITY);
        let samples = registry.read("i");
        assert_eq!(value(&samples, "g", None), None);
        assert_eq!(value(&samples, "h_count", None), Some(0.0));
    }
}
