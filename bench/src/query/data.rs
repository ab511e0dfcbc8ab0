//! Data: series whose values look random and are the same in every run, scraped every 15 s. Each
//! target is read at a moment of its own, off full seconds: a window of Prometheus 2 counts both
//! of its edges, one of the others only the right one, so no sample may lie on an edge.

use crate::store::load::Load;
use crate::store::random::Random;
use crate::store::remote_write::{self, N_REQUEST_SAMPLES, Renderer};

/// Between two samples of a series.
pub(crate) const INTERVAL_MS: i64 = 15_000;
/// How many samples of a series are rendered at once.
const N_ROUNDS: usize = 20;
const N_LANES: usize = 4;

/// How the values of a series go on.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Whole numbers, up by less than this each time.
    Counter(u32),
    /// Up by at most this many seconds each time.
    Seconds(f64),
    /// Up and down by up to 2.00, in hundredths, between 0 and this.
    Gauge(u32),
    /// Always this.
    Constant(f64),
}

struct Series {
    labels: Vec<u8>,
    kind: Kind,
    value: f64,
    /// When its target is read, after the beginning of each interval.
    late_ms: i64,
}

/// Series that are sent together.
pub(crate) struct Data {
    series: Vec<Series>,
    random: Random,
    n_rounds_left: usize,
    t_ms: i64,
}

impl Data {
    /// No series yet; `length_s` of samples until `end_ms`.
    pub(crate) fn new(end_ms: i64, length_s: i64) -> Self {
        let n_rounds = length_s * 1000 / INTERVAL_MS;
        let t_ms = end_ms - n_rounds * INTERVAL_MS;
        Self { series: Vec::new(), random: Random::new(11), n_rounds_left: n_rounds as usize, t_ms }
    }

    /// Adds a series of the target of this number. Labels are sorted by name, the metric's before.
    pub(crate) fn add(&mut self, target: usize, labels: &[(&str, &str)], kind: Kind) {
        let value = match kind {
            Kind::Counter(most) => (self.random.unit() * f64::from(most) * 1e3).floor(),
            Kind::Seconds(most) => (self.random.unit() * most * 1e5).round() / 100.0,
            Kind::Gauge(most) => (self.random.unit() * f64::from(most) * 100.0).floor() / 100.0,
            Kind::Constant(value) => value,
        };
        // Odd milliseconds: never a full second, nor a quarter of one.
        let late_ms = (target as i64 * 7_919) % INTERVAL_MS / 250 * 250 + 77;
        let labels = remote_write::labels(labels.iter().copied());
        self.series.push(Series { labels, kind, value, late_ms });
    }

    pub(crate) fn n_series(&self) -> usize {
        self.series.len()
    }

    /// The next samples of all series, until there are no more.
    pub(crate) fn next_load(&mut self) -> anyhow::Result<Option<Load>> {
        let n_rounds = N_ROUNDS.min(self.n_rounds_left);
        if n_rounds == 0 {
            return Ok(None);
        }
        let (mut load, mut renderer) = (Load::new(N_LANES), Renderer::new());
        for (nth, chunk) in self.series.chunks_mut(N_REQUEST_SAMPLES / N_ROUNDS).enumerate() {
            for series in chunk.iter_mut() {
                let sample =
                    |round| series.sample(self.t_ms + round * INTERVAL_MS, &mut self.random);
                let samples: Vec<(i64, f64)> = (0..n_rounds as i64).map(sample).collect();
                renderer.series(&series.labels, &samples);
            }
            load.add(nth, renderer.request()?, chunk.len() * n_rounds);
        }
        self.t_ms += n_rounds as i64 * INTERVAL_MS;
        self.n_rounds_left -= n_rounds;
        Ok(Some(load))
    }
}

impl Series {
    fn sample(&mut self, t_ms: i64, random: &mut Random) -> (i64, f64) {
        self.value = match self.kind {
            Kind::Counter(most) => self.value + f64::from(random.below(most)),
            Kind::Seconds(most) => self.value + (random.unit() * most * 100.0).round() / 100.0,
            Kind::Gauge(most) => {
                let hundredths =
                    (self.value * 100.0).round() + f64::from(random.below(401)) - 200.0;
                hundredths.clamp(0.0, f64::from(most) * 100.0) / 100.0
            }
            Kind::Constant(value) => value,
        };
        (t_ms + self.late_ms, self.value)
    }
}
