//! Page: what a host's exporter would have answered over some hours. The names, labels and classes
//! of values are those of the real page of this machine, read twice; from then on each series goes
//! on as its class does: constant, counting, wandering in its own unit, or with all its digits new.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::process::Process;
use crate::store::random::Random;
use crate::store::remote_write;
use crate::{Bench, http, peers};

/// Between the two looks at the real page.
const APART: Duration = Duration::from_secs(5);
/// Between two samples of each series.
pub(crate) const STEP: Duration = Duration::from_secs(15);
const START_MAX: Duration = Duration::from_secs(20);

/// A series that goes on.
pub(crate) struct PageSeries {
    name: String,
    labels: Vec<(String, String)>,
    course: Course,
}

/// How the values of a series go on.
#[derive(Clone)]
enum Course {
    Constant(f64),
    /// Whole multiples of `unit / divisor`, which change by about so many at each step.
    Units {
        n_units: i64,
        change: f64,
        unit: f64,
        divisor: f64,
        counts: bool,
    },
    /// Values that use all their digits.
    Real {
        value: f64,
        change: f64,
    },
}

/// What values are counted in: memory in pages or kibibytes, time often in ticks or nanoseconds.
const UNITS: [(f64, f64); 8] = [
    (4096.0, 1.0),
    (1024.0, 1.0),
    (1.0, 1.0),
    (1.0, 10.0),
    (1.0, 100.0),
    (1.0, 1000.0),
    (1.0, 1e6),
    (1.0, 1e9),
];
/// From here on not every whole number is a double.
const N_UNITS_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads this machine's page from its exporter and makes its series of it.
pub(crate) fn read(bench: &Bench) -> anyhow::Result<Vec<PageSeries>> {
    let [address, ..] = peers::free_addresses()?;
    let path = "prometheus-node-exporter/usr/bin/prometheus-node-exporter";
    let mut command = Command::new(bench.peers.join(path));
    command.arg(format!("--web.listen-address={address}"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _exporter = Process::start(&mut command)?;
    let first = first_page(bench, address)?;
    std::thread::sleep(APART);
    let second = http::fetch(address, "/metrics")?;
    series(&first, &second)
}

fn first_page(bench: &Bench, address: SocketAddr) -> anyhow::Result<String> {
    let deadline = bench.env.clock.monotonic() + START_MAX;
    loop {
        match http::fetch(address, "/metrics") {
            Ok(page) => return Ok(page),
            Err(error) if bench.env.clock.monotonic() > deadline => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// The series that both pages have.
fn series(first: &str, second: &str) -> anyhow::Result<Vec<PageSeries>> {
    let counters: HashSet<&str> = first.lines().filter_map(counter_name).collect();
    let before: std::collections::HashMap<&str, f64> = first.lines().filter_map(sample).collect();
    let mut all = Vec::new();
    for (key, value) in second.lines().filter_map(sample) {
        let Some(before) = before.get(key) else { continue };
        let (name, labels) = split(key).with_context(|| format!("{key} is odd"))?;
        let course = Course::new(*before, value, counters.contains(name.as_str()));
        all.push(PageSeries { name, labels, course });
    }
    ensure!(all.len() > 100, "the exporter's page has only {} series", all.len());
    Ok(all)
}

fn counter_name(line: &str) -> Option<&str> {
    line.strip_prefix("# TYPE ")?.strip_suffix(" counter")
}

fn sample(line: &str) -> Option<(&str, f64)> {
    let (key, value) = line.rsplit_once(' ')?;
    let value = (!line.starts_with('#')).then(|| value.parse().ok())??;
    Some((key, value))
}

/// Reads `name{a="x",b="y"}`; the values of an exporter's labels hold no quotes.
fn split(key: &str) -> Option<(String, Vec<(String, String)>)> {
    let Some((name, rest)) = key.split_once('{') else {
        return Some((key.to_owned(), Vec::new()));
    };
    let mut labels = Vec::new();
    let mut rest = rest.strip_suffix('}')?;
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        labels.push((label.to_owned(), value.to_owned()));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some((name.to_owned(), labels))
}

impl Course {
    fn new(before: f64, value: f64, counts: bool) -> Self {
        if before.to_bits() == value.to_bits() || !value.is_finite() || !before.is_finite() {
            return Self::Constant(value);
        }
        let change = (value - before) * STEP.as_secs_f64() / APART.as_secs_f64();
        for (unit, divisor) in UNITS {
            let whole = |value: f64| {
                let n_units = (value * divisor / unit).round();
                n_units.abs() < N_UNITS_MAX && n_units * unit / divisor == value
            };
            if whole(before) && whole(value) {
                let n_units = (value * divisor / unit).round() as i64;
                let change = change * divisor / unit;
                return Self::Units { n_units, change, unit, divisor, counts };
            }
        }
        Self::Real { value, change }
    }

    fn next(&mut self, random: &mut Random) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Units { n_units, change, unit, divisor, counts } => {
                let share = if *counts { 0.5 + random.unit() } else { 2.0 * random.unit() - 1.0 };
                let next = *n_units + (*change * share).round() as i64;
                *n_units = if *counts { next.max(*n_units) } else { next.abs() };
                *n_units as f64 * *unit / *divisor
            }
            Self::Real { value, change } => {
                *value = (*value + *change * (2.0 * random.unit() - 1.0)).abs();
                *value
            }
        }
    }
}

impl PageSeries {
    /// The same series on another host: its labels, encoded and sorted.
    pub(crate) fn labels(&self, instance: &str, job: &str) -> Vec<u8> {
        let own = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut labels: Vec<_> =
            [("__name__", self.name.as_str()), ("instance", instance), ("job", job)].into();
        labels.extend(own);
        labels.sort_unstable();
        remote_write::labels(labels)
    }

    /// So many values from now on, different for each host.
    pub(crate) fn values(&self, n_values: usize, random: &mut Random) -> Vec<f64> {
        let mut course = self.course.clone();
        (0..n_values).map(|_| course.next(random)).collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.labels.iter().any(|(label, have)| label == name && have == value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Random, series, split};

    #[test]
    fn a_line_is_split_at_its_labels() {
        let labels = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let check = |key, name: &str, pairs| {
            assert_eq!(split(key), Some((name.to_owned(), labels(pairs))));
        };
        check("load1", "load1", &[]);
        check("cpu{cpu=\"0\",mode=\"idle\"}", "cpu", &[("cpu", "0"), ("mode", "idle")]);
        check("fs{path=\"/a,b}\"}", "fs", &[("path", "/a,b}")]);
        assert_eq!(split("cpu{cpu=0}"), None);
    }

    #[test]
    fn a_series_goes_on_as_it_began() {
        let mut random = Random::new(1);
        let mut values = |before, value, counts| {
            let mut course = Course::new(before, value, counts);
            (0..100).map(|_| course.next(&mut random)).collect::<Vec<f64>>()
        };
        assert_eq!(values(7.0, 7.0, true), [7.0; 100]);
        let counted = values(100.25, 104.75, true);
        assert!(counted.is_sorted() && counted[0] > 104.75, "{counted:?}");
        assert!(counted.iter().all(|value| (value * 100.0).round() / 100.0 == *value));
        let memory = values(8192.0, 81920.0, false);
        assert!(memory.iter().all(|value| value % 4096.0 == 0.0) && !memory.is_sorted());
        let real = values(0.123_456_789_123, 0.223_456_789_123, false);
        let nanoseconds = values(0.000_057_911, 0.000_061_007, false);
        assert!(nanoseconds.iter().all(|value| (value * 1e9).round() / 1e9 == *value));
        assert!(real.iter().all(|value| *value >= 0.0) && !real.is_sorted(), "{real:?}");
    }

    #[test]
    fn a_page_that_is_no_exporter_s_is_refused() {
        assert!(series("a 1\n", "a 2\n").is_err());
    }
}
