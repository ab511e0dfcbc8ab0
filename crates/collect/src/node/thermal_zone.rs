//! thermal_zone: the firmware's temperature zones and what cools them.

use std::sync::Arc;

use model::Family;

use super::kernel::{Attributes, numbered};
use crate::{CollectError, Collector, Moment, Roots};

pub(super) struct ThermalZone {
    roots: Arc<Roots>,
}

impl ThermalZone {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for ThermalZone {
    fn name(&self) -> &'static str {
        "thermal_zone"
    }

    /// A host without zones has nothing to show and nothing wrong.
    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/thermal");
        let mut temperature = Family::gauge("node_thermal_zone_temp", "Temperature in Celsius.");
        for (zone, dir) in numbered(&dir, "thermal_zone") {
            let Some(files) = Attributes::open(&dir) else {
                continue;
            };
            // A zone that is switched off refuses to say.
            if let Some(value) = files.number("temp") {
                let kind = files.text("type").unwrap_or_default();
                let labels = [("type", &*kind), ("zone", &zone.to_string())];
                temperature.push_with(labels, value / 1000.0);
            }
        }
        let mut current =
            Family::gauge("node_cooling_device_cur_state", "How hard the device cools now.");
        let mut maximum =
            Family::gauge("node_cooling_device_max_state", "How hard the device can cool.");
        for (device, dir) in numbered(&dir, "cooling_device") {
            let Some(files) = Attributes::open(&dir) else {
                continue;
            };
            let kind = files.text("type").unwrap_or_default();
            let device = device.to_string();
            let labels = [("name", &*device), ("type", &*kind)];
            if let Some(value) = files.number("cur_state") {
                current.push_with(labels, value);
            }
            if let Some(value) = files.number("max_state") {
                maximum.push_with(labels, value);
            }
        }
        let filled = |family: &Family| !family.points.is_empty();
        out.extend([temperature, current, maximum].into_iter().filter(filled));
        Ok(())
    }
}
