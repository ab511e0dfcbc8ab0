//! udp_queues: bytes that wait in the UDP sockets of this host.

use std::sync::Arc;

use model::Family;

use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct UdpQueues {
    roots: Arc<Roots>,
}

impl UdpQueues {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for UdpQueues {
    fn name(&self) -> &'static str {
        "udp_queues"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let mut queues = Family::gauge("node_udp_queues", "Bytes waiting in UDP sockets.");
        for (ip, file) in [("v4", "net/udp"), ("v6", "net/udp6")] {
            match self.roots.read_proc(file) {
                Ok(text) => {
                    let (tx, rx) = sum_queues(&text);
                    queues.push_with([("ip", ip), ("queue", "tx")], tx);
                    queues.push_with([("ip", ip), ("queue", "rx")], rx);
                }
                Err(CollectError::Absent) => {}
                Err(error) => return Err(error),
            }
        }
        if queues.points.is_empty() {
            return Err(CollectError::Absent);
        }
        out.push(queues);
        Ok(())
    }
}

/// The fifth field of each socket's line is `tx_queue:rx_queue`, hexadecimal.
fn sum_queues(text: &str) -> (f64, f64) {
    let sockets = text.lines().skip(1).filter_map(|line| {
        let (tx, rx) = line.split_ascii_whitespace().nth(4)?.split_once(':')?;
        let tx = u32::from_str_radix(tx, 16).ok()?;
        let rx = u32::from_str_radix(rx, 16).ok()?;
        Some((f64::from(tx), f64::from(rx)))
    });
    sockets.fold((0.0, 0.0), |sum, queue| (sum.0 + queue.0, sum.1 + queue.1))
}
