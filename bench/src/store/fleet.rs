//! Fleet: targets with a thousand series each, of 8 labels and about 200 bytes. Of ten series five
//! are integer counters, two never change, two are gauges with two decimals, and one has values
//! that nothing can predict.

use std::ops::Range;

use crate::store::load::Load;
use crate::store::random::Random;
use crate::store::remote_write::{self, N_REQUEST_SAMPLES, Renderer};

pub(crate) const N_TARGET_SERIES: usize = 1000;
/// Whose samples are one request.
pub(crate) const N_REQUEST_TARGETS: usize = N_REQUEST_SAMPLES / N_TARGET_SERIES;
/// What every series of a fleet has.
pub(crate) const SELECTOR: &str = "{job=\"fleet\"}";

/// Its series, and the value that each had last.
pub(crate) struct Fleet {
    targets: Vec<Target>,
    random: Random,
    n_connections: usize,
    step_ms: i64,
    /// When the next round is.
    t_ms: i64,
}

struct Target {
    labels: Vec<Vec<u8>>,
    values: Vec<f64>,
}

/// How a fleet is watched.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    pub(crate) n_connections: usize,
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
}

impl Fleet {
    pub(crate) fn new(n_series: usize, watch: &Watch) -> Self {
        Self::of_targets(0..n_series / N_TARGET_SERIES, watch)
    }

    /// Only these targets of an endless fleet; equal ones have equal values each time.
    pub(crate) fn of_targets(numbers: Range<usize>, watch: &Watch) -> Self {
        let mut random = Random::new(1 + numbers.start as u64);
        let targets = numbers.map(|nth| Target::new(nth, &mut random));
        Self {
            targets: targets.collect(),
            random,
            n_connections: watch.n_connections,
            step_ms: watch.step_ms,
            t_ms: watch.start_ms,
        }
    }

    pub(crate) fn n_series(&self) -> usize {
        self.targets.len() * N_TARGET_SERIES
    }

    /// When the newest sample was, Unix milliseconds.
    pub(crate) fn last_ms(&self) -> i64 {
        self.t_ms - self.step_ms
    }

    /// The next samples: so many of each series, one step apart, all series of a target together.
    pub(crate) fn rounds(&mut self, n_rounds: usize) -> anyhow::Result<Load> {
        let mut load = Load::new(self.n_connections);
        let mut renderer = Renderer::new();
        for _ in 0..n_rounds {
            for (nth, targets) in self.targets.chunks_mut(N_REQUEST_TARGETS).enumerate() {
                for target in targets.iter_mut() {
                    target.render(self.t_ms, &mut self.random, &mut renderer);
                }
                load.add(nth, renderer.request()?, targets.len() * N_TARGET_SERIES);
            }
            self.t_ms += self.step_ms;
        }
        Ok(load)
    }

    /// The first request of the next round.
    pub(crate) fn first_request(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut renderer = Renderer::new();
        for target in self.targets.iter_mut().take(N_REQUEST_TARGETS) {
            target.render(self.t_ms, &mut self.random, &mut renderer);
        }
        renderer.request()
    }
}

impl Target {
    fn new(nth: usize, random: &mut Random) -> Self {
        let labels = (0..N_TARGET_SERIES).map(|series| labels(nth, series)).collect();
        let values = (0..N_TARGET_SERIES).map(|series| first_value(series, random)).collect();
        Self { labels, values }
    }

    fn render(&mut self, t_ms: i64, random: &mut Random, renderer: &mut Renderer) {
        for (series, (labels, value)) in self.labels.iter().zip(&mut self.values).enumerate() {
            renderer.series(labels, &[(t_ms, *value)]);
            *value = next_value(series, *value, random);
        }
    }
}

/// The name of a metric, of which each target has one series.
pub(crate) fn metric(series: usize) -> String {
    format!("fleet_subsystem_{series:04}_operations_total")
}

fn labels(target: usize, series: usize) -> Vec<u8> {
    remote_write::labels([
        ("__name__", metric(series).as_str()),
        ("cluster", "production-europe-west"),
        ("container", &format!("worker-{}", series % 4)),
        ("device", &format!("device-{series:04}")),
        ("instance", &format!("10.{}.{}.17:9100", target / 250, target % 250)),
        ("job", "fleet"),
        ("namespace", &format!("team-{:02}", target % 20)),
        ("pod", &format!("deployment-{target:05}-7c9d8b6f5")),
    ])
}

/// Starts where a process that ran for some time would be.
fn first_value(series: usize, random: &mut Random) -> f64 {
    match series % 10 {
        0..=4 => f64::from(random.below(100_000_000)),
        5 | 6 => f64::from(random.below(1000)),
        7 | 8 => f64::from(random.below(10_000)) / 100.0,
        _ => random.unit(),
    }
}

fn next_value(series: usize, value: f64, random: &mut Random) -> f64 {
    match series % 10 {
        0..=4 => value + f64::from(random.below(1000)),
        5 | 6 => value,
        7 | 8 => f64::from(random.below(10_000)) / 100.0,
        _ => random.unit(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fleet, N_REQUEST_TARGETS, Watch};

    const WATCH: Watch = Watch { n_connections: 1, start_ms: 1_700_000_000_000, step_ms: 15_000 };

    fn rendered(fleet: &mut Fleet, n_rounds: usize) -> Vec<Vec<u8>> {
        fleet.rounds(n_rounds).unwrap().into_requests().collect()
    }

    #[test]
    fn each_server_gets_the_same_bytes_however_they_are_grouped() {
        let at_once = rendered(&mut Fleet::new(4000, &WATCH), 3);
        let mut fleet = Fleet::new(4000, &WATCH);
        let mut in_groups = rendered(&mut fleet, 1);
        in_groups.extend(rendered(&mut fleet, 2));
        assert_eq!(at_once, in_groups);
        assert_eq!(fleet.last_ms(), WATCH.start_ms + 2 * WATCH.step_ms);
    }

    #[test]
    fn other_targets_are_other_series() {
        let labels = |first: usize| {
            let fleet = Fleet::of_targets(first..first + N_REQUEST_TARGETS, &WATCH);
            fleet.targets.into_iter().flat_map(|target| target.labels).collect::<Vec<_>>()
        };
        let (mut all, n) = ([labels(0), labels(2)].concat(), 2 * labels(0).len());
        all.sort();
        all.dedup();
        assert_eq!(all.len(), n);
    }
}
