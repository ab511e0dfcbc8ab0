//! Spread: which forms of a column are worth a closer look, by how far its numbers, its steps and
//! its bends lie from their means. To fit a form takes several passes over the column; this takes
//! a part of one, and rarely leaves out the form that is best.

use super::Form;

/// Shorter columns are tried in every form.
const NUMBERS_MIN: usize = 64;
/// One in so many numbers is looked at, with the next two.
const STRIDE: usize = 3;

/// The forms that may be the cheapest.
pub(super) fn hopeful_forms(numbers: &[i64]) -> &'static [Form] {
    use Form::{Bends, Level, Steps};
    match numbers.len() {
        0 | 1 => return &[Level],
        2..NUMBERS_MIN => return &[Level, Steps, Bends],
        _ => {}
    }
    let Spread { level, steps, bends } = Spread::of(numbers);
    // Independent numbers have steps that spread a third further than they do, independent steps
    // have such bends: the first is then noise about a level, the second a walk.
    match (level * 1.25 < steps, steps * 2.0 < level, bends < steps) {
        (true, _, _) => &[Level],
        (false, false, false) => &[Level, Steps],
        (false, false, true) => &[Level, Steps, Bends],
        (false, true, false) => &[Steps],
        (false, true, true) => &[Steps, Bends],
    }
}

/// Sums of absolute distances from the mean.
struct Spread {
    level: f64,
    steps: f64,
    bends: f64,
}

impl Spread {
    fn of(numbers: &[i64]) -> Self {
        let first = numbers[0];
        let float = |number: i64| number.wrapping_sub(first) as f64;
        let n = numbers.len() as f64;
        let sum: f64 = numbers.iter().step_by(STRIDE).map(|number| float(*number)).sum();
        let mean = sum / (n / STRIDE as f64).ceil();
        let mean_step = float(numbers[numbers.len() - 1]) / (n - 1.0);
        let mut spread = Self { level: 0.0, steps: 0.0, bends: 0.0 };
        for three in numbers.as_chunks::<STRIDE>().0 {
            let [a, b, c] = three.map(float);
            spread.level += (a - mean).abs();
            spread.steps += (b - a - mean_step).abs();
            spread.bends += (c - b - (b - a)).abs();
        }
        spread
    }
}
