//! Own metrics: the names of everything this process counts about itself. Components count without
//! names; here, and only here, each count gets one, so that all label sets are closed.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Family, Labels, MetricKind, Point};
use stdx::meter::{Counter, Gauge, Histogram};
use storage::{Ingest, LimitError};

use crate::process;

/// What a reload did, kept by the reload loop.
#[derive(Debug, Default)]
pub(crate) struct ReloadMeter {
    /// 1 after a good reload (and at the start), 0 after a refused one.
    pub(crate) successful: Gauge,
    /// When settings were last taken, Unix milliseconds.
    pub(crate) success_ms: Gauge,
    /// When settings were last refused, Unix milliseconds.
    pub(crate) failure_ms: Gauge,
}

/// Whatever counts something.
pub(crate) struct Sources {
    pub(crate) ingest: Ingest,
    pub(crate) samples: Arc<tsdb::Db>,
    pub(crate) state: Arc<state::State>,
    pub(crate) host: Option<collect::Handle>,
    pub(crate) web: Arc<web::Meter>,
    pub(crate) plain: Arc<[collect::listen::Handle]>,
    pub(crate) reload: Arc<ReloadMeter>,
}

impl Sources {
    /// All families, as they are now.
    pub(crate) fn families(&self) -> Vec<Family> {
        let mut out = process::families();
        let mut build =
            Family::gauge("pharos_build_info", "Always 1; the version is in the label.");
        build.push_with([("version", env!("CARGO_PKG_VERSION"))], 1.0);
        out.push(build);
        self.reload_families(&mut out);
        self.ingest_families(&mut out);
        self.samples_families(&mut out);
        self.records_families(&mut out);
        self.collect_families(&mut out);
        self.http_families(&mut out);
        self.listen_families(&mut out);
        self.query_families(&mut out);
        out
    }

    fn reload_families(&self, out: &mut Vec<Family>) {
        out.push(gauge(
            "pharos_config_last_reload_successful",
            "1 if the last reading of the configuration was taken, 0 if it was refused.",
            &self.reload.successful,
        ));
        let seconds = self.reload.success_ms.get() as f64 / 1000.0;
        let name = "pharos_config_last_reload_success_timestamp_seconds";
        let help = "When a configuration was last taken, Unix seconds.";
        out.push(Family::gauge(name, help).with_value(seconds));
    }

    fn ingest_families(&self, out: &mut Vec<Family>) {
        let meter = self.ingest.meter();
        out.push(counter(
            "pharos_ingest_samples_total",
            "Samples taken in, whoever sent them.",
            &meter.appended,
        ));
        let mut rejected = Family::counter(
            "pharos_ingest_rejected_total",
            "Samples, series or whole calls refused because they broke a bound, by bound.",
        );
        for (reason, count) in LimitError::REASONS.into_iter().zip(&meter.rejected) {
            rejected.push_with([("reason", reason)], count.get() as f64);
        }
        out.push(rejected);
        out.push(counter(
            "pharos_ingest_unavailable_total",
            "Calls refused because the store took nothing at that moment.",
            &meter.unavailable,
        ));
    }

