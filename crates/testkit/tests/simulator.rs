//! The sample store against crashes, faults and time, by seed. `SIM_SEEDS=n` runs more of them,
//! `SIM_SEED=n` replays one.

#![expect(clippy::disallowed_methods, reason = "a test takes its size from the environment")]

use std::env;
use std::thread;

use testkit::simulator::{Failure, Options, Report, run};

fn seed_count() -> u64 {
    let seeds = env::var("SIM_SEEDS").ok();
    seeds.map_or(2000, |n| n.parse().expect("SIM_SEEDS is a number"))
}

fn run_or_panic(seed: u64) -> Report {
    run(seed, &Options::default()).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn nothing_acknowledged_is_lost() {
    if let Ok(seed) = env::var("SIM_SEED") {
        let report = run_or_panic(seed.parse().expect("SIM_SEED is a number"));
        println!("{report:?}");
        return;
    }
    let n_threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let share = |first: u64| {
        let seeds = (first..seed_count()).step_by(n_threads as usize);
        seeds.map(|seed| run(seed, &Options::default())).collect::<Vec<_>>()
    };
    let results: Vec<Result<Report, Failure>> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..n_threads).map(|first| scope.spawn(move || share(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no seed panics")).collect()
    });
    let mut total = Report::default();
    let mut failures = Vec::new();
    for result in results {
        match result {
            Ok(report) => total += report,
            Err(failure) => failures.push(failure),
        }
    }
    failures.sort_by_key(|failure| failure.seed);
    for failure in &failures {
        println!("{failure}\n");
    }
    assert!(failures.is_empty(), "{} of {} seeds failed", failures.len(), seed_count());
    println!("{total:?}");
    // A simulator that does nothing finds nothing.
    if seed_count() < 50 {
        return;
    }
    assert!(total.n_acknowledged > 10_000, "{total:?}");
    assert!(total.n_failed_commits > 100, "{total:?}");
    assert!(total.n_refused > 100, "{total:?}");
    assert!(total.n_power_cuts > 100, "{total:?}");
    assert!(total.n_kills > 100, "{total:?}");
    assert!(total.n_flushes > 100, "{total:?}");
    assert!(total.n_compactions > 20, "{total:?}");
    assert!(total.n_deletions > 50, "{total:?}");
    assert!(total.n_snapshots > 50, "{total:?}");
    assert!(total.n_imports > 10, "{total:?}");
    assert!(total.n_oversize > 5, "{total:?}");
    assert!(total.n_damaged > 50, "{total:?}");
    assert!(total.n_losses > 20, "{total:?}");
    assert!(total.n_rollups > 1000, "{total:?}");
    assert!(total.n_rollup_checks > 500, "{total:?}");
    assert!(total.n_outlived > 1000, "{total:?}");
    assert!(total.n_rolls_stopped > 5, "{total:?}");
}

#[test]
fn a_seed_replays() {
    for seed in 0..5 {
        assert_eq!(run_or_panic(seed), run_or_panic(seed), "seed {seed}");
    }
    assert_ne!(run_or_panic(1).trace_hash, run_or_panic(2).trace_hash);
}
