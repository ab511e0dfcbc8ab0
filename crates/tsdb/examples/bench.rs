//! How fast the store appends and recovers on this machine's disk:
//! `cargo run --release -p tsdb --example bench -- <empty folder>`

#![expect(clippy::print_stdout, reason = "printing figures is its purpose")]

use std::path::PathBuf;
use std::time::Duration;

use model::{Labels, Sample};
use stdx::Env;
use storage::{Appender, Querier, Row, Select};
use tsdb::{Config, Db};

const N_SERIES: usize = 10_000;
const BATCH_ROWS: usize = 1000;
const N_ROUNDS: usize = 300;
const STEP_MS: i64 = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name an empty folder")?;
    let env = Env::system();
    let mut config = Config::new(PathBuf::from(folder));
    config.head_bytes_max = 4 << 30;
    config.pending_bytes_max = 64 << 20;
    let db = Db::open(config.clone(), &env)?;
    append(&db, &env)?;
    query(&db, &env)?;
    db.close()?;
    drop(db);
    let db = Db::open(config, &env)?;
    let recovery = &db.meter().recovery;
    let took = Duration::from_millis(recovery.duration_ms.get().unsigned_abs());
    let n_samples = recovery.samples.get();
    println!(
        "recovery: {n_samples} samples in {took:?}, {:.0} ns/sample",
        took.as_nanos() as f64 / n_samples as f64
    );
    Ok(())
}

fn append(db: &Db, env: &Env) -> Result<(), Box<dyn std::error::Error>> {
    let labels: Vec<Labels> = (0..N_SERIES).map(labels_of).collect();
    let t_ms = env.clock.now_ms() - STEP_MS * N_ROUNDS as i64;
    let mut in_append = Duration::ZERO;
    let began = env.clock.monotonic();
    let mut commits = Vec::new();
    let mut bytes_of_series = 0;
    for round in 0..N_ROUNDS {
        for part in labels.chunks(BATCH_ROWS) {
            let row = |(i, labels): (usize, &Labels)| Row {
                labels: labels.clone(),
                sample: Sample::new(t_ms + round as i64 * STEP_MS, value(i, round)),
            };
            let rows = part.iter().enumerate().map(row).collect();
            let before = env.clock.monotonic();
            commits.push(db.append(rows)?);
            in_append += env.clock.monotonic() - before;
        }
        if round % 10 == 9 {
            for commit in commits.drain(..) {
                commit.wait()?;
            }
        }
        if round == 0 {
            println!("new series: {:.0} ns each", in_append.as_nanos() as f64 / N_SERIES as f64);
            in_append = Duration::ZERO;
            bytes_of_series = db.meter().head_bytes.get();
        }
    }
    let wall = env.clock.monotonic() - began;
    let n_samples = (N_SERIES * N_ROUNDS) as f64;
    println!(
        "append: {:.0} samples/s in append alone, {:.0} samples/s with waiting for the disk",
        n_samples / in_append.as_secs_f64(),
        n_samples / wall.as_secs_f64(),
    );
    let meter = db.meter();
    println!(
        "memory: {} B/series and {:.2} B/sample; log: {:.2} B/sample; {} syncs of {:.2} ms",
        bytes_of_series / N_SERIES as i64,
        (meter.head_bytes.get() - bytes_of_series) as f64 / n_samples,
        meter.wal_bytes.get() as f64 / n_samples,
        meter.fsyncs.get(),
        1000.0 * meter.fsync_seconds.sum() / meter.fsyncs.get() as f64,
    );
    Ok(())
}

fn query(db: &Db, env: &Env) -> Result<(), Box<dyn std::error::Error>> {
    let began = env.clock.monotonic();
    let all = Select::floats(Vec::new(), i64::MIN, i64::MAX);
    let mut n_samples = 0;
    for series in db.select(&all)? {
        n_samples += series?.samples.len();
    }
    let took = env.clock.monotonic() - began;
    println!(
        "select: {n_samples} samples, {:.1} ns/sample",
        took.as_nanos() as f64 / n_samples as f64
    );
    Ok(())
}

/// Eight labels, as a scraped series has them.
fn labels_of(i: usize) -> Labels {
    let pairs = [
        ("instance", format!("host-{}.example.org:9100", i / 100)),
        ("job", "node".to_owned()),
        ("device", format!("nvme{}n1", i % 10)),
        ("mountpoint", format!("/var/lib/volume-{}", i % 100)),
        ("fstype", "ext4".to_owned()),
        ("region", "eu-central-1".to_owned()),
        ("cluster", "production-a".to_owned()),
    ];
    Labels::of_metric("node_filesystem_avail_bytes", pairs).expect("the names differ")
}

/// Half counters, a fifth constants, the rest gauges with two decimals.
fn value(series: usize, round: usize) -> f64 {
    let mixed = (series as u64 * 2_654_435_761 + round as u64 * 40_503) % 1000;
    match series % 10 {
        0..5 => (round * 1000) as f64 + (mixed % 50) as f64,
        5..7 => 64.0,
        _ => 20.0 + mixed as f64 / 100.0,
    }
}