    fn samples_families(&self, out: &mut Vec<Family>) {
        let meter = self.samples.meter();
        for (name, help, count) in [
            ("pharos_tsdb_samples_appended_total", "Samples appended.", &meter.appended_samples),
            (
                "pharos_tsdb_samples_expired_total",
                "Samples dropped because they were older than the retention.",
                &meter.expired_samples,
            ),
            (
                "pharos_tsdb_samples_out_of_order_total",
                "Samples older than the newest of their series.",
                &meter.out_of_order_samples,
            ),
            (
                "pharos_tsdb_exemplars_appended_total",
                "Exemplars appended that were not there yet.",
                &meter.appended_exemplars,
            ),
            (
                "pharos_tsdb_exemplars_rejected_total",
                "Exemplars left out because their series is not known or they are older than the \
                 retention.",
                &meter.rejected_exemplars,
            ),
            (
                "pharos_tsdb_metadata_rejected_total",
                "Descriptions of metrics left out because there are too many.",
                &meter.rejected_metadata,
            ),
            (
                "pharos_tsdb_appends_overloaded_total",
                "Appends refused at a bound.",
                &meter.overloaded_appends,
            ),
            (
                "pharos_tsdb_appends_unavailable_total",
                "Appends refused because the log could not be written.",
                &meter.unavailable_appends,
            ),
            ("pharos_tsdb_wal_bytes_total", "Bytes written to the log.", &meter.wal_bytes),
            ("pharos_tsdb_wal_fsyncs_total", "Syncs of the log.", &meter.fsyncs),
            (
                "pharos_tsdb_wal_sync_failures_total",
                "Syncs of the log that failed.",
                &meter.sync_failures,
            ),
            (
                "pharos_tsdb_wal_write_failures_total",
                "Writes to the log that failed.",
                &meter.write_failures,
            ),
            (
                "pharos_tsdb_stalls_total",
                "Times the log could not be written at all.",
                &meter.stalls,
            ),
            ("pharos_tsdb_flushes_total", "Flushes of the head into block files.", &meter.flushes),
            (
                "pharos_tsdb_flush_failures_total",
                "Flushes that failed; their samples stay in memory and in the log.",
                &meter.flush_failures,
            ),
            ("pharos_tsdb_compactions_total", "Merges of block files.", &meter.compactions),
            (
                "pharos_tsdb_compaction_failures_total",
                "Merges of block files that failed; the files stay as they are.",
                &meter.compaction_failures,
            ),
            (
                "pharos_tsdb_lost_chunks_total",
                "Chunks of block files that a query asked for and that could not be read.",
                &meter.lost_chunks,
            ),
            (
                "pharos_tsdb_rollups_total",
                "Rollups of 5 minutes or an hour written into block files.",
                &meter.rollups,
            ),
            (
                "pharos_tsdb_rollup_failures_total",
                "Days that could not be rolled up; their samples stay.",
                &meter.rollup_failures,
            ),
            ("pharos_tsdb_snapshots_total", "Snapshots made.", &meter.snapshots),
            (
                "pharos_tsdb_retention_oversize_blocks_total",
                "Block files dropped because the samples took more disk than they may.",
                &meter.oversize_blocks,
            ),
            (
                "pharos_tsdb_retention_failures_total",
                "Rounds of retention that failed.",
                &meter.retention_failures,
            ),
        ] {
            out.push(counter(name, help, count));
        }
        for (name, help, value) in [
            (
                "pharos_tsdb_wal_pending_bytes",
                "Bytes of the log not yet durable.",
                &meter.pending_bytes,
            ),
            ("pharos_tsdb_wal_segments", "Files of the log.", &meter.segments),
            ("pharos_tsdb_blocks", "Block files.", &meter.blocks),
            ("pharos_tsdb_block_bytes", "Bytes of the block files.", &meter.block_bytes),
            ("pharos_tsdb_tier_blocks", "Block files of rollups.", &meter.tier_blocks),
            (
                "pharos_tsdb_tier_5m_bytes",
                "Bytes of the block files of 5-minute rollups.",
                &meter.tier_bytes[0],
            ),
            (
                "pharos_tsdb_tier_1h_bytes",
                "Bytes of the block files of one-hour rollups.",
                &meter.tier_bytes[1],
            ),
            (
                "pharos_tsdb_tombstones",
                "Deletions whose samples are hidden, and still on disk.",
                &meter.tombstones,
            ),
            (
                "pharos_tsdb_clock_doubted",
                "1 while the clock is ahead of all samples by more than the retention.",
                &meter.clock_doubted,
            ),
            ("pharos_tsdb_head_series", "Series in memory.", &meter.series),
            ("pharos_tsdb_head_bytes", "Memory of series and samples.", &meter.head_bytes),
            ("pharos_tsdb_head_series_bytes", "Memory of series alone.", &meter.series_bytes),
        ] {
            out.push(gauge(name, help, value));
        }
        for (name, help, observed) in [
            (
                "pharos_tsdb_wal_fsync_duration_seconds",
                "How long syncs of the log took.",
                &meter.fsync_seconds,
            ),
            ("pharos_tsdb_wal_batch_bytes", "Bytes made durable by one sync.", &meter.batch_bytes),
        ] {
            out.push(histogram(name, help, observed));
        }
        self.recovery_families(out);
    }

