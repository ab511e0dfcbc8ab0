use model::{STALE_MARKER_BITS, Sample};

use super::{Grid, onto_grid, rate, sum};

fn samples(pairs: &[(i64, f64)]) -> Vec<Sample> {
    pairs.iter().map(|(s, value)| Sample::new(s * 1000, *value)).collect()
}

fn grid(start_s: i64, step_s: i64, n_points: usize) -> Grid {
    Grid { start_ms: start_s * 1000, step_ms: step_s * 1000, n_points }
}

#[test]
fn a_grid_covers_its_range_with_readable_steps() {
    let grid = Grid::covering(7_000, 907_000, 500);
    assert_eq!((grid.start_ms, grid.step_ms), (6_000, 2_000));
    assert_eq!(grid.time(grid.n_points - 1), 908_000, "the newest samples are in the last span");
    let week = Grid::covering(0, 7 * 86_400_000, 500);
    assert_eq!(week.step_ms, 1_800_000);
    assert_eq!(Grid::covering(5000, 5000, 10).n_points, 1);
    let century = Grid::covering(0, 100 * 365 * 86_400_000, 100);
    assert!(century.n_points <= 102 && century.step_ms % 86_400_000 == 0);
}

#[test]
fn rates_survive_a_restart_of_the_counter() {
    let rates = rate(&samples(&[(0, 10.0), (10, 30.0), (20, 5.0)]));
    let pairs: Vec<_> = rates.iter().map(|s| (s.t_ms, s.value)).collect();
    assert_eq!(pairs, [(10_000, 2.0), (20_000, 0.5)]);
}

#[test]
fn a_coarse_grid_shows_means_and_a_fine_one_holds_the_last_value() {
    let line = samples(&[(10, 1.0), (20, 3.0), (30, 5.0), (40, 7.0)]);
    assert_eq!(onto_grid(&line, grid(20, 20, 2)), [Some(2.0), Some(6.0)]);
    let fine = onto_grid(&line, grid(5, 5, 5));
    assert_eq!(fine, [None, Some(1.0), Some(1.0), Some(3.0), Some(3.0)]);
}

#[test]
fn a_silent_or_ended_series_breaks_its_line() {
    let mut line = samples(&[(10, 1.0), (20, 1.0), (30, 1.0)]);
    let silent = onto_grid(&line, grid(30, 10, 5));
    assert_eq!(silent, [Some(1.0), Some(1.0), Some(1.0), None, None]);
    line.push(Sample::new(40_000, f64::from_bits(STALE_MARKER_BITS)));
    assert_eq!(onto_grid(&line, grid(30, 10, 3)), [Some(1.0), None, None]);
}

#[test]
fn sums_skip_what_is_absent() {
    let all = [vec![Some(1.0), None, None], vec![Some(2.0), Some(2.0), None]];
    assert_eq!(sum(&all), [Some(3.0), Some(2.0), None]);
}
