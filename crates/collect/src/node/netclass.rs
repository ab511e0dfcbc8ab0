//! netclass: state and settings of each network device.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, entries};
use super::table::{Column, Scale, Table, labels};
use crate::{CollectError, Collector, Moment, Roots};

/// Each column is the file of the same word below /sys/class/net/<device>.
const COLUMNS: &[Column] = &[
    Column::gauge(
        "addr_assign_type",
        "node_network_address_assign_type",
        "Where the hardware address comes from: 0 the device, 1 chance, 2 another, 3 set.",
    ),
    Column::gauge("carrier", "node_network_carrier", "1 while the link is physically up."),
    Column::counter(
        "carrier_changes",
        "node_network_carrier_changes_total",
        "Times the link went up or down.",
    ),
    Column::counter(
        "carrier_up_count",
        "node_network_carrier_up_changes_total",
        "Times the link went up.",
    ),
    Column::counter(
        "carrier_down_count",
        "node_network_carrier_down_changes_total",
        "Times the link went down.",
    ),
    Column::gauge("dev_id", "node_network_device_id", "Tells ports with one address apart."),
    Column::gauge("dormant", "node_network_dormant", "1 while the link waits for an event."),
    Column::gauge("flags", "node_network_flags", "The device's flags, as in `ip link`."),
    Column::gauge("ifindex", "node_network_iface_id", "The device's index."),
    Column::gauge("iflink", "node_network_iface_link", "Index of the device below this one."),
    Column::gauge("link_mode", "node_network_iface_link_mode", "0 normal, 1 goes dormant first."),
    Column::gauge("mtu", "node_network_mtu_bytes", "Largest packet."),
    Column::gauge(
        "name_assign_type",
        "node_network_name_assign_type",
        "Where the name comes from: 1 counted, 2 predictable, 3 user space, 4 renamed.",
    ),
    Column::gauge("netdev_group", "node_network_net_dev_group", "The device's group."),
    Column::gauge("type", "node_network_protocol_type", "The link's ARP hardware type."),
    // The kernel says Mbit/s, and -1 when it does not know.
    Column::gauge("speed", "node_network_speed_bytes", "Speed of the link in bytes per second.")
        .scaled(Scale::Times(125_000.0)),
    Column::gauge(
        "tx_queue_len",
        "node_network_transmit_queue_length",
        "Length of the send queue.",
    ),
];

pub(super) struct NetClass {
    roots: Arc<Roots>,
}

impl NetClass {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for NetClass {
    fn name(&self) -> &'static str {
        "netclass"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/net");
        let mut up = Family::gauge("node_network_up", "1 while the device can carry traffic.");
        let mut info = Family::gauge("node_network_info", "The device in words, always 1.");
        let mut table = Table::new(COLUMNS);
        for device in entries(&dir)? {
            // Plain files, as `bonding_masters`, are no devices.
            let Some(files) = Attributes::open(&dir.join(&device)) else {
                continue;
            };
            let word = |name: &str| files.text(name).unwrap_or_default();
            let operstate = word("operstate");
            let is_up = if operstate == "up" { 1.0 } else { 0.0 };
            let labels = labels([("device", &device)]);
            up.push(labels.clone(), is_up);
            info.push_with(
                [
                    ("device", &device),
                    ("address", &word("address")),
                    ("broadcast", &word("broadcast")),
                    ("duplex", &word("duplex")),
                    ("ifalias", &word("ifalias")),
                    ("operstate", &operstate),
                ],
                1.0,
            );
            table.row(&labels, |column| files.number(column.source));
        }
        let filled = |family: &Family| !family.points.is_empty();
        out.extend([up, info].into_iter().filter(filled));
        table.finish(out);
        Ok(())
    }
}