    fn recovery_families(&self, out: &mut Vec<Family>) {
        let recovery = &self.samples.meter().recovery;
        let mut found = Family::counter(
            "pharos_tsdb_recovery_found_total",
            "What was found in the log at the start, by kind.",
        );
        for (kind, count) in [
            ("samples", &recovery.samples),
            ("expired_samples", &recovery.expired_samples),
            ("orphan_samples", &recovery.orphan_samples),
            ("series", &recovery.series),
            ("unknown_frames", &recovery.unknown_frames),
            ("superseded_frames", &recovery.superseded_frames),
            ("corrupt_frames", &recovery.corrupt_frames),
            ("missing_frames", &recovery.missing_frames),
            ("torn_tails", &recovery.torn_tails),
            ("damaged_headers", &recovery.damaged_headers),
            ("missing_segments", &recovery.missing_segments),
            ("damaged_tombstones", &recovery.damaged_tombstones),
            ("quarantined_blocks", &recovery.quarantined_blocks),
            ("missing_blocks", &recovery.missing_blocks),
            ("manifests_rebuilt", &recovery.manifests_rebuilt),
        ] {
            found.push_with([("kind", kind)], count.get() as f64);
        }
        out.push(found);
        let help =
            "Log segments of the last run still to be read; answers may lack what they hold.";
        out.push(gauge("pharos_tsdb_recovery_segments_left", help, &recovery.segments_left));
        let seconds = recovery.duration_ms.get() as f64 / 1000.0;
        let help = "How long reading the log at the start took.";
        out.push(Family::gauge("pharos_tsdb_recovery_duration_seconds", help).with_value(seconds));
    }

    fn records_families(&self, out: &mut Vec<Family>) {
        let meter = self.state.meter();
        for (name, help, count) in [
            (
                "pharos_records_units_total",
                "Units of changes written to the records.",
                &meter.units_written,
            ),
            (
                "pharos_records_units_failed_total",
                "Units of changes that failed.",
                &meter.units_failed,
            ),
            (
                "pharos_records_refused_total",
                "Units refused because the queue was full.",
                &meter.refused,
            ),
            (
                "pharos_records_transactions_total",
                "Transactions, each of many units.",
                &meter.transactions,
            ),
            (
                "pharos_records_transactions_failed_total",
                "Transactions that failed.",
                &meter.transactions_failed,
            ),
            ("pharos_records_signs_written_total", "Signs of life written.", &meter.signs_written),
            (
                "pharos_records_silences_total",
                "Services called unknown for their silence.",
                &meter.silences,
            ),
            ("pharos_records_pruned_total", "Old records removed.", &meter.rows_pruned),
            (
                "pharos_records_quarantined_total",
                "Damaged record files moved aside.",
                &meter.quarantined,
            ),
        ] {
            out.push(counter(name, help, count));
        }
        out.push(histogram(
            "pharos_records_transaction_duration_seconds",
            "How long transactions took, the sync among it.",
            &meter.transaction_seconds,
        ));
        out.push(gauge(
            "pharos_records_queue_units",
            "Units waiting to be written.",
            &meter.queue_writes,
        ));
        out.push(gauge("pharos_records_services", "Services known.", &meter.services));
    }

    fn collect_families(&self, out: &mut Vec<Family>) {
        let Some(host) = &self.host else { return };
        let meter = host.meter();
        for (name, help, count) in [
            ("pharos_collect_collections_total", "Readings of this host.", &meter.collections),
            (
                "pharos_collect_stored_total",
                "Readings of this host that were stored.",
                &meter.stored,
            ),
            (
                "pharos_collect_errors_total",
                "Collectors that failed in a reading.",
                &meter.collector_errors,
            ),
        ] {
            out.push(counter(name, help, count));
        }
        let seconds = meter.last_collection_us.get() as f64 / 1e6;
        let help = "How long the last reading of this host took.";
        out.push(Family::gauge("pharos_collect_last_duration_seconds", help).with_value(seconds));
    }

    /// Nothing where nothing is listened for.
    fn listen_families(&self, out: &mut Vec<Family>) {
        if self.plain.is_empty() {
            return;
        }
        type Read = fn(&collect::listen::Meter) -> f64;
        let counters: [(&'static str, &'static str, Read); 6] = [
            ("pharos_listen_lines_total", "Lines that came.", |m| m.lines.get() as f64),
            ("pharos_listen_bad_lines_total", "Lines that were not understood.", |m| {
                m.bad_lines.get() as f64
            }),
            ("pharos_listen_skipped_lines_total", "Lines that are no metrics.", |m| {
                m.skipped_lines.get() as f64
            }),
            ("pharos_listen_refused_total", "What was not taken because of a bound.", |m| {
                m.refused.get() as f64
            }),
            ("pharos_listen_lost_samples_total", "Samples that the store did not take.", |m| {
                m.lost_samples.get() as f64
            }),
            (
                "pharos_listen_connections_refused_total",
                "Connections closed because too many were open.",
                |m| m.connections_refused.get() as f64,
            ),
        ];
        let gauges: [(&'static str, &'static str, Read); 2] = [
            ("pharos_listen_connections", "Connections open now.", |m| m.connections.get() as f64),
            ("pharos_listen_series", "Series that are being counted.", |m| m.series.get() as f64),
        ];
        let counters = counters.map(|(name, help, read)| (Family::counter(name, help), read));
        let gauges = gauges.map(|(name, help, read)| (Family::gauge(name, help), read));
        for (mut family, read) in counters.into_iter().chain(gauges) {
            for handle in self.plain.iter() {
                family.push_with([("protocol", handle.name())], read(handle.meter()));
            }
            out.push(family);
        }
    }

