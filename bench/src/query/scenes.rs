//! Scenes: what is watched. Services with counters and histograms, queues, hosts with what a node
//! exporter shows of them, many short-lived pods, and the ten metrics of the Time Series Benchmark
//! Suite's devops case.

use crate::query::data::{Data, Kind};

/// How many counters a service's instance has: 8 handlers with 5 codes each.
pub(crate) const N_INSTANCE_COUNTERS: usize = 40;
/// How many queues an instance has.
pub(crate) const N_INSTANCE_QUEUES: usize = 40;

/// A service on so many instances, with counters of requests for each of 8 handlers, and
/// histograms of how long they took for each of 4.
pub(crate) fn service(data: &mut Data, n_instances: usize) {
    const CODES: [&str; 5] = ["200", "204", "404", "429", "500"];
    for nth in 0..n_instances {
        let instance = format!("10.0.{}.{}:8080", nth / 250, nth % 250);
        for handler in 0..8 {
            let handler = format!("/api/v1/handler-{handler}");
            for code in CODES {
                let labels = [
                    ("__name__", "http_requests_total"),
                    ("code", code),
                    ("handler", &handler),
                    ("instance", &instance),
                    ("job", "service"),
                ];
                data.add(nth, &labels, Kind::Counter(40));
            }
        }
        for handler in 0..4 {
            histogram(data, nth, &instance, &format!("/api/v1/handler-{handler}"));
        }
    }
}

/// The buckets of one histogram. They are counters of their own, of which each rises so much faster
/// than the one below it that it is never lower.
fn histogram(data: &mut Data, target: usize, instance: &str, handler: &str) {
    const BOUNDS: [&str; 12] =
        ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
    for (nth, le) in BOUNDS.into_iter().enumerate() {
        let labels = [
            ("__name__", "http_request_duration_seconds_bucket"),
            ("handler", handler),
            ("instance", instance),
            ("job", "service"),
            ("le", le),
        ];
        data.add(target, &labels, Kind::Counter(10 + 40 * nth as u32));
    }
}

/// Queues on so many instances: gauges.
pub(crate) fn queues(data: &mut Data, n_instances: usize) {
    for nth in 0..n_instances {
        let instance = format!("10.1.{}.{}:8080", nth / 250, nth % 250);
        for queue in 0..N_INSTANCE_QUEUES {
            let labels = [
                ("__name__", "queue_length"),
                ("instance", instance.as_str()),
                ("job", "queues"),
                ("queue", &format!("queue-{queue:02}")),
            ];
            data.add(nth, &labels, Kind::Gauge(100));
        }
    }
}

/// So many hosts with what the panels of a node exporter's dashboard ask for.
pub(crate) fn nodes(data: &mut Data, n_hosts: usize) {
    for nth in 0..n_hosts {
        let instance = format!("node-{nth:03}:9100");
        Node { data, nth, instance: &instance }.add_all();
    }
}

struct Node<'a> {
    data: &'a mut Data,
    nth: usize,
    instance: &'a str,
}

impl Node<'_> {
    fn add_all(&mut self) {
        const MODES: [&str; 8] =
            ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
        for cpu in ["0", "1", "2", "3"] {
            for mode in MODES {
                let most = if mode == "idle" { 14.0 } else { 0.9 };
                self.add(
                    "node_cpu_seconds_total",
                    &[("cpu", cpu)],
                    &[("mode", mode)],
                    Kind::Seconds(most),
                );
            }
        }
        for name in ["node_load1", "node_load5", "node_load15"] {
            self.add(name, &[], &[], Kind::Gauge(8));
        }
        for name in ["MemFree", "MemAvailable", "Buffers", "Cached", "SwapFree"] {
            self.add(&format!("node_memory_{name}_bytes"), &[], &[], Kind::Gauge(16_000_000));
        }
        for name in ["MemTotal", "SwapTotal"] {
            let name = format!("node_memory_{name}_bytes");
            self.add(&name, &[], &[], Kind::Constant(16_777_216_000.0));
        }
        self.add("node_boot_time_seconds", &[], &[], Kind::Constant(1_750_000_000.0));
        for device in ["sda", "sdb"] {
            let device = [("device", device)];
            self.add("node_disk_read_bytes_total", &device, &[], Kind::Counter(1_000_000));
            self.add("node_disk_written_bytes_total", &device, &[], Kind::Counter(3_000_000));
            self.add("node_disk_io_time_seconds_total", &device, &[], Kind::Seconds(5.0));
        }
        for device in ["eth0", "lo"] {
            let device = [("device", device)];
            self.add("node_network_receive_bytes_total", &device, &[], Kind::Counter(10_000_000));
            self.add("node_network_transmit_bytes_total", &device, &[], Kind::Counter(9_000_000));
        }
        for mount in ["/", "/boot", "/var"] {
            let mount = [("mountpoint", mount)];
            self.add("node_filesystem_avail_bytes", &[], &mount, Kind::Gauge(40_000_000));
            self.add("node_filesystem_size_bytes", &[], &mount, Kind::Constant(4e11));
        }
    }

    /// Labels stand by name: some before `instance`, some after `job`.
    fn add(&mut self, name: &str, before: &[(&str, &str)], after: &[(&str, &str)], kind: Kind) {
        let mut labels = vec![("__name__", name)];
        labels.extend_from_slice(before);
        labels.extend([("instance", self.instance), ("job", "node")]);
        labels.extend_from_slice(after);
        self.data.add(self.nth, &labels, kind);
    }
}

/// So many pods, named as deployments name them, of 20 applications.
pub(crate) fn pods(data: &mut Data, n_pods: usize) {
    for nth in 0..n_pods {
        // Every name is another one; what looks random is the number, mixed.
        let mixed = (nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let pod = format!("app-{:02}-{:08x}-{:05x}", nth % 20, mixed >> 32, mixed >> 12 & 0xf_ffff);
        let node = nth / 100;
        let labels = [
            ("__name__", "pod_memory_bytes"),
            ("job", "pods"),
            ("namespace", &format!("team-{}", nth % 7)),
            ("node", &format!("node-{node:04}")),
            ("pod", &pod),
        ];
        data.add(node, &labels, Kind::Gauge(1_000_000));
    }
}

/// The metrics of a host in the devops case.
pub(crate) const CPU_METRICS: [&str; 10] = [
    "cpu_usage_guest",
    "cpu_usage_guest_nice",
    "cpu_usage_idle",
    "cpu_usage_iowait",
    "cpu_usage_irq",
    "cpu_usage_nice",
    "cpu_usage_softirq",
    "cpu_usage_steal",
    "cpu_usage_system",
    "cpu_usage_user",
];

/// So many hosts with the ten metrics of the devops case and its labels.
pub(crate) fn devops(data: &mut Data, n_hosts: usize) {
    const REGIONS: [&str; 4] = ["ap-northeast-1", "eu-central-1", "us-east-1", "us-west-2"];
    for nth in 0..n_hosts {
        for metric in CPU_METRICS {
            let labels = [
                ("__name__", metric),
                ("arch", if nth % 3 == 0 { "x86" } else { "x64" }),
                ("datacenter", &format!("{}a", REGIONS[nth % 4])),
                ("hostname", &format!("host_{nth}")),
                ("os", "Ubuntu16.04LTS"),
                ("rack", &(nth % 97).to_string()),
                ("region", REGIONS[nth % 4]),
                ("service", &(nth % 19).to_string()),
                ("team", ["CHI", "LON", "NYC", "SF"][nth % 4]),
            ];
            data.add(nth, &labels, Kind::Gauge(100));
        }
    }
}
