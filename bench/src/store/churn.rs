//! Churn: series that come and go, as they do where programs are rolled out all day. Each lives for
//! a minute; the server must forget them as fast, stay within its memory, and lose nothing.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::Bench;
use crate::report::{Report, Row, complain};
use crate::store::contender::{Contender, Kind, ensure_equal};
use crate::store::fleet::{self, Fleet, N_REQUEST_TARGETS, N_TARGET_SERIES, Watch};
use crate::store::sender::{Refusals, Sender};

const MINUTE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_secs(10);
/// Samples of each series: one minute of them.
const N_SERIES_SAMPLES: u32 = 6;
/// Series that begin together; their samples are one request.
const N_COHORT_SERIES: usize = N_REQUEST_TARGETS * N_TARGET_SERIES;
/// What the head may take by default (512 MiB), and a quarter of it for everything else: requests
/// on their way, blocks being written, caches, the records' database, the program itself.
const RESIDENT_BYTES_MAX: u64 = 640 << 20;

struct Plan {
    n_minutes: u32,
    /// How many cohorts begin each minute, evenly spread.
    n_cohorts: u32,
}

/// A request of the plan: the next sample of each series of a cohort.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Due {
    /// Since the start.
    at: Duration,
    cohort: usize,
    is_last: bool,
}

/// What was acknowledged, and at which price.
#[derive(Default)]
struct Outcome {
    n_samples: u64,
    refusals: Refusals,
    /// How far behind the plan a request was acknowledged at most.
    lag_max: Duration,
}

/// When the series lived, Unix milliseconds, and how many there were.
struct Lived {
    start_ms: i64,
    end_ms: i64,
    n_series: usize,
}

pub(crate) fn measure(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let plan = if bench.size.quick {
        Plan { n_minutes: 1, n_cohorts: 5 }
    } else {
        Plan { n_minutes: 10, n_cohorts: 50 }
    };
    let contender = Contender::start(bench, Kind::Pharos, "churn")?;
    let start_ms = bench.env.clock.now_ms();
    let outcome = plan.run(bench, &contender, start_ms)?;
    let resident_bytes = contender.resident_bytes_peak()?;
    let cpu = contender.cpu()?;
    plan.tell(report, &outcome, resident_bytes, cpu);
    let end_ms = bench.env.clock.now_ms();
    let lived = Lived { start_ms, end_ms, n_series: plan.n_series() };
    tell_what_is_there(bench, report, contender, &lived, outcome.n_samples)
}

impl Plan {
    fn n_series(&self) -> usize {
        (self.n_minutes * self.n_cohorts) as usize * N_COHORT_SERIES
    }

    /// All requests in the order in which they are due.
    fn requests(&self) -> Vec<Due> {
        let mut requests = Vec::new();
        for cohort in 0..self.n_minutes * self.n_cohorts {
            for nth in 0..N_SERIES_SAMPLES {
                requests.push(Due {
                    at: MINUTE * cohort / self.n_cohorts + STEP * nth,
                    cohort: cohort as usize,
                    is_last: nth + 1 == N_SERIES_SAMPLES,
                });
            }
        }
        requests.sort_by_key(|due| (due.at, due.cohort));
        requests
    }

    /// Sends every request when it is due, one after the other; what is late is sent at once.
    fn run(
        &self,
        bench: &Bench,
        contender: &Contender<'_>,
        start_ms: i64,
    ) -> anyhow::Result<Outcome> {
        let clock = &*bench.env.clock;
        let mut sender = Sender::open(contender.address, clock)?;
        let mut outcome = Outcome::default();
        let mut living: BTreeMap<usize, Fleet> = BTreeMap::new();
        let (began, mut n_minutes) = (clock.monotonic(), 0);
        for due in self.requests() {
            let mut fleet = living.remove(&due.cohort).unwrap_or_else(|| cohort(due, start_ms));
            let load = fleet.rounds(1)?;
            let now = clock.monotonic().saturating_sub(began);
            std::thread::sleep(due.at.saturating_sub(now));
            outcome.n_samples += load.n_samples;
            for request in load.into_requests() {
                sender.send(&request)?;
            }
            if !due.is_last {
                living.insert(due.cohort, fleet);
            }
            let now = clock.monotonic().saturating_sub(began);
            outcome.lag_max = outcome.lag_max.max(now.saturating_sub(due.at));
            if now >= MINUTE * (n_minutes + 1) {
                n_minutes += 1;
                let resident_mb = contender.resident_bytes_peak()? / 1_000_000;
                let n_refused = sender.refusals().n();
                complain(&format!(
                    "churn: {n_minutes} min, at most {resident_mb} MB, {n_refused} refusals"
                ));
            }
        }
        outcome.refusals = sender.refusals();
        Ok(outcome)
    }

