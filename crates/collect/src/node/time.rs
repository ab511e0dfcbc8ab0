//! time: the wall clock, its zone and its source.

use std::sync::Arc;

use model::Family;

use super::clock_calls::local_zone;
use super::kernel::{Attributes, numbered};
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct Time {
    roots: Arc<Roots>,
}

impl Time {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }

    fn push_clock_sources(&self, out: &mut Vec<Family>) {
        let mut available = Family::gauge(
            "node_time_clocksource_available_info",
            "Clock sources the kernel could use, always 1.",
        );
        let mut current = Family::gauge(
            "node_time_clocksource_current_info",
            "The clock source the kernel uses, always 1.",
        );
        let dir = self.roots.sys.join("devices/system/clocksource");
        for (device, dir) in numbered(&dir, "clocksource") {
            let Some(attributes) = Attributes::open(&dir) else {
                continue;
            };
            let device = device.to_string();
            let sources = attributes.text("available_clocksource").unwrap_or_default();
            for source in sources.split_ascii_whitespace() {
                available.push_with([("clocksource", source), ("device", &device)], 1.0);
            }
            if let Some(source) = attributes.text("current_clocksource") {
                current.push_with([("clocksource", &source), ("device", &device)], 1.0);
            }
        }
        let filled = |family: &Family| !family.points.is_empty();
        out.extend([available, current].into_iter().filter(filled));
    }
}

impl Collector for Time {
    fn name(&self) -> &'static str {
        "time"
    }

    fn collect(&mut self, moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let seconds = moment.now_ms as f64 / 1000.0;
        out.push(
            Family::gauge("node_time_seconds", "The wall clock, Unix time.").with_value(seconds),
        );
        if let Some((zone, offset)) = local_zone(moment.now_ms.div_euclid(1000)) {
            let mut family = Family::gauge(
                "node_time_zone_offset_seconds",
                "Seconds this host's time zone is east of Greenwich.",
            );
            family.push_with([("time_zone", &zone)], offset as f64);
            out.push(family);
        }
        self.push_clock_sources(out);
        Ok(())
    }
}
