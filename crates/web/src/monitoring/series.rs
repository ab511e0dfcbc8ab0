//! Stored series as the lines of a chart: a question, the window it is about, and the answer.
//!
//! Both forms of asking read their request into these and share everything after that.

use model::{Labels, METRIC_NAME, Matcher};
use serde::Serialize;
use serde_json::{Map, Value};
use storage::{Querier, Select, SelectError};
use utoipa::ToSchema;

use super::past::{self, Past};
use super::resample::{self, Grid, Line};

/// The most points a line may have.
pub(super) const POINTS_MAX: usize = 2000;
/// More lines than this make no chart.
pub(super) const SERIES_MAX: usize = 1000;
const POINTS_DEFAULT: usize = 500;
/// Without a start: the last quarter of an hour.
const SPAN_DEFAULT_MS: i64 = 15 * 60 * 1000;

/// The time that is looked at, and how finely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    points_max: usize,
}

/// A window whose start lies after its end.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("\"start\" lies after \"end\"")]
pub(super) struct EmptyWindow;

impl Window {
    /// What is absent has its default: an end of now, a start a quarter of an hour before the end.
    pub(super) fn new(
        start_ms: Option<i64>,
        end_ms: Option<i64>,
        points_max: Option<usize>,
        now_ms: i64,
    ) -> Result<Self, EmptyWindow> {
        let end_ms = end_ms.unwrap_or(now_ms);
        let start_ms = start_ms.unwrap_or(end_ms - SPAN_DEFAULT_MS);
        if start_ms > end_ms {
            return Err(EmptyWindow);
        }
        Ok(Self { start_ms, end_ms, points_max: points_max.unwrap_or(POINTS_DEFAULT) })
    }

    /// The times at which lines over this window have points.
    pub(super) fn grid(&self) -> Grid {
        Grid::covering(self.start_ms, self.end_ms, self.points_max)
    }
}

/// Which series to draw, and how.
#[derive(Debug, PartialEq)]
pub(super) struct Question {
    pub(super) metric: String,
    pub(super) conditions: Vec<Matcher>,
    /// A counter's increase per second instead of its value.
    pub(super) rate: bool,
    /// One line that adds all up.
    pub(super) sum: bool,
}

/// One line of a chart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RangeSeries {
    /// Without the metric's name.
    #[schema(value_type = Object)]
    labels: Map<String, Value>,
    /// Pairs of Unix milliseconds and value; null where there is none.
    #[schema(value_type = Vec<Vec<f64>>)]
    points: Vec<(i64, Option<f64>)>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// The conditions leave more lines than a chart can show.
    #[error("more than {SERIES_MAX} series match, add a condition on a label")]
    TooManySeries,
    /// The store could not be read.
    #[error(transparent)]
    Select(#[from] SelectError),
}

/// Reads `name=value` or `name!=value`; of any other text, says what was expected.
pub(super) fn read_condition(text: &str) -> Result<Matcher, String> {
    let fail = || format!("expected name=value or name!=value, got {text:?}");
    let (name, value) = text.split_once('=').ok_or_else(fail)?;
    match name.strip_suffix('!') {
        _ if name.is_empty() || name == "!" => Err(fail()),
        Some(name) => Ok(Matcher::not_equal(name, value)),
        None => Ok(Matcher::equal(name, value)),
    }
}

/// The lines that a question finds in a window.
pub(super) fn answer(
    querier: &dyn Querier,
    window: Window,
    question: &Question,
) -> Result<Vec<RangeSeries>, AnswerError> {
    let grid = window.grid();
    let (mut labels, mut lines): (Vec<Labels>, Vec<Line>) =
        lines(querier, window, question)?.into_iter().unzip();
    if question.sum && !lines.is_empty() {
        lines = vec![resample::sum(&lines)];
        labels = vec![Labels::default()];
    }
    let with_points = |(labels, line): (Labels, Line)| RangeSeries {
        labels: label_object(&labels),
        points: grid.points(&line),
    };
    Ok(labels.into_iter().zip(lines).map(with_points).collect())
}

/// The same, each by itself, in the order of their labels.
fn lines(
    querier: &dyn Querier,
    window: Window,
    question: &Question,
) -> Result<Vec<(Labels, Line)>, AnswerError> {
    let (grid, all) = (window.grid(), select(window, question));
    let to_samples = if question.rate { past::rates } else { past::means };
    let mut past = Past::read(querier, &all, grid, SERIES_MAX, to_samples)?;
    let left = past.after(all);
    let mut lines = Vec::new();
    if left.start_ms <= left.end_ms {
        for series in querier.select(&left)? {
            let series = series?;
            let line = match question.rate {
                true => resample::onto_grid(&resample::rate(&series.samples), grid),
                false => resample::onto_grid(&series.samples, grid),
            };
            let line = past.continued(&series.labels, grid, line);
            if lines.len() + past.len() >= SERIES_MAX {
                return Err(AnswerError::TooManySeries);
            }
            lines.push((series.labels, line));
        }
    }
    if lines.len() + past.len() > SERIES_MAX {
        return Err(AnswerError::TooManySeries);
    }
    if past.len() > 0 {
        lines.extend(past.into_rest());
        lines.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(lines)
}

fn select(window: Window, question: &Question) -> Select {
    let mut matchers = vec![Matcher::equal(METRIC_NAME, question.metric.as_str())];
    matchers.extend(question.conditions.iter().cloned());
    Select::floats(matchers, window.start_ms, window.end_ms)
}

fn label_object(labels: &Labels) -> Map<String, Value> {
    let others = labels.iter().filter(|label| label.name != METRIC_NAME);
    others.map(|label| (label.name.clone(), Value::from(label.value.clone()))).collect()
}
