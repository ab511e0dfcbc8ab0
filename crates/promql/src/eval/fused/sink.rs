//! Sink: where the values of a stream go, series by series.

use std::sync::Arc;

use model::Labels;

use super::super::answer::{Point, QueryError, Value};
use super::super::budget::{Budget, Held};
use super::super::row::Row;
use super::is_absent;

/// See the head of this file.
pub(super) trait Sink {
    /// The labels of the next key.
    ///
    /// # Errors
    /// They are too much to hold.
    fn key(&mut self, labels: &Arc<Labels>) -> Result<(), QueryError>;

    /// The numbers of a series from a step on, the first and the last of which are there; `t_ms`
    /// are all steps.
    ///
    /// # Errors
    /// They are too much to hold.
    fn numbers(
        &mut self,
        key: usize,
        numbers: (usize, &[f64]),
        t_ms: &[i64],
        budget: &mut Budget,
    ) -> Result<(), QueryError>;

    /// The values of a series, histograms among them; false if it cannot take these.
    ///
    /// # Errors
    /// They are too much to hold.
    fn points(
        &mut self,
        key: usize,
        points: Vec<Point>,
        budget: &mut Budget,
    ) -> Result<bool, QueryError>;
}

/// Makes a row of each series.
#[derive(Debug)]
pub(super) struct RowSink {
    drops_name: bool,
    keys: Vec<Arc<Labels>>,
    rows: Vec<Row>,
}

impl RowSink {
    /// Of a stream that drops names or does not.
    pub(super) fn new(drops_name: bool) -> Self {
        Self { drops_name, keys: Vec::new(), rows: Vec::new() }
    }

    /// The rows, in the order in which the series came.
    pub(super) fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    fn push(&mut self, key: usize, points: Vec<Point>) {
        let labels = self.keys[key].clone();
        self.rows.push(Row { labels, drops_name: self.drops_name, points });
    }
}

impl Sink for RowSink {
    fn key(&mut self, labels: &Arc<Labels>) -> Result<(), QueryError> {
        self.keys.push(labels.clone());
        Ok(())
    }

    fn numbers(
        &mut self,
        key: usize,
        (first, values): (usize, &[f64]),
        t_ms: &[i64],
        budget: &mut Budget,
    ) -> Result<(), QueryError> {
        let n = values.iter().filter(|value| !is_absent(**value)).count();
        take_points(budget, n)?;
        let mut points = Vec::with_capacity(n);
        for (t_ms, value) in t_ms[first..].iter().zip(values) {
            if !is_absent(*value) {
                points.push(Point { t_ms: *t_ms, value: Value::Float(*value) });
            }
        }
        self.push(key, points);
        Ok(())
    }

    fn points(
        &mut self,
        key: usize,
        points: Vec<Point>,
        budget: &mut Budget,
    ) -> Result<bool, QueryError> {
        take_points(budget, points.len())?;
        self.push(key, points);
        Ok(true)
    }
}

/// Asks for points of a series whose labels are held.
fn take_points(budget: &mut Budget, n: usize) -> Result<(), QueryError> {
    let n_bytes = n.saturating_mul(size_of::<Point>());
    budget.take(Held { n_samples: n, n_series: 0, n_bytes })
}
