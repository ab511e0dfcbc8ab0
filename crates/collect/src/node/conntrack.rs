//! conntrack: the firewall's connection table.

use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::Attributes;
use super::table::{Column, Table};
use crate::{CollectError, Collector, Moment, Roots};

const SIZES: &[Column] = &[
    Column::gauge("nf_conntrack_count", "node_nf_conntrack_entries", "Connections tracked."),
    Column::gauge(
        "nf_conntrack_max",
        "node_nf_conntrack_entries_limit",
        "Connections that can be tracked.",
    ),
];

/// Counters by nature; gauges because that is how node_exporter has always shown them.
const COUNTS: &[Column] = &[
    Column::gauge("found", "node_nf_conntrack_stat_found", "Lookups that found a connection."),
    Column::gauge("invalid", "node_nf_conntrack_stat_invalid", "Packets that cannot be tracked."),
    Column::gauge("ignore", "node_nf_conntrack_stat_ignore", "Packets already tracked."),
    Column::gauge("insert", "node_nf_conntrack_stat_insert", "Connections entered."),
    Column::gauge(
        "insert_failed",
        "node_nf_conntrack_stat_insert_failed",
        "Connections that could not be entered, mostly because they were there.",
    ),
    Column::gauge(
        "drop",
        "node_nf_conntrack_stat_drop",
        "Packets dropped because their connection could not be tracked.",
    ),
    Column::gauge(
        "early_drop",
        "node_nf_conntrack_stat_early_drop",
        "Connections given up early because the table was full.",
    ),
    Column::gauge(
        "search_restart",
        "node_nf_conntrack_stat_search_restart",
        "Lookups repeated because the table was resized.",
    ),
];

pub(super) struct Conntrack {
    roots: Arc<Roots>,
}

impl Conntrack {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Conntrack {
    fn name(&self) -> &'static str {
        "conntrack"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.proc.join("sys/net/netfilter");
        let netfilter = Attributes::open(&dir).ok_or(CollectError::Absent)?;
        let no_labels = Labels::default();
        let mut sizes = Table::new(SIZES);
        sizes.row(&no_labels, |column| netfilter.number(column.source));
        sizes.finish(out);

        let text = self.roots.read_proc("net/stat/nf_conntrack")?;
        let mut counts = Table::new(COUNTS);
        counts.row(&no_labels, |column| sum_over_cpus(&text, column.source));
        counts.finish(out);
        Ok(())
    }
}

/// A line of words, then a line of hexadecimal numbers per CPU.
fn sum_over_cpus(text: &str, word: &str) -> Option<f64> {
    let mut lines = text.lines();
    let mut words = lines.next()?.split_ascii_whitespace();
    let column = words.position(|found| found == word)?;
    let counts = lines.filter_map(|line| {
        let field = line.split_ascii_whitespace().nth(column)?;
        u64::from_str_radix(field, 16).ok()
    });
    Some(counts.map(|count| count as f64).sum())
}
