//! Collectors: six readers of a machine and a program, and the place that holds them.
//!
//! [`CpuCollector`], [`MemoryCollector`] and [`GpuCollector`] read hardware, [`SystemCollector`] the machine
//! as a whole, [`ApiCollector`] the requests a program answered, [`AppCollector`] the program's own
//! figures. [`Collectors`] holds them by name and tells what they read as JSON, as Prometheus' text, or
//! to Pharos. Anything that implements [`Collector`] joins them.

mod api;
mod app;
mod cpu;
mod gpu;
mod memory;
mod system;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::{Map, Value};

pub use api::{ApiCall, ApiCollector};
pub use app::{AppCollector, AppFigures};
pub use cpu::CpuCollector;
pub use gpu::GpuCollector;
pub use memory::MemoryCollector;
pub use system::SystemCollector;

use crate::said::TARGET;
use crate::{Client, Periodic};

/// Labels of a figure.
pub type FigureLabels = Vec<(&'static str, String)>;

/// Reads something.
pub trait Collector: Send {
    /// The key of its JSON, such as `cpu`.
    fn name(&self) -> &str;

    /// What it reads now.
    fn collect(&mut self) -> Collected;
}

/// What a collector has read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// For people and programs that want the whole.
    pub json: Value,
    /// One by one.
    pub figures: Vec<Figure>,
}

/// One number with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// As in Prometheus' text, with its unit.
    pub name: &'static str,
    /// Only grows; else it is a gauge.
    pub is_counter: bool,
    /// One that is no finite number is told nowhere.
    pub value: f64,
    /// What tells it from others of its name.
    pub labels: FigureLabels,
}

impl Figure {
    /// A value that goes up and down.
    pub fn gauge(name: &'static str, value: f64) -> Self {
        Self { name, is_counter: false, value, labels: Vec::new() }
    }

    /// A value that only grows.
    pub fn counter(name: &'static str, value: f64) -> Self {
        Self { name, is_counter: true, value, labels: Vec::new() }
    }

    /// The same with a label more.
    #[must_use]
    pub fn with(mut self, label: &'static str, text: impl Into<String>) -> Self {
        self.labels.push((label, text.into()));
        self
    }
}

/// Holds collectors by name.
#[derive(Default)]
pub struct Collectors(BTreeMap<String, Box<dyn Collector>>);

impl std::fmt::Debug for Collectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Collectors {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of the machine: `cpu`, `memory`, `gpu` and `system`.
    pub fn host() -> Self {
        let mut all = Self::new();
        all.add(CpuCollector::new());
        all.add(MemoryCollector::new());
        all.add(GpuCollector::new());
        all.add(SystemCollector::new());
        all
    }

    /// Adds one, or replaces the one of its name.
    pub fn add(&mut self, collector: impl Collector + 'static) {
        self.0.insert(collector.name().to_owned(), Box::new(collector));
    }

    /// What all of them read now, by name.
    pub fn to_json(&mut self) -> Value {
        let all = self.collect().into_iter().map(|(name, collected)| (name, collected.json));
        Value::Object(all.collect::<Map<String, Value>>())
    }

    /// What one of them reads now, under its name; `None` if there is none of that name.
    pub fn one_to_json(&mut self, name: &str) -> Option<Value> {
        let collected = collect_one(name, self.0.get_mut(name)?.as_mut())?;
        Some(Value::Object(Map::from_iter([(name.to_owned(), collected.json)])))
    }

    /// What all of them read now, as Prometheus' text.
    pub fn to_prometheus(&mut self) -> String {
        let figures = self.collect().into_iter().flat_map(|(_, collected)| collected.figures);
        text_of(figures)
    }

    /// Sends what all of them read now.
    pub fn report(&mut self, client: &Client) {
        for figure in self.collect().into_iter().flat_map(|(_, collected)| collected.figures) {
            if figure.value.is_finite() {
                let labels: Vec<(&str, &str)> =
                    figure.labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
                client.metric_with(figure.name, figure.value, &labels);
            }
        }
    }

    /// Sends what all of them read, now and after each interval, until the answer is dropped.
    pub fn report_every(mut self, client: &Client, interval: Duration) -> Periodic {
        client.every(interval, move |client| self.report(client))
    }

    fn collect(&mut self) -> Vec<(String, Collected)> {
        let read = |(name, one): (&String, &mut Box<dyn Collector>)| {
            Some((name.clone(), collect_one(name, one.as_mut())?))
        };
        self.0.iter_mut().filter_map(read).collect()
    }
}

/// A collector that panics costs its own figures, not those of the others.
fn collect_one(name: &str, collector: &mut dyn Collector) -> Option<Collected> {
    let collected = catch_unwind(AssertUnwindSafe(|| collector.collect()));
    if collected.is_err() {
        log::warn!(target: TARGET, "the collector {name} has panicked");
    }
    collected.ok()
}

