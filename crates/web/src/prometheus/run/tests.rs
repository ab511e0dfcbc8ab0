//! Places, ends and leashes, with queries that run until a test lets them go.

use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use model::{Matcher, Sample};
use parking_lot::{Condvar, Mutex};
use promql::{Engine, LaneWidth, Lanes, Options, QueryValue, StopCheck};
use stdx::SystemClock;
use storage::{Querier, Select, SelectError, Series, SeriesSet};
use tokio::task::JoinHandle;

use super::super::failure::{Failure, Kind};
use super::{Ran, Runner};
use crate::meter::Meter;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// A store with two series whose reading waits at a gate.
#[derive(Default)]
struct Gate {
    /// How many wait, and whether they may pass.
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock();
        state.0 += 1;
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |(_, is_open)| !*is_open);
        state.0 -= 1;
    }

    fn open(&self) {
        self.state.lock().1 = true;
        self.changed.notify_all();
    }

    /// Until so many wait.
    fn crowd(&self, n: usize) {
        self.changed.wait_while(&mut self.state.lock(), |(n_waiting, _)| *n_waiting < n);
    }
}

struct Gated(Arc<Gate>);

impl Querier for Gated {
    fn select(&self, _: &Select) -> Result<SeriesSet, SelectError> {
        let gate = Arc::clone(&self.0);
        let series = ["a", "b"].into_iter().map(move |value| {
            gate.pass();
            let labels = model::Labels::new([("x", value)]).unwrap();
            Ok(Series::of_floats(labels, vec![Sample::new(0, 1.0)]))
        });
        Ok(Box::new(series))
    }

    fn label_values(&self, _: &str, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }

    fn label_names(&self, _: &[Matcher]) -> Result<Vec<String>, SelectError> {
        Ok(Vec::new())
    }
}

/// How many series a query over the store finds.
fn ask(gate: &Arc<Gate>, stop: StopCheck) -> Result<usize, Failure> {
    let options = Options { stop, ..Options::default() };
    let engine = Engine::new(Arc::new(Gated(Arc::clone(gate))), options);
    match engine.instant("{x!=''}", 0)?.value {
        QueryValue::Vector(series) => Ok(series.len()),
        other => panic!("{other:?}"),
    }
}

/// Ten thousand million additions, for which it takes no store.
const DEATH: &str = "max_over_time(sum_over_time(vector(1)[100000s:1s])[100000s:1s])";

/// Begins a query of death.
fn die(stop: StopCheck) -> Result<usize, Failure> {
    let options = Options { stop, ..Options::default() };
    let answer = Engine::new(Arc::new(Gated(Arc::default())), options).instant(DEATH, 0)?;
    Ok(answer.value.n_series())
}

#[derive(Clone)]
struct World {
    lanes: Lanes,
    meter: Arc<Meter>,
    gate: Arc<Gate>,
}

impl World {
    fn new(running_max: usize, waiting_max: usize) -> Self {
        let width = LaneWidth { running_max, waiting_max };
        let lanes = Lanes::new(width, width);
        Self { lanes, meter: Arc::default(), gate: Arc::default() }
    }

    async fn query(self, timeout: Duration) -> Result<Ran<usize>, Failure> {
        let clock = SystemClock::new();
        let runner = Runner { lanes: &self.lanes, meter: &self.meter, clock: &clock };
        let gate = Arc::clone(&self.gate);
        runner.run(timeout, move |stop| ask(&gate, stop)).await
    }

    async fn death(self, timeout: Duration) -> Result<Ran<usize>, Failure> {
        let clock = SystemClock::new();
        let runner = Runner { lanes: &self.lanes, meter: &self.meter, clock: &clock };
        runner.run(timeout, die).await
    }

    /// A query that is under way.
    fn start(&self, timeout: Duration) -> JoinHandle<Result<Ran<usize>, Failure>> {
        tokio::spawn(self.clone().query(timeout))
    }

    /// A query that waits for its turn: the lane is full.
    async fn queued(&self) -> JoinHandle<Result<Ran<usize>, Failure>> {
        let mut query = Box::pin(self.clone().query(LONG));
        // It takes its place when it is first looked at.
        let is_pending = poll_fn(|cx| Poll::Ready(query.as_mut().poll(cx).is_pending())).await;
        assert!(is_pending, "the lane is full");
        tokio::spawn(query)
    }

    /// Until so many queries stand at the gate.
    async fn crowd(&self, n: usize) {
        let gate = Arc::clone(&self.gate);
        tokio::task::spawn_blocking(move || gate.crowd(n)).await.unwrap();
    }

