//! Differential: random queries over the same samples, asked of ours and of Debian's Prometheus
//! 2.42. Whatever both do not answer alike must be something that Prometheus 3 changed, each such
//! change with a reason of its own.
//!
//! ```text
//! PHAROS_QUERY_SEED=7          other queries and other data; the printed seed repeats a run
//! PHAROS_QUERIES=100000        more of them
//! PHAROS_QUERY=123             the question of this number alone
//! ```

mod answer;
mod data;
mod dice;
mod generate;
mod query;
mod reasons;
mod sides;
mod smallest;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::durability::environment;
use answer::difference;
use dice::Dice;
use sides::{Question, Sides};

/// What a run of the tests asks; `make soak` asks more, and each time others.
const N_QUERIES: u64 = 2_500;
/// How many questions are open at once: most of the time is spent on the way to the servers.
const N_LANES: u64 = 4;
const SEED: u64 = 1;
/// Up to which share of a value two answers are the same. Both compute with the same 53 bits in
/// nearly the same order: what differs are the last few bits of sums and of functions such as the
/// logarithm, 1e-15 each, which a query adds up.
pub(crate) const TOLERANCE: f64 = 1e-12;
/// So many unexplained differences are shown, the others counted.
const N_SHOWN: usize = 10;
/// Of all questions, in percent: a run that compares nothing has tested nothing.
const COMPARED_MIN: u64 = 50;

#[test]
fn prometheus_answers_the_same() {
    let seed = environment("PHAROS_QUERY_SEED").unwrap_or(SEED);
    let Some(sides) = Sides::start(&data::lines(seed)) else { return };
    let only: Option<u64> = environment("PHAROS_QUERY");
    let numbers = match only {
        Some(nth) => nth..nth + 1,
        None => 0..environment("PHAROS_QUERIES").unwrap_or(N_QUERIES),
    };
    let lane = |first: u64| {
        let mut tally = Tally::default();
        for nth in numbers.clone().skip(first as usize).step_by(N_LANES as usize) {
            tally.examine(&sides, nth, &generate::question(Dice::new(seed, nth)));
        }
        tally
    };
    let tally = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..N_LANES)
            .map(|first| {
                let lane = &lane;
                scope.spawn(move || lane(first))
            })
            .collect();
        let tallies = lanes.into_iter().map(|lane| lane.join().expect("a lane has no panic"));
        tallies.fold(Tally::default(), Tally::with)
    });
    println!("PHAROS_QUERY_SEED={seed} asks the same questions again");
    println!("{tally}");
    assert!(tally.unexplained.is_empty(), "{}", tally.report());
    let n_asked = numbers.end - numbers.start;
    let is_enough = tally.n_with_values * 100 >= n_asked * COMPARED_MIN;
    assert!(is_enough || only.is_some(), "too few questions have an answer: {tally}");
}

/// What became of the questions.
#[derive(Default)]
struct Tally {
    n_asked: u64,
    n_with_values: u64,
    n_refused: u64,
    explained: BTreeMap<&'static str, u64>,
    /// By their numbers.
    unexplained: BTreeMap<u64, String>,
}

impl Tally {
    fn examine(&mut self, sides: &Sides, nth: u64, question: &Question) {
        let pair = sides.ask(question);
        self.n_asked += 1;
        self.n_with_values += u64::from(pair.theirs.says_something());
        self.n_refused += u64::from(!pair.theirs.refusal().is_empty());
        let Some(first) = difference(&pair.ours, &pair.theirs, TOLERANCE) else { return };
        let what = first.what.clone();
        let smallest = smallest::smallest(sides, question, pair, first);
        if let Some(reason) = reasons::reason(&smallest, sides) {
            *self.explained.entry(reason).or_default() += 1;
            return;
        }
        let mut text = format!("PHAROS_QUERY={nth}  {question}\n    {what}\n");
        let _ = write!(text, "  of that {}\n    {}", smallest.question, smallest.difference.what);
        for part in &smallest.parts {
            let _ = write!(text, "\n    from {} and {}", part.ours, part.theirs);
        }
        self.unexplained.insert(nth, text);
    }

    fn with(mut self, other: Self) -> Self {
        self.n_asked += other.n_asked;
        self.n_with_values += other.n_with_values;
        self.n_refused += other.n_refused;
        for (reason, n) in other.explained {
            *self.explained.entry(reason).or_default() += n;
        }
        self.unexplained.extend(other.unexplained);
        self
    }

    fn report(&self) -> String {
        let shown: Vec<&str> =
            self.unexplained.values().take(N_SHOWN).map(String::as_str).collect();
        format!("{} unexplained differences\n{}", self.unexplained.len(), shown.join("\n"))
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { n_asked, n_with_values, n_refused, .. } = self;
        write!(f, "{n_asked} questions, {n_with_values} with values, {n_refused} refused by both")?;
        for (reason, n) in &self.explained {
            write!(f, "\n{n} explained: {reason}")?;
        }
        Ok(())
    }
}
