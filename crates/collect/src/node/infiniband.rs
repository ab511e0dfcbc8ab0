//! infiniband: state and counters of each InfiniBand or RoCE port.

use std::path::Path;
use std::sync::Arc;

use model::{Family, Labels};

use super::kernel::{Attributes, entries, number, numbered};
use super::table::{Column, Scale, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

/// The port counts data in words of four bytes.
const WORDS: Scale = Scale::Times(4.0);

/// The files of a port's `counters`.
const COUNTERS: &[Column] = &[
    Column::counter(
        "excessive_buffer_overrun_errors",
        "node_infiniband_excessive_buffer_overrun_errors_total",
        "Overruns that outlasted flow control.",
    ),
    Column::counter(
        "link_downed",
        "node_infiniband_link_downed_total",
        "Times the link could not recover and went down.",
    ),
    Column::counter(
        "link_error_recovery",
        "node_infiniband_link_error_recovery_total",
        "Times the link recovered from an error.",
    ),
    Column::counter(
        "local_link_integrity_errors",
        "node_infiniband_local_link_integrity_errors_total",
        "Times local errors passed the port's threshold.",
    ),
    Column::counter(
        "multicast_rcv_packets",
        "node_infiniband_multicast_packets_received_total",
        "Multicast packets received.",
    ),
    Column::counter(
        "multicast_xmit_packets",
        "node_infiniband_multicast_packets_transmitted_total",
        "Multicast packets sent.",
    ),
    Column::counter(
        "port_rcv_constraint_errors",
        "node_infiniband_port_constraint_errors_received_total",
        "Packets received and discarded by a rule of the port.",
    ),
    Column::counter(
        "port_xmit_constraint_errors",
        "node_infiniband_port_constraint_errors_transmitted_total",
        "Packets not sent by a rule of the port.",
    ),
    Column::counter(
        "port_rcv_data",
        "node_infiniband_port_data_received_bytes_total",
        "Bytes received.",
    )
    .scaled(WORDS),
    Column::counter(
        "port_xmit_data",
        "node_infiniband_port_data_transmitted_bytes_total",
        "Bytes sent.",
    )
    .scaled(WORDS),
    Column::counter(
        "port_rcv_discards",
        "node_infiniband_port_discards_received_total",
        "Packets received and dropped, the port was down or full.",
    ),
    Column::counter(
        "port_xmit_discards",
        "node_infiniband_port_discards_transmitted_total",
        "Packets dropped instead of sent, the port was down or full.",
    ),
    Column::counter(
        "port_rcv_errors",
        "node_infiniband_port_errors_received_total",
        "Packets received with an error.",
    ),
    Column::counter(
        "port_rcv_packets",
        "node_infiniband_port_packets_received_total",
        "Packets received.",
    ),
    Column::counter(
        "port_xmit_packets",
        "node_infiniband_port_packets_transmitted_total",
        "Packets sent.",
    ),
    Column::counter(
        "port_rcv_remote_physical_errors",
        "node_infiniband_port_receive_remote_physical_errors_total",
        "Packets received that the other side marked as bad.",
    ),
    Column::counter(
        "port_rcv_switch_relay_errors",
        "node_infiniband_port_receive_switch_relay_errors_total",
        "Packets received that the switch could not forward.",
    ),
    Column::counter(
        "port_xmit_wait",
        "node_infiniband_port_transmit_wait_total",
        "Ticks in which the port had data and could not send.",
    ),
    Column::counter(
        "symbol_error",
        "node_infiniband_symbol_error_total",
        "Small errors on the link's lanes.",
    ),
    Column::counter(
        "unicast_rcv_packets",
        "node_infiniband_unicast_packets_received_total",
        "Unicast packets received.",
    ),
    Column::counter(
        "unicast_xmit_packets",
        "node_infiniband_unicast_packets_transmitted_total",
        "Unicast packets sent.",
    ),
    Column::counter(
        "VL15_dropped",
        "node_infiniband_vl15_dropped_total",
        "Management packets dropped.",
    ),
];

/// The files of `counters_ext`, which old drivers have.
const LEGACY_COUNTERS: &[Column] = &[
    Column::counter(
        "port_multicast_rcv_packets",
        "node_infiniband_legacy_multicast_packets_received_total",
        "Multicast packets received, by an old driver.",
    ),
    Column::counter(
        "port_multicast_xmit_packets",
        "node_infiniband_legacy_multicast_packets_transmitted_total",
        "Multicast packets sent, by an old driver.",
    ),
    Column::counter(
        "port_rcv_data_64",
        "node_infiniband_legacy_data_received_bytes_total",
        "Bytes received, by an old driver.",
    )
    .scaled(WORDS),
    Column::counter(
        "port_xmit_data_64",
        "node_infiniband_legacy_data_transmitted_bytes_total",
        "Bytes sent, by an old driver.",
    )
    .scaled(WORDS),
    Column::counter(
        "port_rcv_packets_64",
        "node_infiniband_legacy_packets_received_total",
        "Packets received, by an old driver.",
    ),
    Column::counter(
        "port_xmit_packets_64",
        "node_infiniband_legacy_packets_transmitted_total",
        "Packets sent, by an old driver.",
    ),
    Column::counter(
        "port_unicast_rcv_packets",
        "node_infiniband_legacy_unicast_packets_received_total",
        "Unicast packets received, by an old driver.",
    ),
    Column::counter(
        "port_unicast_xmit_packets",
        "node_infiniband_legacy_unicast_packets_transmitted_total",
        "Unicast packets sent, by an old driver.",
    ),
];

const STATES: &[Column] = &[
    Column::gauge(
        "phys_state",
        "node_infiniband_physical_state_id",
        "Physical state: 1 sleep, 2 polling, 3 disabled, 4 training, 5 up, 6 recovering.",
    ),
    Column::gauge("rate", "node_infiniband_rate_bytes_per_second", "The fastest the port can go.")
        .scaled(Scale::Times(125_000_000.0)),
    Column::gauge(
        "state",
        "node_infiniband_state_id",
        "State of the port: 1 down, 2 initialising, 3 armed, 4 active.",
    ),
];

pub(super) struct InfiniBand {
    roots: Arc<Roots>,
}

impl InfiniBand {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for InfiniBand {
    fn name(&self) -> &'static str {
        "infiniband"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/infiniband");
        let mut ports = Ports::new();
        for device in entries(&dir)? {
            ports.push_device(&dir.join(&device), &device);
        }
        ports.finish(out);
        Ok(())
    }
}

struct Ports {
    info: Family,
    states: Table,
    counters: Table,
    legacy_counters: Table,
}

impl Ports {
    fn new() -> Self {
        Self {
            info: Family::gauge("node_infiniband_info", "The adapter in words, always 1."),
            states: Table::new(STATES),
            counters: Table::new(COUNTERS),
            legacy_counters: Table::new(LEGACY_COUNTERS),
        }
    }

    fn push_device(&mut self, dir: &Path, device: &str) {
        let Some(files) = Attributes::open(dir) else {
            return;
        };
        let word = |name: &str| files.text(name).unwrap_or_default();
        self.info.push_with(
            [
                ("device", device),
                ("board_id", &word("board_id")),
                ("firmware_version", &word("fw_ver")),
                ("hca_type", &word("hca_type")),
            ],
            1.0,
        );
        for (port, dir) in numbered(&dir.join("ports"), "") {
            let labels = labels([("device", device), ("port", &port.to_string())]);
            self.push_port(&dir, &labels);
        }
    }

    fn push_port(&mut self, dir: &Path, labels: &Labels) {
        if let Some(files) = Attributes::open(dir) {
            // `4: ACTIVE`, `5: LinkUp`, `100 Gb/sec (4X EDR)`
            let first_number = |text: String| number(text.split([':', ' ']).next()?);
            self.states.row(labels, |column| files.text(column.source).and_then(first_number));
        }
        // A counter that the port does not have reads `N/A (no PMA)`.
        if let Some(files) = Attributes::open(&dir.join("counters")) {
            self.counters.row(labels, |column| files.number(column.source));
        }
        if let Some(files) = Attributes::open(&dir.join("counters_ext")) {
            self.legacy_counters.row(labels, |column| files.number(column.source));
        }
    }

    fn finish(self, out: &mut Vec<Family>) {
        if !self.info.points.is_empty() {
            out.push(self.info);
        }
        for table in [self.states, self.counters, self.legacy_counters] {
            table.finish(out);
        }
    }
}
