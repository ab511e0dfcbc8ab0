//! selinux: whether it is on, how strict it is, and how its cache does.

use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::{Attributes, number};
use super::table::{Column, Table};
use crate::{CollectError, Collector, Moment, Roots, roots};

/// Columns of `avc/cache_stats`, which has a line per CPU.
const CACHE: &[Column] = &[
    Column::counter("lookups", "node_selinux_avc_lookups_total", "Lookups in the cache."),
    Column::counter("hits", "node_selinux_avc_hits_total", "Lookups that found an entry."),
    Column::counter("misses", "node_selinux_avc_misses_total", "Lookups that found none."),
    Column::counter("allocations", "node_selinux_avc_allocations_total", "Entries made."),
    Column::counter("reclaims", "node_selinux_avc_reclaims_total", "Entries given up for room."),
    Column::counter("frees", "node_selinux_avc_frees_total", "Entries freed."),
];

const SETTINGS: &[Column] = &[
    Column::gauge(
        "config_mode",
        "node_selinux_config_mode",
        "Configured mode: 1 enforcing, 0 permissive, -1 disabled.",
    ),
    Column::gauge("enforce", "node_selinux_current_mode", "1 enforcing, 0 permissive."),
    Column::gauge("avc/cache_threshold", "node_selinux_avc_threshold", "Entries the cache keeps."),
];

pub(super) struct Selinux {
    roots: Arc<Roots>,
}

impl Selinux {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }

    fn config_mode(&self) -> f64 {
        let text = roots::read(&self.roots.root.join("etc/selinux/config")).unwrap_or_default();
        let mut modes = text.lines().filter_map(|line| line.trim().strip_prefix("SELINUX="));
        match modes.next().map(str::trim) {
            Some("enforcing") => 1.0,
            Some("permissive") => 0.0,
            _ => -1.0,
        }
    }
}

impl Collector for Selinux {
    fn name(&self) -> &'static str {
        "selinux"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let files = Attributes::open(&self.roots.sys.join("fs/selinux"));
        let files = files.filter(|files| files.number("enforce").is_some());
        let on = if files.is_some() { 1.0 } else { 0.0 };
        out.push(Family::gauge("node_selinux_enabled", "1 while SELinux is on.").with_value(on));
        let Some(files) = files else {
            return Ok(());
        };
        let no_labels = Labels::default();
        let mut settings = Table::new(SETTINGS);
        settings.row(&no_labels, |column| match column.source {
            "config_mode" => Some(self.config_mode()),
            file => files.number(file),
        });
        settings.finish(out);

        let text = files.line("avc/cache_stats").unwrap_or_default();
        let mut cache = Table::new(CACHE);
        cache.row(&no_labels, |column| sum_of_column(&text, column.source));
        cache.finish(out);
        Ok(())
    }
}

fn sum_of_column(text: &str, word: &str) -> Option<f64> {
    let mut lines = text.lines();
    let column = lines.next()?.split_ascii_whitespace().position(|found| found == word)?;
    let values = lines.filter_map(|line| number(line.split_ascii_whitespace().nth(column)?));
    Some(values.sum())
}
