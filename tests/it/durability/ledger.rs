//! Ledger: what was sent in a round, split by whether the server has acknowledged it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What clients can check of one item after a restart; equal or not.
pub(super) type Mark = i64;

/// All items of one kind, by name. No name is sent twice, so that a second row is a double.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// With what must be found under the name.
    pub(super) acknowledged: BTreeMap<String, Mark>,
    /// Not answered, or refused: may be there or not. Names of one set stand or fall together.
    pub(super) unknown: Vec<BTreeSet<String>>,
}

impl Sent {
    /// One request's items, with their marks.
    pub(super) fn note(
        &mut self,
        is_acknowledged: bool,
        items: impl Iterator<Item = (String, Mark)>,
    ) {
        if is_acknowledged {
            self.acknowledged.extend(items);
        } else {
            self.unknown.push(items.map(|(name, _)| name).collect());
        }
    }

    fn absorb(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unknown.extend(other.unknown);
    }
}

/// The kinds of items, as people read them.
pub(super) const KINDS: [&str; 7] = [
    "metrics",
    "batched metrics",
    "services",
    "pipelines",
    "failures",
    "alerts",
    "acknowledgements",
];

/// What one or all clients of a round have sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By series and serial number; the mark is the time of day.
    pub(super) metrics: Sent,
    /// The same, sent many at a time.
    pub(super) batched: Sent,
    /// By name; the mark is the number of its last report.
    pub(super) services: Sent,
    /// By type; the mark is the id.
    pub(super) pipelines: Sent,
    /// Alerts that a failed pipeline raised, by their message; the mark is the pipeline's id.
    pub(super) failures: Sent,
    /// By title; the mark is the id.
    pub(super) alerts: Sent,
    /// By the alert's title; the mark is the client.
    pub(super) acknowledgements: Sent,
    /// Requests answered with success.
    pub(super) n_acknowledged: u64,
    /// How many requests were answered with anything else, by status.
    pub(super) refusals: BTreeMap<u16, u64>,
}

impl Ledger {
    pub(super) fn kinds(&self) -> [&Sent; KINDS.len()] {
        [
            &self.metrics,
            &self.batched,
            &self.services,
            &self.pipelines,
            &self.failures,
            &self.alerts,
            &self.acknowledgements,
        ]
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.metrics.absorb(other.metrics);
        self.batched.absorb(other.batched);
        self.services.absorb(other.services);
        self.pipelines.absorb(other.pipelines);
        self.failures.absorb(other.failures);
        self.alerts.absorb(other.alerts);
        self.acknowledgements.absorb(other.acknowledgements);
        self.n_acknowledged += other.n_acknowledged;
        add_up(&mut self.refusals, other.refusals);
    }
}

/// Adds counts by status to others.
pub(super) fn add_up(counts: &mut BTreeMap<u16, u64>, others: BTreeMap<u16, u64>) {
    for (status, n) in others {
        *counts.entry(status).or_default() += n;
    }
}

/// One life of the server under load.
#[derive(Debug)]
pub(crate) struct Round {
    /// From 1.
    pub(super) number: u32,
    /// How long the clients were answered.
    pub(super) took: Duration,
    pub(super) sent: Ledger,
}

impl Round {
    pub(super) fn n_acknowledged(&self) -> u64 {
        self.sent.n_acknowledged
    }

    /// How many requests were answered with anything but success, by status.
    pub(crate) fn refusals(&self) -> &BTreeMap<u16, u64> {
        &self.sent.refusals
    }

    /// Acknowledged requests per second.
    pub(super) fn rate(&self) -> u64 {
        (self.n_acknowledged() as f64 / self.took.as_secs_f64()) as u64
    }
}