/// The lines of a name stand together, as the format wants it.
fn text_of(figures: impl Iterator<Item = Figure>) -> String {
    let mut groups: BTreeMap<&'static str, (bool, Vec<Figure>)> = BTreeMap::new();
    for figure in figures.filter(|figure| figure.value.is_finite()) {
        let group = groups.entry(figure.name).or_insert((figure.is_counter, Vec::new()));
        group.1.push(figure);
    }
    let mut text = String::new();
    for (name, (is_counter, figures)) in groups {
        let kind = if is_counter { "counter" } else { "gauge" };
        // Writing to a String has no way to fail.
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for figure in figures {
            let _ = writeln!(text, "{name}{} {}", labels_text(&figure.labels), figure.value);
        }
    }
    text
}

fn labels_text(labels: &[(&'static str, String)]) -> String {
    let escaped = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let parts: Vec<String> =
        labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
    if parts.is_empty() { String::new() } else { format!("{{{}}}", parts.join(",")) }
}

/// A share of a whole in percent, with two decimals; 0 of nothing.
pub(crate) fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part * 10_000.0 / whole).round() / 100.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    struct Own(f64);

    impl Collector for Own {
        fn name(&self) -> &str {
            "own"
        }

        fn collect(&mut self) -> Collected {
            assert!(self.0 >= 0.0, "this one panics");
            let figures = vec![
                Figure::gauge("b_celsius", self.0).with("name", "A \"1\"\\\n"),
                Figure::counter("a_total", 3.0),
                Figure::gauge("b_celsius", f64::NAN),
                Figure::gauge("b_celsius", 2.5).with("name", "B"),
            ];
            Collected { json: json!({ "n": self.0 }), figures }
        }
    }

    #[test]
    fn the_text_has_the_lines_of_a_name_together_and_escapes() {
        let mut all = Collectors::new();
        all.add(Own(1.0));
        let expected = "# TYPE a_total counter\na_total 3\n# TYPE b_celsius gauge\n\
            b_celsius{name=\"A \\\"1\\\"\\\\\\n\"} 1\nb_celsius{name=\"B\"} 2.5\n";
        assert_eq!(all.to_prometheus(), expected);
        assert_eq!(all.one_to_json("own"), Some(json!({ "own": { "n": 1.0 } })));
        assert_eq!(all.one_to_json("tpu"), None);
    }

    #[test]
    fn one_that_panics_costs_its_own_figures_alone() {
        let mut all = Collectors::new();
        all.add(Own(-1.0));
        all.add(AppCollector::new());
        assert_eq!(all.to_json().as_object().unwrap().keys().collect::<Vec<_>>(), ["app"]);
    }

    #[test]
    fn what_is_read_is_reported_but_for_what_is_no_number() {
        let client = Client::builder().url("http://127.0.0.1:1").retries_max(0);
        let client = client.flush_timeout(Duration::ZERO).build().unwrap();
        let mut all = Collectors::new();
        all.add(Own(1.0));
        all.report(&client);
        let stats = client.stats();
        assert_eq!((stats.queued + stats.failed, stats.dropped), (3, 0));
    }

    /// Every name that the guardian family documents is there on Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_machine_has_the_documented_names() {
        let mut all = Collectors::host();
        let text = all.to_prometheus();
        for name in [
            "cpu_physical_count",
            "cpu_logical_count",
            "cpu_percent_total",
            "cpu_percent_per_cpu{core=\"0\"}",
            "cpu_ctx_switches_total",
            "cpu_interrupts_total",
            "cpu_soft_interrupts_total",
            "cpu_syscalls_total",
            "memory_virtual_total_bytes",
            "memory_virtual_available_bytes",
            "memory_virtual_used_bytes",
            "memory_virtual_free_bytes",
            "memory_virtual_percent",
            "memory_swap_total_bytes",
            "memory_swap_used_bytes",
            "memory_swap_free_bytes",
            "memory_swap_percent",
            "memory_swap_sin_total",
            "memory_swap_sout_total",
            "gpu_device_count",
            "disk_usage_percent",
            "active_connections",
        ] {
            assert!(
                text.lines().any(|line| line.starts_with(&format!("{name} "))),
                "{name}\n{text}"
            );
        }
        assert!(text.contains("# TYPE cpu_percent_total gauge\n"));
        assert!(text.contains("# TYPE cpu_ctx_switches_total counter\n"));
        let json = all.to_json();
        assert!(json["cpu"]["count"]["logical"].as_u64().unwrap() > 0);
        assert!(json["cpu"]["stats"]["ctx_switches"].as_u64().unwrap() > 0);
        assert_eq!(
            json["cpu"]["percent"]["per_cpu"].as_array().unwrap().len() as u64,
            json["cpu"]["count"]["logical"].as_u64().unwrap()
        );
        let memory = &json["memory"]["virtual"];
        assert!(memory["total"].as_u64() > memory["available"].as_u64());
        assert!(memory["percent"].as_f64().unwrap() > 0.0);
        assert!(json["gpu"]["devices"].is_array());
    }
}
