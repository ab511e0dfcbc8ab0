//! The fast evaluation against the plain one: random queries over random series, every bit of every
//! value, every label, the order, and all that is said beside.
//!
//! A failure prints its seed; `FUSED_SEED=N` runs that store alone, `FUSED_STORES=N` so many.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod data;
mod queries;
mod random;

use std::sync::Arc;

use promql::{Answer, Engine, Options, Point, QueryError, QueryValue};

use random::Random;

/// Stores, with so many queries each: 12,000 cases.
const N_STORES: u64 = 1200;
const N_QUERIES: usize = 10;

/// When a query is evaluated.
#[derive(Debug, Clone, Copy)]
struct Times {
    start_ms: i64,
    end_ms: i64,
    /// None of an instant query.
    step_ms: Option<i64>,
}

fn times(random: &mut Random) -> Times {
    let mut start_ms = random.below(data::END_MS as u64) as i64;
    if random.once_in(9) {
        start_ms = start_ms * 2 - 400_000;
    }
    if random.once_in(3) {
        return Times { start_ms, end_ms: start_ms, step_ms: None };
    }
    let step_ms = [15_000, 30_000, 60_000, 7_000, 61_001][random.below(5) as usize];
    let n_steps = random.below(25) as i64;
    let rest_ms = random.below(5_000) as i64;
    Times { start_ms, end_ms: start_ms + n_steps * step_ms + rest_ms, step_ms: Some(step_ms) }
}

fn asked(engine: &Engine, query: &str, times: Times) -> Result<Answer, QueryError> {
    match times.step_ms {
        None => engine.instant(query, times.start_ms),
        Some(step_ms) => engine.range(query, times.start_ms, times.end_ms, step_ms),
    }
}

/// The bits of a value. A NaN that arithmetic made has whichever sign the compiler's choice of
/// instructions gave it, so that only a stale marker is told from others.
fn bits(value: f64) -> u64 {
    if value.is_nan() && !model::is_stale_marker(value) {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// Everything that an answer says, with the bits of all values.
fn told(answer: Result<Answer, QueryError>) -> String {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return format!("error: {error}"),
    };
    let point = |point: &Point| match point.value.float() {
        Some(value) => format!("{value:?} ({:016x}) @{}", bits(value), point.t_ms),
        None => format!("{:?} @{}", point.value, point.t_ms),
    };
    let value = match &answer.value {
        QueryValue::Scalar { t_ms, value } => format!("{value:?} ({:x}) @{t_ms}", bits(*value)),
        QueryValue::Text { t_ms, text } => format!("{text} @{t_ms}"),
        QueryValue::Vector(series) => {
            let lines = series.iter().map(|s| format!("{} {}\n", s.labels, point(&s.point)));
            lines.collect()
        }
        QueryValue::Matrix(series) => {
            let line = |points: &[Point]| points.iter().map(point).collect::<Vec<_>>().join(", ");
            let lines = series.iter().map(|s| format!("{} {}\n", s.labels, line(&s.points)));
            lines.collect()
        }
    };
    format!("{value}{:?}", answer.annotations)
}

/// Compares one store's queries; how many had values, and how many values.
fn compare(seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed);
    let store = Arc::new(data::store(&mut random));
    let engine = |is_plain| {
        let options = Options { is_plain, subquery_step_ms: 30_000, ..Options::default() };
        Engine::new(store.clone(), options)
    };
    let (fused, plain) = (engine(false), engine(true));
    let (mut n_with_values, mut n_values) = (0, 0);
    for _ in 0..N_QUERIES {
        let (query, times) = (queries::query(&mut random), times(&mut random));
        let wanted = told(asked(&plain, &query, times));
        let found = told(asked(&fused, &query, times));
        let n = wanted.matches('@').count();
        n_with_values += usize::from(n > 0);
        n_values += n;
        assert!(
            found == wanted,
            "FUSED_SEED={seed}: {query} {times:?}\nplain: {wanted}\nfused: {found}"
        );
    }
    (n_with_values, n_values)
}

#[expect(clippy::disallowed_methods, reason = "a failure is run again by its seed")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_fast_evaluation_gives_what_the_plain_one_gives() {
    if let Some(seed) = variable("FUSED_SEED") {
        compare(seed);
        return;
    }
    let n_stores = variable("FUSED_STORES").unwrap_or(N_STORES);
    let (mut n_with_values, mut n_values) = (0, 0);
    for seed in 0..n_stores {
        let (with_values, values) = compare(seed);
        n_with_values += with_values;
        n_values += values;
    }
    println!("{n_with_values} queries with {n_values} values");
    // Else the test would prove little.
    assert!(n_with_values as u64 > n_stores * N_QUERIES as u64 * 2 / 5, "{n_with_values}");
}
