//! netdev: bytes, packets and errors of each network device.
//!
//! The loopback device is left out, as Debian's node_exporter does: a sum over devices then counts
//! what crosses the network and not what processes of one host tell each other.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, number};
use super::table::{Column, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

/// In the order of a device's numbers in /proc/net/dev.
const COLUMNS: &[Column] = &[
    Column::counter("", "node_network_receive_bytes_total", "Bytes received."),
    Column::counter("", "node_network_receive_packets_total", "Packets received."),
    Column::counter("", "node_network_receive_errs_total", "Packets received broken."),
    Column::counter("", "node_network_receive_drop_total", "Packets received and dropped."),
    Column::counter("", "node_network_receive_fifo_total", "Receive buffer overruns."),
    Column::counter("", "node_network_receive_frame_total", "Framing errors on receive."),
    Column::counter("", "node_network_receive_compressed_total", "Packets received compressed."),
    Column::counter("", "node_network_receive_multicast_total", "Multicast packets received."),
    Column::counter("", "node_network_transmit_bytes_total", "Bytes sent."),
    Column::counter("", "node_network_transmit_packets_total", "Packets sent."),
    Column::counter("", "node_network_transmit_errs_total", "Packets that could not be sent."),
    Column::counter("", "node_network_transmit_drop_total", "Packets dropped instead of sent."),
    Column::counter("", "node_network_transmit_fifo_total", "Send buffer underruns."),
    Column::counter("", "node_network_transmit_colls_total", "Collisions while sending."),
    Column::counter("", "node_network_transmit_carrier_total", "Carrier losses while sending."),
    Column::counter("", "node_network_transmit_compressed_total", "Packets sent compressed."),
    Column::counter(
        "rx_nohandler",
        "node_network_receive_nohandler_total",
        "Packets received that nobody wanted.",
    ),
];
const NO_HANDLER: usize = 16;

pub(super) struct NetDev {
    roots: Arc<Roots>,
}

impl NetDev {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for NetDev {
    fn name(&self) -> &'static str {
        "netdev"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let text = self.roots.read_proc("net/dev")?;
        let sys = self.roots.sys.join("class/net");
        let mut table = Table::new(COLUMNS);
        // Two lines of headings have no colon.
        for (device, numbers) in text.lines().filter_map(|line| line.rsplit_once(':')) {
            let device = device.trim();
            if device == "lo" {
                continue;
            }
            let labels = labels([("device", device)]);
            if !table.begins(&labels) {
                continue;
            }
            let numbers = numbers.split_ascii_whitespace().map_while(number);
            for (column, value) in numbers.take(NO_HANDLER).enumerate() {
                table.put(column, &labels, value);
            }
            let statistics = Attributes::open(&sys.join(device).join("statistics"));
            if let Some(value) = statistics.and_then(|files| files.number("rx_nohandler")) {
                table.put(NO_HANDLER, &labels, value);
            }
        }
        table.finish(out);
        Ok(())
    }
}
