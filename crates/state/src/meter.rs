//! What the records say about themselves.

use stdx::meter::{Counter, Gauge, Histogram};

/// Upper bounds in seconds: a commit on a fast disk takes half a millisecond, on a busy one tens.
const TRANSACTION_SECONDS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// Counts of the record database.
#[derive(Debug)]
pub struct Meter {
    /// Units that are durable.
    pub units_written: Counter,
    /// Units that were undone: their own fault, or the database's.
    pub units_failed: Counter,
    /// Units and strangers turned away before they were queued.
    pub refused: Counter,
    /// Transactions committed.
    pub transactions: Counter,
    /// How long a transaction took from its beginning to its commit, in seconds.
    pub transaction_seconds: Histogram,
    /// Transactions that the database did not take.
    pub transactions_failed: Counter,
    /// Signs of life written.
    pub signs_written: Counter,
    /// Services that fell silent.
    pub silences: Counter,
    /// Runs and alerts removed, by age or because there was no room.
    pub rows_pruned: Counter,
    /// Writes that wait.
    pub queue_writes: Gauge,
    /// Services known.
    pub services: Gauge,
    /// Damaged files moved aside.
    pub quarantined: Counter,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            units_written: Counter::default(),
            units_failed: Counter::default(),
            refused: Counter::default(),
            transactions: Counter::default(),
            transaction_seconds: Histogram::new(TRANSACTION_SECONDS),
            transactions_failed: Counter::default(),
            signs_written: Counter::default(),
            silences: Counter::default(),
            rows_pruned: Counter::default(),
            queue_writes: Gauge::default(),
            services: Gauge::default(),
            quarantined: Counter::default(),
        }
    }
}