    /// Until so many have run out of time; some may not have begun when their clients are told.
    async fn timed_out(&self, n: u64) {
        while self.meter.queries.timed_out.get() < n {
            tokio::task::yield_now().await;
        }
        self.quiet().await;
        assert_eq!(self.meter.queries.timed_out.get(), n);
    }

    /// Until none runs.
    async fn quiet(&self) {
        while self.meter.queries.running.get() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn kind(result: Result<Ran<usize>, Failure>) -> Kind {
    result.map(|ran| ran.value).unwrap_err().kind
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_run_while_users_fill_their_lane_with_slow_queries() {
    let world = World::new(2, 1);
    let slow = [world.start(LONG), world.start(LONG)];
    world.crowd(2).await;
    let waiting = world.queued().await;
    assert_eq!(kind(world.start(LONG).await.unwrap()), Kind::Busy);
    // A rule: a place on its own lane, and a thread.
    let open = Arc::new(Gate::default());
    open.open();
    for _ in 0..3 {
        let place = world.lanes.rules().enter().await.unwrap();
        let open = Arc::clone(&open);
        let found = tokio::task::spawn_blocking(move || {
            let _place = place;
            ask(&open, StopCheck::never()).unwrap()
        });
        assert_eq!(found.await.unwrap(), 2);
    }
    assert_eq!(world.meter.queries.running.get(), 2, "the slow ones are still there");
    assert!(!waiting.is_finished());
    world.gate.open();
    for task in slow.into_iter().chain([waiting]) {
        assert_eq!(task.await.unwrap().unwrap().value, 2);
    }
    assert_eq!(world.meter.queries.answered.get(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_answered_while_queries_of_death_fill_the_lane_of_users() {
    let world = World::new(3, 2);
    let dying: Vec<_> = (0..5).map(|_| tokio::spawn(world.clone().death(LONG))).collect();
    while world.meter.queries.running.get() < 3 {
        tokio::task::yield_now().await;
    }
    let open = Arc::new(Gate::default());
    open.open();
    for _ in 0..20 {
        let place = world.lanes.rules().enter().await.unwrap();
        let open = Arc::clone(&open);
        let rule = tokio::task::spawn_blocking(move || {
            let _place = place;
            ask(&open, StopCheck::never()).unwrap()
        });
        assert_eq!(rule.await.unwrap(), 2);
    }
    assert_eq!(world.meter.queries.running.get(), 3, "none of them has ended");
    dying.iter().for_each(JoinHandle::abort);
    world.quiet().await;
    assert_eq!(world.meter.queries.answered.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_death_end_when_their_time_is_over() {
    let world = World::new(2, 2);
    let short = Duration::from_millis(5);
    let dying: Vec<_> = (0..4).map(|_| tokio::spawn(world.clone().death(short))).collect();
    for task in dying {
        assert_eq!(kind(task.await.unwrap()), Kind::Timeout);
    }
    world.timed_out(4).await;
    world.gate.open();
    assert_eq!(world.clone().query(LONG).await.unwrap().value, 2, "there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_ends_when_nobody_waits_for_it() {
    let world = World::new(1, 0);
    let task = world.start(LONG);
    world.crowd(1).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(world.meter.queries.running.get(), 1, "the thread has not heard of it yet");
    // The first series passes; before the second the query ends.
    world.gate.open();
    world.quiet().await;
    assert_eq!(world.meter.queries.canceled.get(), 1);
    assert_eq!(world.meter.queries.answered.get(), 0);
    assert_eq!(world.query(LONG).await.unwrap().value, 2, "its place is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_time_is_over_is_answered_at_once_and_ends() {
    let world = World::new(1, 1);
    let short = Duration::from_millis(5);
    let slow = world.clone().query(short).await.map(|ran| ran.value).unwrap_err();
    assert_eq!(slow.kind, Kind::Timeout);
    assert_eq!(slow.message, "query timed out in expression evaluation");
    let queued = world.clone().query(short).await.map(|ran| ran.value).unwrap_err();
    assert_eq!(queued.message, "query timed out in query queue");
    world.gate.open();
    world.timed_out(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_panics_gives_its_place_back() {
    let world = World::new(1, 0);
    let clock = SystemClock::new();
    let runner = Runner { lanes: &world.lanes, meter: &world.meter, clock: &clock };
    let panicking = runner.run(LONG, |_| -> Result<usize, Failure> { panic!("on purpose") });
    assert_eq!(kind(panicking.await), Kind::Internal);
    world.gate.open();
    assert_eq!(world.clone().query(LONG).await.unwrap().value, 2);
}
