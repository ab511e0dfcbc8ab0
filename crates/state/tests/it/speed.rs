//! How fast it is; printed, not judged. Run with
//! `cargo test --release -p state -- --ignored --nocapture speed`.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use model::{PipelineStatus, ServiceStatus, Severity};
use state::{Config, State};
use stdx::Env;
use storage::{AlertFilter, Records as _, ServiceFilter};

use crate::world::{T0, alert, pipeline_of, service};

fn open(dir: &tempfile::TempDir) -> Arc<State> {
    let mut config = Config::new(dir.path().join("records.db"));
    config.queue_writes_max = 1_000_000;
    State::open(config, &Env::system()).unwrap()
}

#[test]
#[ignore = "measures"]
fn units_per_second() {
    for n_threads in [1, 32] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let state = open(&dir);
        let n_each = 4_000 / n_threads;
        let started = Instant::now();
        let senders: Vec<_> = (0..n_threads)
            .map(|_| {
                let state = state.clone();
                thread::spawn(move || {
                    for _ in 0..n_each {
                        let unit = vec![alert(Severity::Info, Some("api"), T0)];
                        state.write(unit).unwrap().wait().unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        let seconds = started.elapsed().as_secs_f64();
        let n_units = state.meter().units_written.get();
        let n_transactions = state.meter().transactions.get();
        println!(
            "{n_threads} senders: {:.0} units/s, {:.0} transactions/s",
            n_units as f64 / seconds,
            n_transactions as f64 / seconds
        );
    }
}

#[test]
#[ignore = "measures"]
fn sign_of_life() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir);
    let names: Vec<String> = (0..1_000).map(|idx| format!("service-{idx}")).collect();
    let unit = names.iter().map(|name| service(name, ServiceStatus::Up, T0));
    state.write(unit.collect()).unwrap().wait().unwrap();
    for n_threads in [1, 2] {
        let started = Instant::now();
        let rounds = 3_000;
        thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| {
                    for round in 0..rounds {
                        for name in &names {
                            let noted = state.saw_service(name, T0 + round).unwrap();
                            assert!(noted.is_none());
                        }
                    }
                });
            }
        });
        let n_signs = rounds as f64 * names.len() as f64;
        let nanos = started.elapsed().as_nanos() as f64 / n_signs;
        println!("{n_threads} threads, a sign of life: {nanos:.0} ns each");
    }
}

#[test]
#[ignore = "measures"]
fn a_full_database() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let state = open(&dir);
    let started = Instant::now();
    let mut last = None;
    for idx in 0..1_000_i64 {
        let unit = (0..500).flat_map(|_| {
            let run = pipeline_of("api", "training", PipelineStatus::Completed, T0 + idx);
            [alert(Severity::Info, Some("api"), T0 + idx), run]
        });
        last = Some(state.write(unit.collect()).unwrap());
    }
    last.unwrap().wait().unwrap();
    println!("1 M rows written in {:?}", started.elapsed());
    for severities in [vec![], vec![Severity::Critical, Severity::Error]] {
        let started = Instant::now();
        let filter = AlertFilter {
            severities,
            acknowledged: Some(false),
            limit: 100,
            ..AlertFilter::default()
        };
        let found = state.alerts(&filter).unwrap().len();
        println!("{found} alerts listed in {:?}", started.elapsed());
    }
    drop(state);
    let started = Instant::now();
    let state = open(&dir);
    println!("opened in {:?}", started.elapsed());
    let n_bytes = std::fs::metadata(dir.path().join("records.db")).unwrap().len();
    println!("{} MB", n_bytes >> 20);
    let filter = ServiceFilter { limit: 10, ..ServiceFilter::default() };
    assert_eq!(state.services(&filter).unwrap().len(), 1);
}
