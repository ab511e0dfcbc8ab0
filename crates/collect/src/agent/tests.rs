use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use model::Family;

use stdx::Clock as _;

use super::{Config, Handle, Host, Schedule, spawn, spawn_with};
use crate::fixture::{HandClock, roots};
use crate::{CollectError, Collector, Moment, Snapshot};

/// Longer than any collection here takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Beat;

impl Collector for Beat {
    fn name(&self) -> &'static str {
        "beat"
    }

    fn collect(&mut self, moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let beat = Family::gauge("beat", "The moment.");
        out.push(beat.with_value(moment.monotonic.as_secs_f64()));
        Err(CollectError::Malformed {
            source_name: "the heart".into(),
            reason: "it only beats".into(),
        })
    }
}

/// An agent on a clock moved by hand, and the seconds at which it stored.
struct Bench {
    clock: Arc<HandClock>,
    handle: Handle,
    stored: Receiver<f64>,
}

impl Bench {
    fn new() -> Self {
        Self::with_store(|_| {})
    }

    fn with_store(mut also: impl FnMut(&Snapshot) + Send + 'static) -> Self {
        let clock = Arc::new(HandClock::default());
        let host = Host::with_collectors(vec![Box::new(Beat)], clock.clone());
        let (seconds, stored) = sync_channel(100);
        let store = move |snapshot: &Snapshot| {
            seconds.send(snapshot.value("beat").unwrap()).unwrap();
            also(snapshot);
        };
        let schedule = Schedule::new(clock.monotonic(), Duration::from_secs(10));
        let handle = spawn_with(host, schedule, clock.clone(), store).unwrap();
        Self { clock, handle, stored }
    }

    /// Moves the clock and lets the thread look at it.
    fn advance_ms(&self, ms: u64) {
        self.clock.advance_ms(ms);
        self.handle.owner.shared.change(|_| ());
    }

    fn next_stored(&self) -> f64 {
        self.stored.recv_timeout(PATIENCE).unwrap()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn the_store_gets_two_early_snapshots_and_one_per_interval() {
    let bench = Bench::new();
    assert_eq!(bench.next_stored(), 0.0);
    bench.advance_ms(1_000);
    assert_eq!(bench.next_stored(), 1.0);
    bench.advance_ms(9_000);
    assert_eq!(bench.next_stored(), 10.0);
    bench.advance_ms(10_000);
    assert_eq!(bench.next_stored(), 20.0);
    assert!(bench.handle.stop());
    assert!(bench.stored.try_recv().is_err(), "and nothing in between");
    assert_eq!(bench.handle.latest().unwrap().taken_ms, 1_700_000_020_000);
}

#[test]
fn a_watcher_sees_what_is_not_stored() {
    let bench = Bench::new();
    bench.next_stored();
    bench.advance_ms(1_000);
    bench.next_stored();
    let mut watch = bench.handle.watch();
    assert_eq!(bench.handle.meter().watchers.get(), 1);
    let mut next = || wait(watch.next()).and_then(|snapshot| snapshot.value("beat"));
    bench.advance_ms(1_000);
    assert_eq!(next(), Some(2.0));
    bench.advance_ms(1_000);
    assert_eq!(next(), Some(3.0));
    drop(watch);
    assert_eq!(bench.handle.meter().watchers.get(), 0);
    bench.advance_ms(3_000);
    bench.advance_ms(4_000);
    assert_eq!(bench.next_stored(), 10.0);
    assert!(bench.handle.stop());
    let meter = bench.handle.meter();
    assert_eq!(meter.collections.get(), 5, "0 1 2 3 10");
    assert_eq!(meter.stored.get(), 3);
    assert_eq!(meter.collector_errors.get(), 5);
}

#[test]
fn a_new_interval_takes_hold_at_once() {
    let bench = Bench::new();
    bench.next_stored();
    bench.advance_ms(1_000);
    bench.next_stored();
    bench.handle.set_interval(Duration::from_secs(2));
    bench.advance_ms(2_000);
    assert_eq!(bench.next_stored(), 3.0);
    assert!(bench.handle.stop());
}

#[test]
fn a_store_that_panics_loses_one_snapshot() {
    let bench = Bench::with_store(|snapshot| {
        assert!(snapshot.value("beat") != Some(0.0), "not this one");
    });
    bench.next_stored();
    bench.advance_ms(1_000);
    assert_eq!(bench.next_stored(), 1.0);
    assert!(bench.handle.stop());
    let meter = bench.handle.meter();
    assert_eq!((meter.stored.get(), meter.store_panics.get()), (1, 1));
}

#[test]
fn stopping_ends_the_thread_and_every_watch() {
    let bench = Bench::new();
    bench.next_stored();
    let mut watch = bench.handle.watch();
    assert!(bench.handle.stop());
    assert!(bench.handle.stop(), "stopping twice is fine");
    let end = async { while watch.next().await.is_some() {} };
    wait(end);
    assert!(bench.stored.recv().is_err(), "the store is gone with its thread");
}

#[test]
fn the_agent_stops_with_its_last_handle() {
    let bench = Bench::new();
    bench.next_stored();
    let other = bench.handle.clone();
    drop(bench.handle);
    assert!(other.latest().is_some());
    drop(other);
    assert!(bench.stored.recv().is_err());
}

/// A store that hangs: stopping does not wait for it longer than it says.
#[test]
fn stopping_leaves_a_hung_collection_behind() {
    let (release, held) = sync_channel::<()>(0);
    let bench = Bench::with_store(move |_| {
        // Ends when the test drops its end.
        let _ = held.recv();
    });
    bench.next_stored();
    assert!(!bench.handle.stop());
    drop(release);
    assert!(bench.handle.stop());
}

#[test]
fn the_real_host_runs_on_a_fixture_tree() {
    let env = stdx::Env::system();
    let config = Config { roots: roots("guardian/server"), ..Config::default() };
    let (send, stored) = sync_channel(1);
    let store = move |snapshot: &Snapshot| send.send(snapshot.clone()).unwrap();
    let handle = spawn(&config, &env, store).unwrap();
    let snapshot = stored.recv_timeout(PATIENCE).unwrap();
    assert_eq!(snapshot.value("cpu_logical_count"), Some(2.0));
    assert_eq!(snapshot.value("memory_virtual_percent"), Some(37.5));
    assert!(handle.stop());
}
