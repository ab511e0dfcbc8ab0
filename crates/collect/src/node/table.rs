//! Tables: families that share their labels, one per column of a kernel table.

use std::collections::HashSet;

use model::{Family, Labels, MetricKind};

/// How a column's number becomes the metric's unit.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    /// As it stands.
    One,
    /// Multiplied, as sectors to bytes.
    Times(f64),
    /// Divided, as milliseconds to seconds.
    Over(f64),
}

impl Scale {
    pub(super) fn apply(self, value: f64) -> f64 {
        match self {
            Self::One => value,
            Self::Times(factor) => value * factor,
            Self::Over(divisor) => value / divisor,
        }
    }
}

/// One column: the file or field it comes from and the family it becomes.
pub(super) struct Column {
    /// The kernel's word, where columns are read by name.
    pub(super) source: &'static str,
    name: &'static str,
    help: &'static str,
    kind: MetricKind,
    scale: Scale,
}

impl Column {
    pub(super) const fn gauge(
        source: &'static str,
        name: &'static str,
        help: &'static str,
    ) -> Self {
        Self { source, name, help, kind: MetricKind::Gauge, scale: Scale::One }
    }

    pub(super) const fn counter(
        source: &'static str,
        name: &'static str,
        help: &'static str,
    ) -> Self {
        Self { kind: MetricKind::Counter, ..Self::gauge(source, name, help) }
    }

    pub(super) const fn scaled(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }
}

/// The families of a list of columns while their rows are read.
pub(super) struct Table {
    columns: &'static [Column],
    families: Vec<Family>,
    begun: HashSet<Labels>,
}

impl Table {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        let family = |column: &Column| Family::new(column.name, column.help, column.kind);
        Self { columns, families: columns.iter().map(family).collect(), begun: HashSet::new() }
    }

    /// Whether no row with these labels has begun. The kernel writes a long table in pieces, and a
    /// device that moves in between appears twice.
    pub(super) fn begins(&mut self, labels: &Labels) -> bool {
        self.begun.insert(labels.clone())
    }

    /// Puts the kernel's number into a column.
    pub(super) fn put(&mut self, column: usize, labels: &Labels, value: f64) {
        let value = self.columns[column].scale.apply(value);
        self.families[column].push(labels.clone(), value);
    }

    /// One row: `read` says the number behind each column, if there is one.
    pub(super) fn row(&mut self, labels: &Labels, read: impl Fn(&Column) -> Option<f64>) {
        for (i, column) in self.columns.iter().enumerate() {
            if let Some(value) = read(column) {
                self.put(i, labels, value);
            }
        }
    }

    /// Adds the families that have points.
    pub(super) fn finish(self, out: &mut Vec<Family>) {
        let filled = |family: &Family| !family.points.is_empty();
        out.extend(self.families.into_iter().filter(filled));
    }
}

/// Labels whose names are constants of ours.
pub(super) fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Labels {
    Labels::new(pairs).expect("the label names of a family are distinct and not empty")
}
