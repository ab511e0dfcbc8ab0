//! Sparkline: the values of a series over time on one line.

use std::io::{self, Write};

use super::answer::{Data, Series, ms};
use super::times::Times;

/// Columns of a drawing, at most.
const COLUMNS: usize = 60;
/// From low to high.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Writes a line a series: its name, a drawing, its smallest, largest and last value. Where the
/// series has no value, the drawing has a blank.
pub(super) fn write(data: &Data, times: &Times, out: &mut impl Write) -> io::Result<()> {
    let (Data::Matrix(all), Times::Range { .. }) = (data, times) else { return Ok(()) };
    let drawn: Vec<(String, String)> =
        all.iter().map(|series| (series.name(), line(series, times))).collect();
    let name_chars = drawn.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, line) in drawn {
        writeln!(out, "{name:<name_chars$}  {line}")?;
    }
    Ok(())
}

fn line(series: &Series, times: &Times) -> String {
    let points = series.points();
    let read = |(t, value): &(f64, String)| Some((ms(*t), value.parse::<f64>().ok()?));
    let values: Vec<(i64, f64)> = points.iter().filter_map(read).collect();
    let finite: Vec<f64> =
        values.iter().map(|(_, value)| *value).filter(|v| v.is_finite()).collect();
    let Some((_, last)) = points.last() else { return String::new() };
    let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let cells = averages(&values, times);
    if finite.is_empty() {
        return format!("{}  last {last}", " ".repeat(cells.len()));
    }
    let drawing: String = cells.iter().map(|cell| bar(*cell, low, high)).collect();
    format!("{drawing}  min {low}  max {high}  last {last}")
}

/// The average of what falls into each column; of few values, each has one of its own.
fn averages(values: &[(i64, f64)], times: &Times) -> Vec<Option<f64>> {
    let Times::Range { start_ms, end_ms, step_ms } = *times else { return Vec::new() };
    let n_steps = (end_ms.saturating_sub(start_ms) / step_ms.max(1)).saturating_add(1);
    let n_columns = usize::try_from(n_steps).map_or(COLUMNS, |n| n.clamp(1, COLUMNS));
    let mut sums = vec![(0.0, 0.0); n_columns];
    for (t_ms, value) in values.iter().filter(|(_, value)| value.is_finite()) {
        let step = t_ms.saturating_sub(start_ms) / step_ms.max(1);
        let share = step as f64 / n_steps as f64;
        // A cast of a float takes the nearest integer that there is.
        let column = ((share * n_columns as f64 + 0.001) as usize).min(n_columns - 1);
        sums[column].0 += value;
        sums[column].1 += 1.0;
    }
    sums.into_iter().map(|(sum, n)| (n > 0.0).then(|| sum / n)).collect()
}

fn bar(value: Option<f64>, low: f64, high: f64) -> char {
    let Some(value) = value else { return ' ' };
    // Halves, so that the width of the largest floats does not overflow.
    let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    if !share.is_finite() {
        return BARS[0];
    }
    BARS[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)]
}
