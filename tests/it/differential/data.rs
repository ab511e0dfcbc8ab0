//! Data: an hour of samples of every kind that queries treat in a way of its own: counters with
//! resets, gauges, classic histograms whole and broken, series that come and go with stale markers,
//! numbers that are none, and gaps around the five minutes for which a sample counts.
//!
//! Times of samples are odd milliseconds and never a multiple of 250, while queries look from times
//! that are. So no sample lies on the edge of a window, where Prometheus 2 still counted the left
//! edge and Prometheus 3 does not.

use crate::differential::dice::Dice;

/// The beginning, in Unix milliseconds: a full hour.
pub(crate) const START_MS: i64 = 1_760_000_400_000;
/// How long samples arrive, in seconds.
pub(crate) const LENGTH_S: i64 = 3_600;
/// What says that a series has ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// No sum of one of these and of the jitter is a multiple of 250.
const RESIDUES_MS: [i64; 4] = [137, 411, 629, 873];
const JITTERS_MS: [i64; 5] = [0, 0, 0, 7, 13];

/// A series: its labels, sorted by name, and its samples in time order.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) samples: Vec<(i64, f64)>,
}

/// All series. The same seed gives the same.
pub(crate) fn lines(seed: u64) -> Vec<Line> {
    let mut maker = Maker { dice: Dice::new(seed, u64::MAX), lines: Vec::new() };
    maker.services();
    maker.histograms();
    maker.hosts();
    maker.oddities();
    maker.lines
}

pub(crate) const JOBS: [&str; 3] = ["api", "db", "web"];
pub(crate) const INSTANCES: [&str; 4] = ["a:1", "b:2", "c:3", "d:4"];
pub(crate) const CODES: [&str; 3] = ["200", "404", "500"];

struct Maker {
    dice: Dice,
    lines: Vec<Line>,
}

/// What the next value of a series is made from.
struct Walk {
    every_s: i64,
    /// How many samples of a hundred are missing.
    gaps_percent: usize,
    /// Whether the series ends and begins again, with a stale marker between.
    restarts: bool,
}

const STEADY: Walk = Walk { every_s: 15, gaps_percent: 0, restarts: false };
const LOSSY: Walk = Walk { every_s: 15, gaps_percent: 12, restarts: true };

impl Maker {
    fn add(
        &mut self,
        labels: &[(&str, &str)],
        walk: &Walk,
        mut next: impl FnMut(&mut Dice) -> f64,
    ) {
        let times = self.times(walk);
        let mut samples: Vec<(i64, f64)> = Vec::new();
        // A quarter of the hour, somewhere after its beginning.
        let gone = if walk.restarts { self.dice.below(times.len() / 2) + 4 } else { times.len() };
        let back = gone + times.len() / 5;
        for (nth, t_ms) in times.into_iter().enumerate() {
            let value = next(&mut self.dice);
            if nth == gone {
                samples.push((t_ms, f64::from_bits(STALE)));
            } else if !(gone..back).contains(&nth) && !self.dice.percent(walk.gaps_percent) {
                samples.push((t_ms, value));
            }
        }
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut labels: Vec<(String, String)> = labels.iter().map(own).collect();
        labels.sort();
        self.lines.push(Line { labels, samples });
    }

    /// When a target is read: at its own moment within the interval, now and then a little late.
    fn times(&mut self, walk: &Walk) -> Vec<i64> {
        let first_s = self.dice.below(walk.every_s as usize) as i64;
        let residue_ms = self.dice.pick(&RESIDUES_MS);
        let seconds = (first_s..LENGTH_S).step_by(walk.every_s as usize);
        let seconds: Vec<i64> = seconds.collect();
        let late = |s: i64| START_MS + s * 1000 + residue_ms + self.dice.pick(&JITTERS_MS);
        seconds.into_iter().map(late).collect()
    }

    fn services(&mut self) {
        for job in JOBS {
            for instance in INSTANCES {
                for code in CODES {
                    // Holes, so that not everything has a partner.
                    if self.dice.percent(20) {
                        continue;
                    }
                    let labels = [
                        ("__name__", "requests_total"),
                        ("job", job),
                        ("instance", instance),
                        ("code", code),
                    ];
                    let walk = if self.dice.percent(30) { LOSSY } else { STEADY };
                    self.add(&labels, &walk, counter(9.0, 2));
                }
                self.service(job, instance);
            }
        }
    }

