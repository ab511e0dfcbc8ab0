//! This process and its host: CPU, memory, disks, network and load.
//!
//! The four names that Pharos' pages know best are `cpu`, `memory` and `disk` in percent and
//! `network` in bytes per second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sysinfo::{Disks, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::health::{Health, Thresholds};
use crate::{Client, Periodic};

/// Reads this process and its host. The first reading of a rate covers no time and says 0.
pub struct Host {
    system: System,
    disks: Disks,
    networks: Networks,
    own: Option<Pid>,
    read_at: Instant,
}

/// One value: name, value, labels.
type Reading = (&'static str, f64, Vec<(&'static str, String)>);

/// Name, description, and what to measure in percent.
type HostCheck = (&'static str, &'static str, fn(&mut Host) -> f64);

impl Host {
    /// Reads for the first time.
    pub fn new() -> Self {
        let mut system = System::new();
        system.refresh_cpu_usage();
        Self {
            system,
            disks: Disks::new_with_refreshed_list(),
            networks: Networks::new_with_refreshed_list(),
            own: sysinfo::get_current_pid().ok(),
            read_at: Instant::now(),
        }
    }

    /// How busy the processors are since the last reading, in percent of all.
    pub fn cpu_percent(&mut self) -> f64 {
        self.system.refresh_cpu_usage();
        f64::from(self.system.global_cpu_usage())
    }

    /// How much memory is in use, in percent.
    pub fn memory_percent(&mut self) -> f64 {
        self.system.refresh_memory();
        percent(self.system.used_memory(), self.system.total_memory())
    }

    /// How much of the fullest disk is in use, in percent.
    pub fn disk_percent(&mut self) -> f64 {
        self.disks.refresh(true);
        self.disks.iter().map(disk_percent).fold(0.0, f64::max)
    }

    /// Everything: `cpu`, `memory`, `disk`, `network`, `memory_available_bytes`,
    /// `disk_free_bytes{mount}`, `load1`, `load5`, `load15`, and of this process
    /// `process_cpu_percent` (of one processor) and `process_memory_bytes`.
    pub fn report(&mut self, client: &Client) {
        for (name, value, labels) in self.read() {
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
            client.metric_with(name, value, &labels);
        }
    }

    fn read(&mut self) -> Vec<Reading> {
        let mut all: Vec<Reading> = vec![
            ("cpu", self.cpu_percent(), vec![]),
            ("memory", self.memory_percent(), vec![]),
            ("memory_available_bytes", self.system.available_memory() as f64, vec![]),
            ("disk", self.disk_percent(), vec![]),
        ];
        let free = |disk: &sysinfo::Disk| -> Reading {
            let mount = crate::report::cut(&disk.mount_point().to_string_lossy(), 200).to_owned();
            ("disk_free_bytes", disk.available_space() as f64, vec![("mount", mount)])
        };
        // A host of containers has a mount for each; those of the first hundred say enough.
        all.extend(self.disks.iter().take(100).map(free));
        all.push(("network", self.network_bytes_per_second(), vec![]));
        let load = System::load_average();
        all.extend(
            [("load1", load.one), ("load5", load.five), ("load15", load.fifteen)]
                .map(|(name, value)| (name, value, vec![])),
        );
        all.extend(self.read_process());
        all
    }

    /// Both ways, over all interfaces but the one to itself.
    fn network_bytes_per_second(&mut self) -> f64 {
        let seconds = std::mem::replace(&mut self.read_at, Instant::now()).elapsed().as_secs_f64();
        self.networks.refresh(true);
        let outside = self.networks.iter().filter(|(name, _)| !name.starts_with("lo"));
        let n_bytes: u64 = outside.map(|(_, data)| data.received() + data.transmitted()).sum();
        if seconds > 0.0 { n_bytes as f64 / seconds } else { 0.0 }
    }

    fn read_process(&mut self) -> Vec<Reading> {
        let Some(own) = self.own else { return Vec::new() };
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, kind);
        let Some(process) = self.system.process(own) else { return Vec::new() };
        vec![
            ("process_cpu_percent", f64::from(process.cpu_usage()), vec![]),
            ("process_memory_bytes", process.memory() as f64, vec![]),
        ]
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("process", &self.own).finish_non_exhaustive()
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn disk_percent(disk: &sysinfo::Disk) -> f64 {
    percent(disk.total_space().saturating_sub(disk.available_space()), disk.total_space())
}

impl Client {
    /// Reports this process and its host now and after each interval, see [`Host::report`], until
    /// the answer is dropped. Half a minute or a minute is a good interval.
    pub fn watch_host(&self, interval: Duration) -> Periodic {
        let mut host = Host::new();
        self.every(interval, move |client| host.report(client))
    }
}

impl Health {
    /// Adds the checks `cpu`, `memory` and `disk` with these thresholds, in percent.
    pub fn register_host(&self, thresholds: Thresholds) {
        let host = Arc::new(Mutex::new(Host::new()));
        let checks: [HostCheck; 3] = [
            ("cpu", "CPU usage health check", Host::cpu_percent),
            ("memory", "Memory usage health check", Host::memory_percent),
            ("disk", "Disk usage health check", Host::disk_percent),
        ];
        for (name, description, measure) in checks {
            let host = Arc::clone(&host);
            let measure = move || measure(&mut host.lock().unwrap_or_else(PoisonError::into_inner));
            self.register(name, description, thresholds.check("%", measure));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HealthState;

    #[test]
    fn all_names_have_values_that_can_be() {
        let readings = Host::new().read();
        let value = |name| readings.iter().find(|reading| reading.0 == name).unwrap().1;
        for name in ["cpu", "memory", "disk"] {
            assert!((0.0..=100.0).contains(&value(name)), "{name} {}", value(name));
        }
        assert!(value("memory_available_bytes") > 0.0 && value("process_memory_bytes") > 1e5);
        for name in ["network", "load1", "load15", "process_cpu_percent"] {
            assert!(value(name) >= 0.0);
        }
    }

    #[test]
    fn checks_of_the_host_follow_their_thresholds() {
        let health = Health::new("api");
        health.register_host(Thresholds { warning: 0.0, critical: 101.0 });
        let states: Vec<_> = health.run_all().into_iter().map(|(_, found)| found.state).collect();
        assert_eq!(states, [HealthState::Degraded; 3]);
    }
}
