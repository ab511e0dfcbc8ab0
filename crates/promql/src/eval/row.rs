//! Row: what an expression evaluates to, one label set over all steps.

use std::sync::Arc;

use model::Labels;

use super::answer::{Point, Value};
use super::budget::Held;
use crate::Text;

/// One label set with a point for each step at which it has a value.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Names are still there, even if they are to be dropped.
    pub(super) labels: Arc<Labels>,
    /// Whether the names are dropped at the very end.
    pub(super) drops_name: bool,
    /// In the order of time, at times of steps.
    pub(super) points: Vec<Point>,
}

impl Row {
    /// Without points.
    pub(super) fn new(labels: Arc<Labels>, drops_name: bool) -> Self {
        Self { labels, drops_name, points: Vec::new() }
    }
}

/// What an expression evaluates to.
#[derive(Debug)]
pub(super) enum Evaluated {
    /// A number at each step.
    Scalars(Vec<f64>),
    /// A text, the same at each step.
    Text(Text),
    /// An instant vector at each step.
    Rows(Vec<Row>),
}

/// About what a label costs beside its bytes.
const LABEL_BYTES: usize = 48;

/// How much a series holds.
pub(super) fn held_by(labels: &Labels, n_samples: usize) -> Held {
    let texts: usize = labels.iter().map(|label| label.name.len() + label.value.len()).sum();
    let n_bytes = texts + labels.len() * LABEL_BYTES + n_samples * size_of::<Point>();
    Held { n_samples, n_series: 1, n_bytes }
}

impl Evaluated {
    /// How much it holds.
    pub(super) fn held(&self) -> Held {
        match self {
            Self::Scalars(values) => Held {
                n_samples: values.len(),
                n_series: 0,
                n_bytes: values.len() * size_of::<f64>(),
            },
            Self::Text(text) => Held { n_bytes: text.as_bytes().len(), ..Held::default() },
            Self::Rows(rows) => rows
                .iter()
                .map(|row| held_by(&row.labels, row.points.len()))
                .fold(Held::default(), Held::plus),
        }
    }
}

/// Rows, read step by step.
pub(super) struct StepView<'r> {
    rows: &'r [Row],
    next: Vec<usize>,
}

impl<'r> StepView<'r> {
    pub(super) fn new(rows: &'r [Row]) -> Self {
        Self { rows, next: vec![0; rows.len()] }
    }

    /// The rows that have a value at this time, by their place, into `out`. Times must rise from
    /// call to call.
    pub(super) fn at(&mut self, t_ms: i64, out: &mut Vec<(usize, &'r Value)>) {
        out.clear();
        for (place, (row, next)) in self.rows.iter().zip(&mut self.next).enumerate() {
            while row.points.get(*next).is_some_and(|point| point.t_ms < t_ms) {
                *next += 1;
            }
            if let Some(point) = row.points.get(*next).filter(|point| point.t_ms == t_ms) {
                out.push((place, &point.value));
            }
        }
    }
}