    fn service(&mut self, job: &str, instance: &str) {
        let named = |name| [("__name__", name), ("job", job), ("instance", instance)];
        let half_minute = Walk { every_s: 30, ..LOSSY };
        self.add(&named("bytes_total"), &half_minute, counter(123.456, 4));
        self.add(&named("load"), &Walk { every_s: 10, ..STEADY }, |dice| dice.unit() * 4.0);
        let up = |dice: &mut Dice| if dice.percent(90) { 1.0 } else { 0.0 };
        self.add(&named("up"), &LOSSY, up);
        for version in ["1.0", "2.0"] {
            let labels = [
                ("__name__", "build_info"),
                ("job", job),
                ("instance", instance),
                ("version", version),
            ];
            // Both versions of one service would be two partners where one is wanted.
            if (version == "2.0") == (instance < "c") {
                self.add(&labels, &STEADY, |_| 1.0);
            }
        }
    }

    fn histograms(&mut self) {
        const BOUNDS: [&str; 7] = ["0.1", "0.25", "0.5", "1", "2.5", "10", "+Inf"];
        for (job, instance, kind) in [
            ("api", "a:1", Buckets::Whole),
            ("api", "b:2", Buckets::Whole),
            ("web", "a:1", Buckets::NotMonotonic),
            ("web", "c:3", Buckets::Endless),
            ("db", "d:4", Buckets::Malformed),
        ] {
            for (nth, le) in BOUNDS.into_iter().enumerate() {
                let le = match kind {
                    Buckets::Endless if le == "+Inf" => continue,
                    Buckets::Malformed if nth == 2 => "half",
                    _ => le,
                };
                let labels = [
                    ("__name__", "latency_seconds_bucket"),
                    ("job", job),
                    ("instance", instance),
                    ("le", le),
                ];
                // More where more is below the bound, unless buckets were read at different times.
                let height = match kind {
                    Buckets::NotMonotonic if nth == 4 => 2,
                    _ => nth + 1,
                };
                self.add(&labels, &STEADY, counter(height as f64 * 3.0, 0));
            }
            let named = |name| [("__name__", name), ("job", job), ("instance", instance)];
            self.add(&named("latency_seconds_count"), &STEADY, counter(21.0, 0));
            self.add(&named("latency_seconds_sum"), &STEADY, counter(7.7, 0));
        }
    }

    fn hosts(&mut self) {
        for instance in INSTANCES {
            for sensor in ["cpu", "disk"] {
                let labels =
                    [("__name__", "temperature"), ("instance", instance), ("sensor", sensor)];
                // Eighths: sums of them have no rounding.
                let eighths = |dice: &mut Dice| dice.below(400) as f64 / 8.0 - 10.0;
                self.add(&labels, &LOSSY, eighths);
            }
            let sparse = Walk { every_s: 290, gaps_percent: 30, restarts: false };
            let whole = |dice: &mut Dice| dice.below(10) as f64;
            self.add(&[("__name__", "sparse"), ("instance", instance)], &sparse, whole);
            let started = [("__name__", "start_time_seconds"), ("instance", instance)];
            let moment = (self.dice.below(1_900_000_000) as f64) + self.dice.unit();
            self.add(&started, &STEADY, |_| moment);
        }
    }

    fn oddities(&mut self) {
        const ODD: [(&str, &[f64]); 6] = [
            ("nan", &[f64::NAN, 1.0, 2.0, f64::NAN]),
            ("inf", &[f64::INFINITY, 3.0, f64::NEG_INFINITY, -2.0, f64::INFINITY]),
            ("zero", &[0.0, -0.0]),
            ("large", &[1e18, 9_007_199_254_740_993.0, -1e17]),
            ("small", &[5e-324, 1e-300, -1e-308]),
            ("same", &[0.1]),
        ];
        for (kind, values) in ODD {
            let labels = [("__name__", "odd"), ("kind", kind)];
            self.add(&labels, &STEADY, |dice| dice.pick(values));
        }
        self.add(&[("__name__", "alone")], &STEADY, |dice| dice.below(100) as f64);
    }
}

#[derive(Clone, Copy)]
enum Buckets {
    Whole,
    NotMonotonic,
    Endless,
    Malformed,
}

/// Goes up by up to `most` at once, in whole numbers if that is one, and begins again now and then.
fn counter(most: f64, resets_percent: usize) -> impl FnMut(&mut Dice) -> f64 {
    let mut value = 0.0;
    move |dice| {
        let step = dice.unit() * most;
        value += if most.fract() == 0.0 { step.floor() } else { step };
        if dice.percent(resets_percent) {
            value = 0.0;
        }
        value
    }
}
