//! Traffic: random rows and random questions, with every kind of value and time that a store can
//! trip over.

use model::{Labels, Matcher, STALE_MARKER_BITS, Sample};
use storage::{Row, Select};

use super::disguise::{be_numbers, choose_kind};
use super::settings::Settings;
use crate::Rng;

/// Makes rows and questions.
#[derive(Debug)]
pub(super) struct Traffic {
    rng: Rng,
    late_ms_max: i64,
    has_histograms: bool,
    /// Rises as hosts come and go, so that series die and others are born.
    oldest_host: u64,
    recent: Vec<Row>,
}

const METRICS: [&str; 3] = ["cpu", "memory_bytes", "requests_total"];
const HOSTS: u64 = 4;
const RECENT_MAX: usize = 50;

impl Traffic {
    /// The same generator makes the same traffic.
    pub(super) fn new(rng: Rng, settings: &Settings) -> Self {
        Self {
            rng,
            late_ms_max: settings.late_ms_max,
            // They are not rolled up.
            has_histograms: !settings.has_tiers,
            oldest_host: 0,
            recent: Vec::new(),
        }
    }

    /// The rows of one append.
    pub(super) fn rows(&mut self, now_ms: i64) -> Vec<Row> {
        if self.rng.per_mille(50) {
            self.oldest_host += 1;
        }
        // A large batch now and then fills chunks.
        let n_rows = if self.rng.per_mille(100) { 300 } else { 20 };
        let n_rows = self.rng.index(n_rows) + 1;
        let mut rows: Vec<Row> = (0..n_rows).map(|i| self.row(now_ms + i as i64)).collect();
        if self.has_histograms {
            choose_kind(&mut rows, &mut self.rng);
        } else {
            be_numbers(&mut rows);
        }
        rows
    }

    fn row(&mut self, now_ms: i64) -> Row {
        let row = match self.rng.below(10) {
            0 if !self.recent.is_empty() => self.rewrite(),
            _ => Row { labels: self.labels(), sample: self.sample(now_ms) },
        };
        if self.recent.len() < RECENT_MAX {
            self.recent.push(row.clone());
        } else {
            let at = self.rng.index(RECENT_MAX);
            self.recent[at] = row.clone();
        }
        row
    }

    /// A series and a time that were written already.
    fn rewrite(&mut self) -> Row {
        let mut row = self.rng.pick(&self.recent).clone();
        if self.rng.per_mille(700) {
            row.sample.value = self.value();
        }
        row
    }

    fn labels(&mut self) -> Labels {
        let metric = *self.rng.pick(&METRICS);
        let host = format!("h{}", self.oldest_host + self.rng.below(HOSTS));
        let mut pairs = vec![("host", host)];
        if self.rng.per_mille(300) {
            pairs.push(("zone", "é\u{10348}".to_owned()));
        }
        Labels::of_metric(metric, pairs).expect("the names differ")
    }

    fn sample(&mut self, now_ms: i64) -> Sample {
        let t_ms = match self.rng.below(20) {
            // Late, some of it beyond retention.
            0..2 => now_ms - self.rng.between(0, self.late_ms_max),
            2 => now_ms - self.rng.between(0, 2_200_000),
            3 => now_ms + self.rng.between(0, 60_000),
            _ => now_ms,
        };
        let start_ms = match self.rng.below(10) {
            0 => t_ms - self.rng.between(0, 1_000_000),
            1 => i64::MIN + self.rng.between(0, 10),
            _ => 0,
        };
        Sample { t_ms, value: self.value(), start_ms }
    }

    fn value(&mut self) -> f64 {
        let bits = match self.rng.below(12) {
            0 => STALE_MARKER_BITS,
            1 => f64::NAN.to_bits() | self.rng.below(1 << 50),
            2 => (-0.0_f64).to_bits(),
            3 => self.rng.next_u64(),
            4 => self.rng.below(1 << 52),
            5 => f64::NEG_INFINITY.to_bits(),
            _ => (self.rng.below(1000) as f64).to_bits(),
        };
        f64::from_bits(bits)
    }

    /// A selection.
    pub(super) fn select(&mut self, now_ms: i64) -> Select {
        let (start_ms, end_ms) = match self.rng.below(4) {
            0 => (i64::MIN, i64::MAX),
            1 => (now_ms, now_ms - 1),
            _ => {
                let start_ms = now_ms - self.rng.between(0, self.late_ms_max);
                (start_ms, start_ms + self.rng.between(0, self.late_ms_max / 2))
            }
        };
        Select::both(self.matchers(), start_ms, end_ms)
    }

    /// Conditions of all kinds, perhaps none.
    pub(super) fn matchers(&mut self) -> Vec<Matcher> {
        let n_matchers = self.rng.below(4);
        (0..n_matchers).map(|_| self.matcher()).collect()
    }

    fn matcher(&mut self) -> Matcher {
        let name = self.label_name();
        let value = match self.rng.below(4) {
            0 => String::new(),
            1 => (*self.rng.pick(&METRICS)).to_owned(),
            _ => format!("h{}", self.oldest_host + self.rng.below(HOSTS)),
        };
        match self.rng.below(10) {
            0..4 => Matcher::equal(name, value),
            4..7 => Matcher::not_equal(name, value),
            7 | 8 => Matcher::regex(name, self.expression()).expect("it is a good one"),
            _ => Matcher::not_regex(name, self.expression()).expect("it is a good one"),
        }
    }

    fn expression(&mut self) -> String {
        let host = self.oldest_host + self.rng.below(HOSTS);
        match self.rng.below(5) {
            0 => format!("h{host}|h{}|", host + 1),
            1 => format!("h.*{}", host % 10),
            2 => ".+".to_owned(),
            3 => "cpu|memory_.*".to_owned(),
            _ => format!("(?i)H{host}|.*_TOTAL"),
        }
    }

    /// What to delete: some series in some range, seldom everything.
    pub(super) fn deletion(&mut self, now_ms: i64) -> Select {
        let mut select = self.select(now_ms);
        select.matchers.truncate(1);
        select.matchers.push(self.matcher());
        select
    }

    /// Rows of any age, in any order, as a backfill brings them.
    pub(super) fn old_rows(&mut self, now_ms: i64) -> Vec<Row> {
        let n_rows = self.rng.index(60) + 1;
        let late_ms_max = self.late_ms_max;
        let at = |rng: &mut Rng| now_ms - rng.between(0, late_ms_max);
        (0..n_rows)
            .map(|_| {
                let t_ms = at(&mut self.rng);
                self.row(t_ms)
            })
            .collect()
    }

    /// A label that series have, or that none has.
    pub(super) fn label_name(&mut self) -> String {
        let names = ["__name__", "host", "zone", "absent"];
        (*self.rng.pick(&names)).to_owned()
    }
}
