//! The machine as a whole, as the llm family's rows have it: percent, MB, GB, bytes since boot.

use serde_json::{Value, json};
use sysinfo::{Disks, Networks, System};

use super::{Collected, Collector, Figure, percent};

const MB: f64 = 1024.0 * 1024.0;
const GB: f64 = 1024.0 * MB;

/// Reads the machine; the processors' share is since the reading before.
#[derive(Debug)]
pub struct SystemCollector {
    system: System,
    disks: Disks,
    networks: Networks,
}

impl SystemCollector {
    /// Sets the mark that the first reading counts from.
    pub fn new() -> Self {
        let mut system = System::new();
        system.refresh_cpu_usage();
        Self {
            system,
            disks: Disks::new_with_refreshed_list(),
            networks: Networks::new_with_refreshed_list(),
        }
    }

    /// Of the disk that holds `/`, or else the first: total and available bytes.
    fn disk_bytes(&mut self) -> (f64, f64) {
        self.disks.refresh(true);
        let is_root = |disk: &&sysinfo::Disk| disk.mount_point() == std::path::Path::new("/");
        let disk = self.disks.iter().find(is_root).or_else(|| self.disks.iter().next());
        disk.map_or((0.0, 0.0), |disk| (disk.total_space() as f64, disk.available_space() as f64))
    }
}

impl Default for SystemCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector for SystemCollector {
    fn name(&self) -> &str {
        "system"
    }

    fn collect(&mut self) -> Collected {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks.refresh(true);
        let (total, available) =
            (self.system.total_memory() as f64, self.system.available_memory() as f64);
        let (disk_total, disk_free) = self.disk_bytes();
        let sent: u64 = self.networks.values().map(|data| data.total_transmitted()).sum();
        let received: u64 = self.networks.values().map(|data| data.total_received()).sum();
        let two_decimals = |value: f64| (value * 100.0).round() / 100.0;
        let json = json!({
            "cpu_percent": percent(f64::from(self.system.global_cpu_usage()), 100.0),
            "memory_percent": percent(total - available, total),
            "memory_used_mb": two_decimals((total - available) / MB),
            "memory_available_mb": two_decimals(available / MB),
            "disk_usage_percent": percent(disk_total - disk_free, disk_total),
            "disk_free_gb": two_decimals(disk_free / GB),
            "network_bytes_sent": sent,
            "network_bytes_recv": received,
            "active_connections": connections(),
        });
        Collected { figures: figures(&json), json }
    }
}

fn figures(json: &Value) -> Vec<Figure> {
    let gauges = [
        "cpu_percent",
        "memory_percent",
        "memory_used_mb",
        "memory_available_mb",
        "disk_usage_percent",
        "disk_free_gb",
        "active_connections",
    ];
    let counters = ["network_bytes_sent", "network_bytes_recv"];
    let gauge = |name: &'static str| Some(Figure::gauge(name, json[name].as_f64()?));
    let counter = |name: &'static str| Some(Figure::counter(name, json[name].as_f64()?));
    gauges.into_iter().filter_map(gauge).chain(counters.into_iter().filter_map(counter)).collect()
}

/// Established TCP connections, as far as this process may see them; none where there is no `/proc`.
fn connections() -> u64 {
    let of = |file| established(&std::fs::read_to_string(file).unwrap_or_default());
    of("/proc/net/tcp") + of("/proc/net/tcp6")
}

/// The state is the fourth column; 01 is established.
fn established(table: &str) -> u64 {
    let states = table.lines().filter_map(|line| line.split_ascii_whitespace().nth(3));
    states.filter(|state| *state == "01").count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_established_connections_count() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            0: 0100007F:1F90 00000000:0000 0A 0\n1: 0100007F:1F90 0100007F:0001 01 0\n2: a b 01\n";
        assert_eq!(established(table), 2);
    }

    #[test]
    fn a_reading_of_this_machine_can_be() {
        let found = SystemCollector::new().collect();
        assert_eq!(found.figures.len(), 9);
        for name in ["cpu_percent", "memory_percent", "disk_usage_percent"] {
            assert!((0.0..=100.0).contains(&found.json[name].as_f64().unwrap()), "{name}");
        }
        assert!(found.json["memory_used_mb"].as_f64().unwrap() > 1.0);
        // A connection of this test's own is among them.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        if cfg!(target_os = "linux") {
            let found = SystemCollector::new().collect();
            assert!(found.json["active_connections"].as_u64().unwrap() >= 1);
        }
    }
}