    fn tell(&self, report: &mut Report, outcome: &Outcome, resident_bytes: u64, cpu: Duration) {
        let Outcome { n_samples, refusals, lag_max } = outcome;
        let n_each_minute = self.n_cohorts as usize * N_COHORT_SERIES;
        let mb = |bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6);
        let what = format!(
            "{n_each_minute} new series a minute for {} min, resident memory (largest)",
            self.n_minutes
        );
        report.add(
            Row::new(what, mb(resident_bytes))
                .limit(
                    format!("≤ {}", mb(RESIDENT_BYTES_MAX)),
                    resident_bytes <= RESIDENT_BYTES_MAX,
                )
                .beside(format!(
                    "each series has {N_SERIES_SAMPLES} samples, {} s apart; processor {:.2} µs \
                     per sample; at most {:.1} s behind",
                    STEP.as_secs(),
                    cpu.as_secs_f64() * 1e6 / *n_samples as f64,
                    lag_max.as_secs_f64(),
                )),
        );
        let n_broken = refusals.n_failed + refusals.n_lost;
        report.add(
            Row::new("the same, answers 5xx and lost connections", n_broken.to_string())
                .limit("none", n_broken == 0)
                .beside(format!("{} answers 429, each sent again", refusals.n_overloaded)),
        );
    }
}

fn cohort(due: Due, start_ms: i64) -> Fleet {
    let watch = Watch {
        n_connections: 1,
        start_ms: start_ms + due.at.as_millis() as i64,
        step_ms: STEP.as_millis() as i64,
    };
    let first = due.cohort * N_REQUEST_TARGETS;
    Fleet::of_targets(first..first + N_REQUEST_TARGETS, &watch)
}

/// Everything that was acknowledged must be there: asked of the server, and counted in its blocks.
fn tell_what_is_there(
    bench: &Bench,
    report: &mut Report,
    contender: Contender<'_>,
    lived: &Lived,
    n_samples: u64,
) -> anyhow::Result<()> {
    let selected = check_series(&contender, lived, n_samples);
    contender.settle()?;
    let dir = contender.dir().to_owned();
    contender.stop()?;
    let stats = Command::new(&bench.pharos).args(["tsdb", "stats", "--data-dir"]).arg(dir).output();
    let stats = stats.context("cannot ask for the blocks")?;
    let n_stored = n_samples_of(&String::from_utf8_lossy(&stats.stdout));
    let n_stored = n_stored.context("the blocks do not say what they have")?;
    report.add(
        Row::new(
            "the same, acknowledged samples that are in blocks afterwards",
            n_stored.to_string(),
        )
        .limit(format!("{n_samples}"), n_stored == n_samples),
    );
    let said = selected.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
    report.add(
        Row::new("the same, what queries find", if selected.is_ok() { "all" } else { "not all" })
            .limit("all", selected.is_ok())
            .beside(said),
    );
    Ok(())
}

/// Counts what is there.
fn check_series(
    contender: &Contender<'_>,
    lived: &Lived,
    n_samples: u64,
) -> anyhow::Result<String> {
    let Lived { start_ms, end_ms, n_series } = *lived;
    let window = (end_ms - start_ms) / 1000 + 1;
    let of_all = format!("count_over_time({}[{window}s])", fleet::SELECTOR);
    let n_there = contender.query(&format!("count({of_all})"), end_ms)?;
    ensure_equal("series", n_there, n_series as f64)?;
    let n_there = contender.query(&format!("sum({of_all})"), end_ms)?;
    ensure_equal("samples", n_there, n_samples as f64)?;
    Ok(format!("{n_series} series, {n_samples} samples"))
}

/// Reads the last line of `pharos tsdb stats`: `12 blocks, 6000000 samples, ...`.
fn n_samples_of(stats: &str) -> Option<u64> {
    let mut parts = stats.lines().last()?.split(", ");
    parts.find_map(|part| part.strip_suffix(" samples")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{Due, Duration, MINUTE, Plan, n_samples_of};

    #[test]
    fn each_series_lives_a_minute_and_they_begin_evenly() {
        let plan = Plan { n_minutes: 2, n_cohorts: 4 };
        assert_eq!(plan.n_series(), 16_000);
        let requests = plan.requests();
        assert_eq!(requests.len(), 2 * 4 * 6);
        assert!(requests.is_sorted_by_key(|due| due.at));
        let of_third: Vec<&Due> = requests.iter().filter(|due| due.cohort == 2).collect();
        let seconds: Vec<u64> = of_third.iter().map(|due| due.at.as_secs()).collect();
        assert_eq!(seconds, [30, 40, 50, 60, 70, 80]);
        let last: Vec<bool> = of_third.iter().map(|due| due.is_last).collect();
        assert_eq!(last, [false, false, false, false, false, true]);
        let begun = |from: Duration| {
            let begins = |due: &&Due| due.at >= from && due.at < from + MINUTE;
            let mut cohorts: Vec<usize> =
                requests.iter().filter(begins).map(|due| due.cohort).collect();
            cohorts.sort_unstable();
            cohorts.dedup();
            cohorts
        };
        assert_eq!(begun(Duration::ZERO), [0, 1, 2, 3]);
    }

    #[test]
    fn stats_end_with_their_sum() {
        let stats = "a.blk\n  a to b, level 0, 3 series, 7 samples, 90 bytes\n\
                     2 blocks, 12 samples, 180 bytes (15.00 a sample)\n";
        assert_eq!(n_samples_of(stats), Some(12));
        assert_eq!(n_samples_of(""), None);
    }
}
