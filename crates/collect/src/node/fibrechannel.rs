//! fibrechannel: counters and settings of each Fibre Channel port.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, entries};
use super::table::{Column, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

/// The files of a port's `statistics`.
const COLUMNS: &[Column] = &[
    Column::counter("dumped_frames", "node_fibrechannel_dumped_frames_total", "Frames dumped."),
    Column::counter("error_frames", "node_fibrechannel_error_frames_total", "Frames in error."),
    Column::counter(
        "fcp_packet_aborts",
        "node_fibrechannel_fcp_packet_aborts_total",
        "Packets aborted.",
    ),
    Column::counter(
        "invalid_crc_count",
        "node_fibrechannel_invalid_crc_total",
        "Frames with a wrong checksum.",
    ),
    Column::counter(
        "invalid_tx_word_count",
        "node_fibrechannel_invalid_tx_words_total",
        "Invalid words sent.",
    ),
    Column::counter(
        "link_failure_count",
        "node_fibrechannel_link_failure_total",
        "Times the link failed.",
    ),
    Column::counter(
        "loss_of_signal_count",
        "node_fibrechannel_loss_of_signal_total",
        "Times the signal was lost.",
    ),
    Column::counter(
        "loss_of_sync_count",
        "node_fibrechannel_loss_of_sync_total",
        "Times synchronisation was lost.",
    ),
    Column::counter("nos_count", "node_fibrechannel_nos_total", "Not-operational sequences seen."),
    Column::counter("rx_frames", "node_fibrechannel_rx_frames_total", "Frames received."),
    Column::counter("rx_words", "node_fibrechannel_rx_words_total", "Words received."),
    Column::counter(
        "seconds_since_last_reset",
        "node_fibrechannel_seconds_since_last_reset_total",
        "Time since the port was reset.",
    ),
    Column::counter("tx_frames", "node_fibrechannel_tx_frames_total", "Frames sent."),
    Column::counter("tx_words", "node_fibrechannel_tx_words_total", "Words sent."),
];

/// An adapter answers this for a counter that it does not have.
const NOT_COUNTED: f64 = u64::MAX as f64;

pub(super) struct FibreChannel {
    roots: Arc<Roots>,
}

impl FibreChannel {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for FibreChannel {
    fn name(&self) -> &'static str {
        "fibrechannel"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/fc_host");
        let mut info = Family::gauge("node_fibrechannel_info", "The port in words, always 1.");
        let mut table = Table::new(COLUMNS);
        for host in entries(&dir)? {
            let Some(files) = Attributes::open(&dir.join(&host)) else {
                continue;
            };
            let word = |name: &str| files.text(name).unwrap_or_default();
            info.push_with(
                [
                    ("fc_host", &host),
                    ("speed", &word("speed")),
                    ("port_state", &word("port_state")),
                    ("port_type", &word("port_type")),
                    ("port_id", word("port_id").trim_start_matches("0x")),
                    ("port_name", word("port_name").trim_start_matches("0x")),
                    ("fabric_name", word("fabric_name").trim_start_matches("0x")),
                    ("symbolic_name", &word("symbolic_name")),
                    ("supported_classes", &word("supported_classes")),
                    ("supported_speeds", &word("supported_speeds")),
                    ("dev_loss_tmo", &word("dev_loss_tmo")),
                ],
                1.0,
            );
            if let Some(files) = Attributes::open(&dir.join(&host).join("statistics")) {
                let labels = labels([("fc_host", &host)]);
                let counted = |value: &f64| *value != NOT_COUNTED;
                table.row(&labels, |column| files.number(column.source).filter(counted));
            }
        }
        if !info.points.is_empty() {
            out.push(info);
        }
        table.finish(out);
        Ok(())
    }
}
