//! How fast samples come back out of blocks through [`storage::Querier`], the way a query gets them:
//! every series is selected and its values are added up, on one thread.
//! `cargo run --release -p tsdb --example decode -- <empty folder> [targets]`
//!
//! Each target has a thousand series with two hours of samples, 15 s apart: of ten, five are integer
//! counters, two never change, two are gauges with two decimals and one has random mantissas. The
//! last line is for programs: `decode: samples_per_second=<number> ...`.

#![expect(clippy::print_stdout, reason = "printing figures is its purpose")]

use std::hint::black_box;
use std::path::PathBuf;

use model::{Labels, Sample};
use stdx::Env;
use storage::{Appender, Querier, Row, Select};
use tsdb::{Config, Db};

const N_TARGETS: usize = 20;
const N_TARGET_SERIES: usize = 1000;
const N_SAMPLES: usize = 480;
const STEP_MS: i64 = 15_000;
/// A moment at which a day begins, so that all samples lie in one block.
const START_MS: i64 = 1_767_225_600_000;
/// How many samples are read at least: the kernel's clock of a thread has steps of milliseconds.
const N_READ_MIN: usize = 200_000_000;

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or("name an empty folder")?;
    let n_targets = arguments.next().map(|text| text.to_string_lossy().parse());
    let n_series = n_targets.transpose()?.unwrap_or(N_TARGETS) * N_TARGET_SERIES;
    let mut config = Config::new(PathBuf::from(folder));
    config.head_bytes_max = 4 << 30;
    config.flush_head_bytes = 4 << 30;
    config.pending_bytes_max = 256 << 20;
    let env = Env::system();
    let db = Db::open(config, &env)?;
    fill(&db, n_series)?;
    db.flush(env.clock.now_ms())?;
    while db.compact(env.clock.now_ms())? {}
    let n_stored = n_series * N_SAMPLES;
    let (mut n_read, before_ns) = (0, cpu_ns()?);
    while n_read < N_READ_MIN {
        let (n_samples, sum) = black_box(sum_all(&db)?);
        assert_eq!(n_samples, n_stored, "what was stored comes back");
        assert!(sum.is_finite(), "all values are numbers");
        n_read += n_samples;
    }
    let rate = n_read as f64 * 1e9 / (cpu_ns()? - before_ns) as f64;
    println!("decode: samples_per_second={rate:.0} series={n_series} samples={n_stored}");
    db.close()?;
    Ok(())
}

fn fill(db: &Db, n_series: usize) -> Result<(), Failed> {
    let mut random = Random(1);
    let mut values: Vec<f64> = (0..n_series).map(|series| first(series, &mut random)).collect();
    let labels: Vec<Labels> = (0..n_series).map(labels_of).collect();
    for round in 0..N_SAMPLES {
        let t_ms = START_MS + round as i64 * STEP_MS;
        let mut rows = Vec::with_capacity(n_series);
        for (series, value) in values.iter_mut().enumerate() {
            let labels = labels[series].clone();
            rows.push(Row { labels, sample: Sample::new(t_ms, *value) });
            *value = next(series, *value, &mut random);
        }
        db.append(rows)?.wait()?;
    }
    Ok(())
}

/// How many samples there are, and the sum of their values.
fn sum_all(db: &Db) -> Result<(usize, f64), Failed> {
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let (mut n_samples, mut sum) = (0, 0.0);
    for series in db.select(&all)? {
        let samples = series?.samples;
        n_samples += samples.len();
        // Four sums by turns: an addition need not wait for the one before.
        let mut sums = [0.0; 4];
        let (fours, rest) = samples.as_chunks::<4>();
        for four in fours {
            sums.iter_mut().zip(four).for_each(|(sum, sample)| *sum += sample.value);
        }
        sum += sums.iter().sum::<f64>() + rest.iter().map(|sample| sample.value).sum::<f64>();
    }
    Ok((n_samples, sum))
}

/// How long this thread has been on a processor, nanoseconds: what others use does not count.
fn cpu_ns() -> Result<u64, Failed> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

/// Eight labels, as a scraped series has them.
fn labels_of(series: usize) -> Labels {
    let (target, nth) = (series / N_TARGET_SERIES, series % N_TARGET_SERIES);
    let pairs = [
        ("cluster", "production-europe-west".to_owned()),
        ("container", format!("worker-{}", nth % 4)),
        ("device", format!("device-{nth:04}")),
        ("instance", format!("10.0.{target}.17:9100")),
        ("job", "fleet".to_owned()),
        ("namespace", format!("team-{:02}", target % 20)),
        ("pod", format!("deployment-{target:05}-7c9d8b6f5")),
    ];
    let metric = format!("fleet_subsystem_{nth:04}_operations_total");
    Labels::of_metric(&metric, pairs).expect("the names differ")
}

fn first(series: usize, random: &mut Random) -> f64 {
    match series % 10 {
        0..=4 => f64::from(random.below(100_000_000)),
        5 | 6 => f64::from(random.below(1000)),
        7 | 8 => f64::from(random.below(10_000)) / 100.0,
        _ => random.unit(),
    }
}

fn next(series: usize, value: f64, random: &mut Random) -> f64 {
    match series % 10 {
        0..=4 => value + f64::from(random.below(1000)),
        5 | 6 => value,
        7 | 8 => f64::from(random.below(10_000)) / 100.0,
        _ => random.unit(),
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In `0..n`.
    fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// In `[0, 1)`, with all 53 bits.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