    fn http_families(&self, out: &mut Vec<Family>) {
        let mut requests = Family::counter(
            "pharos_http_requests_total",
            "Requests answered, by route, method and status code.",
        );
        for (key, count) in self.web.requests() {
            let code = key.code.to_string();
            let pairs = [("route", key.route.as_str()), ("method", key.method), ("code", &code)];
            requests.push_with(pairs, count as f64);
        }
        out.push(requests);
        out.push(histogram(
            "pharos_http_request_duration_seconds",
            "How long requests took until their answer began.",
            &self.web.request_duration_s,
        ));
        for (name, help, count) in [
            (
                "pharos_http_connections_refused_total",
                "Connections refused because too many were open.",
                &self.web.connections_refused,
            ),
            (
                "pharos_http_denied_total",
                "Requests without a valid key or scope.",
                &self.web.denied,
            ),
            ("pharos_http_panics_total", "Requests whose handler panicked.", &self.web.panics),
            (
                "pharos_exposition_left_out_total",
                "Families and points that did not fit onto a page.",
                &self.web.exposition_left_out,
            ),
        ] {
            out.push(counter(name, help, count));
        }
        self.import_families(out);
        out.push(gauge("pharos_http_connections", "Connections open now.", &self.web.connections));
        out.push(gauge(
            "pharos_live_watchers",
            "Clients of the live view now.",
            &self.web.live_watchers,
        ));
        out.push(gauge(
            "pharos_otlp_delta_series",
            "Series whose OTLP delta points are added up.",
            &self.web.delta_series,
        ));
    }

    fn import_families(&self, out: &mut Vec<Family>) {
        let mut refused = Family::counter(
            "pharos_import_refused_total",
            "Lines, or whole pushes, of a format that were refused, in whole or part.",
        );
        let mut skipped = Family::counter(
            "pharos_import_skipped_total",
            "Values of a format that were passed over because they are no samples.",
        );
        for (format, meter) in self.web.imports.all() {
            refused.push_with([("format", format)], meter.refused.get() as f64);
            skipped.push_with([("format", format)], meter.skipped.get() as f64);
        }
        out.extend([refused, skipped]);
    }

    fn query_families(&self, out: &mut Vec<Family>) {
        let queries = &self.web.queries;
        let mut ended = Family::counter(
            "pharos_queries_total",
            "Queries and what else reads the store for clients of Prometheus' API, by outcome.",
        );
        for (outcome, count) in [
            ("answered", &queries.answered),
            ("failed", &queries.failed),
            ("timed_out", &queries.timed_out),
            ("canceled", &queries.canceled),
            ("refused", &queries.refused),
        ] {
            ended.push_with([("outcome", outcome)], count.get() as f64);
        }
        out.push(ended);
        out.push(gauge("pharos_queries_running", "Queries running now.", &queries.running));
    }
}

fn counter(name: &'static str, help: &'static str, count: &Counter) -> Family {
    Family::counter(name, help).with_value(count.get() as f64)
}

fn gauge(name: &'static str, help: &'static str, value: &Gauge) -> Family {
    Family::gauge(name, help).with_value(value.get() as f64)
}

fn histogram(name: &'static str, help: &'static str, observed: &Histogram) -> Family {
    let mut family = Family::new(name, help, MetricKind::Histogram);
    let mut push = |suffix: &'static str, labels: Labels, value: f64| {
        family.points.push(Point { suffix, labels, value });
    };
    let buckets = observed.cumulative();
    let count = buckets.last().map_or(0, |(_, count)| *count);
    for (bound, count) in buckets {
        let le = if bound.is_infinite() { Cow::from("+Inf") } else { bound.to_string().into() };
        push("_bucket", Labels::default().with("le", &le), count as f64);
    }
    push("_sum", Labels::default(), observed.sum());
    push("_count", Labels::default(), count as f64);
    family
}
