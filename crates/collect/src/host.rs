//! Host: runs every collector and makes one snapshot of this machine.
//!
//! A collector that fails or panics costs only its own families: the others are read, and
//! `node_scrape_collector_success` tells which one had nothing to say.

use std::any::Any;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use model::{Family, Labels, Point};
use stdx::{Clock, Env};

use crate::cgroup::CgroupCollector;
use crate::connections::ConnectionsCollector;
use crate::gpu::GpuCollector;
use crate::processes::ProcessesCollector;
use crate::{CollectError, Collector, Config, Moment, guardian, node, roots};

/// Everything that was read at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When the collection began, Unix milliseconds.
    pub taken_ms: i64,
    /// Sorted by name, each name once.
    pub families: Vec<Family>,
    /// The collectors that could not read what they should have; a machine that lacks a subject is
    /// no failure.
    pub failures: Vec<Failure>,
}

/// A collector that went wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The collector's name.
    pub collector: &'static str,
    /// What to tell the operator.
    pub reason: String,
}

impl Snapshot {
    /// All points of a family; none when there is no such family.
    pub fn points(&self, name: &str) -> &[Point] {
        let found = self.families.binary_search_by(|family| family.name.as_ref().cmp(name));
        found.map_or(&[], |at| &self.families[at].points)
    }

    /// The value of the point without labels.
    pub fn value(&self, name: &str) -> Option<f64> {
        let plain = |point: &&Point| point.labels.is_empty() && point.suffix.is_empty();
        Some(self.points(name).iter().find(plain)?.value)
    }
}

/// A collector that panicked this often is broken for good and is not run any more.
const PANICS_MAX: u32 = 3;

/// All collectors of this machine.
pub struct Host {
    slots: Vec<Slot>,
    clock: Arc<dyn Clock>,
}

impl Host {
    /// A host with every collector there is.
    pub fn new(config: &Config, env: &Env) -> Self {
        let (roots, clock) = (&config.roots, &env.clock);
        let mut collectors = node::collectors(roots);
        collectors.extend(guardian::collectors(roots, clock));
        let others: [Box<dyn Collector>; 4] = [
            Box::new(GpuCollector::new(config.nvml_path.clone())),
            Box::new(CgroupCollector::new(roots.clone())),
            Box::new(ProcessesCollector::new(roots.clone(), clock.clone())),
            Box::new(ConnectionsCollector::new(roots.clone(), clock.clone())),
        ];
        collectors.extend(others);
        Self::with_collectors(collectors, clock.clone())
    }

    pub(crate) fn with_collectors(
        collectors: Vec<Box<dyn Collector>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut names = HashSet::new();
        for collector in &collectors {
            let name = collector.name();
            assert!(names.insert(name), "two collectors are named {name}");
        }
        let slots = collectors.into_iter().map(|collector| Slot { collector, panics: 0 });
        Self { slots: slots.collect(), clock }
    }

    /// Runs every collector once.
    pub fn collect(&mut self) -> Snapshot {
        let moment = Moment { now_ms: self.clock.now_ms(), monotonic: self.clock.monotonic() };
        let mut families = Vec::new();
        let mut failures = Vec::new();
        let mut report = Report::new();
        let (slots, clock) = (&mut self.slots, &self.clock);
        roots::sharing_files(|| {
            for slot in slots {
                let began = clock.monotonic();
                let outcome = slot.run(moment, &mut families);
                let seconds = clock.monotonic().saturating_sub(began).as_secs_f64();
                let collector = slot.collector.name();
                report.add(collector, seconds, outcome.is_ok());
                if let Err(Some(reason)) = outcome {
                    failures.push(Failure { collector, reason });
                }
            }
        });
        families.extend(report.families());
        Snapshot { taken_ms: moment.now_ms, families: one_entry_per_name(families), failures }
    }
}

/// One collector, and how often it panicked.
struct Slot {
    collector: Box<dyn Collector>,
    panics: u32,
}

impl Slot {
    /// Runs the collector; the error is `None` when there was simply nothing to read.
    fn run(&mut self, moment: Moment, families: &mut Vec<Family>) -> Result<(), Option<String>> {
        if self.panics >= PANICS_MAX {
            return Err(Some(format!("panicked {PANICS_MAX} times and is not run any more")));
        }
        let before = families.len();
        // A collector keeps plain numbers from one collection to the next; what a panic leaves of
        // them can make its next answer wrong, but nothing else.
        let collect = || self.collector.collect(moment, families);
        match catch_unwind(AssertUnwindSafe(collect)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(CollectError::Absent)) => Err(None),
            Ok(Err(error)) => Err(Some(with_causes(&error))),
            Err(panic) => {
                families.truncate(before);
                self.panics += 1;
                Err(Some(format!("panicked: {}", panic_text(panic.as_ref()))))
            }
        }
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &CollectError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Sorts the families by name; points of families with the same name come together in the first.
fn one_entry_per_name(mut families: Vec<Family>) -> Vec<Family> {
    families.sort_by(|a, b| a.name.cmp(&b.name));
    families.dedup_by(|later, first| {
        let same = later.name == first.name;
        if same {
            first.points.append(&mut later.points);
        }
        same
    });
    families
}

/// How long each collector took and whether it succeeded, in node_exporter's words.
struct Report {
    duration: Family,
    success: Family,
}

impl Report {
    fn new() -> Self {
        Self {
            duration: Family::gauge(
                "node_scrape_collector_duration_seconds",
                "node_exporter: Duration of a collector scrape.",
            ),
            success: Family::gauge(
                "node_scrape_collector_success",
                "node_exporter: Whether a collector succeeded.",
            ),
        }
    }

    fn add(&mut self, collector: &str, seconds: f64, success: bool) {
        let labels = Labels::default().with("collector", collector);
        self.duration.push(labels.clone(), seconds);
        self.success.push(labels, f64::from(u8::from(success)));
    }

    fn families(self) -> [Family; 2] {
        [self.duration, self.success]
    }
}

#[cfg(test)]
mod tests;
