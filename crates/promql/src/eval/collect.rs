//! Collecting: the elements of each step, put into rows by their labels.

use std::collections::HashMap;
use std::sync::Arc;

use model::Labels;

use super::answer::{Point, QueryError, same_labels};
use super::budget::{Budget, LABELS_WORK};
use super::row::Row;

/// Rows in the order of their first appearance.
#[derive(Debug, Default)]
pub(super) struct Collector {
    rows: Vec<Row>,
    places: HashMap<Arc<Labels>, usize>,
}

impl Collector {
    /// The place of the row with these labels, added if it is new.
    pub(super) fn place(&mut self, labels: &Arc<Labels>) -> usize {
        if let Some(place) = self.places.get(labels) {
            return *place;
        }
        let place = self.rows.len();
        self.places.insert(labels.clone(), place);
        self.rows.push(Row::new(labels.clone(), false));
        place
    }

    /// The labels of the row at this place.
    pub(super) fn labels(&self, place: usize) -> Arc<Labels> {
        self.rows[place].labels.clone()
    }

    /// Adds a point to the row at this place; the last one decides whether names are dropped.
    ///
    /// # Errors
    /// The row has a point of this time already.
    pub(super) fn add(
        &mut self,
        place: usize,
        drops_name: bool,
        point: Point,
    ) -> Result<(), QueryError> {
        let row = &mut self.rows[place];
        if row.points.last().is_some_and(|last| last.t_ms == point.t_ms) {
            return same_labels();
        }
        row.drops_name = drops_name;
        row.points.push(point);
        Ok(())
    }

    /// Adds points of any time to the row with these labels.
    ///
    /// # Errors
    /// The query should stop.
    pub(super) fn join(
        &mut self,
        labels: &Arc<Labels>,
        (drops_name, points): (bool, Vec<Point>),
        budget: &mut Budget,
    ) -> Result<(), QueryError> {
        budget.work(LABELS_WORK)?;
        let place = self.place(labels);
        let row = &mut self.rows[place];
        row.drops_name |= drops_name;
        match row.points.is_empty() {
            true => row.points = points,
            false => row.points.extend(points),
        }
        Ok(())
    }

    /// The rows that were joined, in the order of time.
    ///
    /// # Errors
    /// Two points of a row have the same time; the query should stop.
    pub(super) fn joined_rows(self, budget: &mut Budget) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.rows();
        for row in &mut rows {
            budget.work(row.points.len())?;
            if !row.points.is_sorted_by_key(|point| point.t_ms) {
                row.points.sort_by_key(|point| point.t_ms);
            }
            if row.points.windows(2).any(|pair| pair[0].t_ms == pair[1].t_ms) {
                return same_labels();
            }
        }
        Ok(rows)
    }

    /// The rows that have points. Those of a single step stand in the order in which their points
    /// came.
    pub(super) fn rows(self) -> Vec<Row> {
        self.rows.into_iter().filter(|row| !row.points.is_empty()).collect()
    }
}
