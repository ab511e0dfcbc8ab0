//! hwmon: temperatures, fans, voltages, currents, power and more, from every sensor chip.
//!
//! A chip is a directory of files `<kind><number>_<property>`, such as `temp1_input`; kind and
//! property make the family's name, and kind and number the `sensor` label.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::{Family, MetricKind};

use super::families::Families;
use super::kernel::{Attributes, entries, number};
use super::table::labels;
use crate::{CollectError, Collector, Moment, Roots};

const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// A sensor's properties: the file's text by the last part of its name, empty for none.
type Properties = BTreeMap<String, String>;
type Sensors = BTreeMap<(&'static str, u32), Properties>;

pub(super) struct Hwmon {
    roots: Arc<Roots>,
}

impl Hwmon {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { roots: Arc::clone(roots) }
    }
}

impl Collector for Hwmon {
    fn name(&self) -> &'static str {
        "hwmon"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let dir = self.roots.sys.join("class/hwmon");
        let mut families = Families::default();
        for entry in entries(&dir)? {
            add_chip(&dir.join(entry), &mut families);
        }
        families.finish(out);
        Ok(())
    }
}

fn add_chip(dir: &Path, families: &mut Families) {
    let Some(chip) = chip_label(dir) else {
        return;
    };
    let name = Attributes::open(dir).and_then(|files| files.text("name"));
    let name = clean(&name.unwrap_or_default());
    if !name.is_empty() {
        families.add(
            "node_hwmon_chip_names".into(),
            ("The chip's own name, always 1.", MetricKind::Gauge),
            labels([("chip", &chip), ("chip_name", &name)]),
            1.0,
        );
    }
    let mut sensors = Sensors::new();
    // Old drivers keep their files in the device's directory.
    for dir in [dir.to_owned(), dir.join("device")] {
        read_sensors(&dir, &mut sensors);
    }
    for ((kind, number), properties) in &sensors {
        add_sensor(&chip, kind, &format!("{kind}{number}"), properties, families);
    }
}

fn read_sensors(dir: &Path, sensors: &mut Sensors) {
    let (Ok(names), Some(files)) = (entries(dir), Attributes::open(dir)) else {
        return;
    };
    for file in names {
        if let Some((kind, number, property)) = split_file_name(&file)
            && let Some(text) = files.line(&file)
        {
            let properties = sensors.entry((kind, number)).or_default();
            properties.insert(property.to_owned(), text);
        }
    }
}

/// `temp12_crit_alarm` is temp, 12, crit_alarm; `pwm1` has no property, `vrm` no number.
fn split_file_name(file: &str) -> Option<(&'static str, u32, &str)> {
    let word = file.split(|c: char| c.is_ascii_digit()).next()?;
    let kind = KINDS.into_iter().find(|kind| *kind == word)?;
    let rest = &file[word.len()..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = rest.split_at(digits);
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    match rest.strip_prefix('_') {
        Some(property) if !property.is_empty() => Some((kind, number, property)),
        None if rest.is_empty() => Some((kind, number, "")),
        _ => None,
    }
}

fn add_sensor(
    chip: &str,
    kind: &str,
    sensor: &str,
    properties: &Properties,
    families: &mut Families,
) {
    let label = properties.get("label");
    if let Some(label) = label {
        families.add(
            "node_hwmon_sensor_label".into(),
            ("The sensor's label, always 1.", MetricKind::Gauge),
            labels([("chip", chip), ("label", label), ("sensor", sensor)]),
            1.0,
        );
    }
    for (property, text) in properties {
        if property == "label" {
            continue;
        }
        let Some(value) = number(text.trim()) else {
            continue;
        };
        let reading = Reading { kind, property, has_plain_file: properties.contains_key("") };
        if let Some((name, value)) = reading.named(value) {
            // Clocks are told apart by what they drive, not by their number.
            let clock = label.filter(|_| kind == "freq").map(|label| clean(label));
            let sensor = clock.as_deref().unwrap_or(sensor);
            let counts = name.ends_with("_total");
            let metric_kind = if counts { MetricKind::Counter } else { MetricKind::Gauge };
            families.add(
                name,
                ("A sensor's reading or limit.", metric_kind),
                labels([("chip", chip), ("sensor", sensor)]),
                value,
            );
        }
    }
}

/// One file's place among the families.
struct Reading<'a> {
    kind: &'a str,
    property: &'a str,
    /// The sensor has a file without a property, so `_input` must be told apart from it.
    has_plain_file: bool,
}

impl Reading<'_> {
    /// The family's name and the value in its unit.
    fn named(&self, value: f64) -> Option<(String, f64)> {
        let property = clean(self.property);
        let prefix = match self.property {
            "" => format!("node_hwmon_{}", self.kind),
            "input" if !self.has_plain_file => format!("node_hwmon_{}", self.kind),
            _ => format!("node_hwmon_{}_{property}", self.kind),
        };
        let with = |unit: &str, value: f64| Some((format!("{prefix}{unit}"), value));
        match (self.kind, self.property) {
            ("beep_enable", _) => {
                let enabled = if value == 1.0 { 1.0 } else { 0.0 };
                Some(("node_hwmon_beep_enabled".into(), enabled))
            }
            ("vrm", _) => Some(("node_hwmon_voltage_regulator_version".into(), value)),
            ("update_interval", _) => {
                Some(("node_hwmon_update_interval_seconds".into(), value / 1e3))
            }
            (_, "fault" | "alarm") => with("", value),
            (_, "beep") => with("_enabled", value),
            ("in" | "cpu", _) => with("_volts", value / 1e3),
            ("temp", "type") => with("", value),
            ("temp", _) => with("_celsius", value / 1e3),
            ("curr", _) => with("_amps", value / 1e3),
            ("energy", _) => with("_joule_total", value / 1e6),
            ("power", "accuracy") => with("", value / 1e6),
            ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
                with("_seconds", value / 1e3)
            }
            ("power", _) => with("_watt", value / 1e6),
            ("humidity", _) => with("", value / 1e6),
            ("fan", "input" | "min" | "max" | "target") => with("_rpm", value),
            ("freq", "input") => with("_freq_mhz", value / 1e6),
            ("freq", _) => None,
            _ => with("", value),
        }
    }
}

/// The chip's label must not depend on the order in which drivers were loaded, as `hwmon3` does:
/// bus and device first, then the chip's name, and only then the directory.
fn chip_label(dir: &Path) -> Option<String> {
    if let Ok(device) = dir.join("device").canonicalize() {
        let part = |path: &Path| clean(&path.file_name().unwrap_or_default().to_string_lossy());
        let name = part(&device);
        let bus = device.parent().map(part).unwrap_or_default();
        match (bus.as_str(), name.as_str()) {
            (_, "") => {}
            ("", _) => return Some(name),
            _ => return Some(format!("{bus}_{name}")),
        }
    }
    let name = Attributes::open(dir).and_then(|files| files.text("name"));
    let name = clean(&name.unwrap_or_default());
    if !name.is_empty() {
        return Some(name);
    }
    let real = dir.canonicalize().ok()?;
    let name = clean(&real.file_name()?.to_string_lossy());
    (!name.is_empty()).then_some(name)
}

/// Lower case, with `_` for whatever is no letter, digit or colon, and none at the ends.
fn clean(text: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '_');
    let lower = text.to_lowercase();
    let replaced: String = lower.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    replaced.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Reading, split_file_name};

    #[test]
    fn file_names_have_three_parts() {
        assert_eq!(split_file_name("temp12_crit_alarm"), Some(("temp", 12, "crit_alarm")));
        assert_eq!(split_file_name("pwm1"), Some(("pwm", 1, "")));
        assert_eq!(split_file_name("beep_enable"), Some(("beep_enable", 0, "")));
        assert_eq!(split_file_name("name"), None);
        assert_eq!(split_file_name("temp1x"), None);
        assert_eq!(split_file_name("temp99999999999_input"), None);
        assert_eq!(split_file_name("power"), Some(("power", 0, "")));
    }

    #[test]
    fn readings_carry_their_unit() {
        let named = |kind, property| {
            let has_plain_file = false;
            let reading = Reading { kind, property, has_plain_file };
            reading.named(1_500_000.0).unwrap()
        };
        assert_eq!(named("temp", "input"), ("node_hwmon_temp_celsius".into(), 1500.0));
        assert_eq!(named("temp", "type"), ("node_hwmon_temp_type".into(), 1_500_000.0));
        assert_eq!(named("power", "average"), ("node_hwmon_power_average_watt".into(), 1.5));
        assert_eq!(named("energy", "input"), ("node_hwmon_energy_joule_total".into(), 1.5));
        assert_eq!(named("in", "min"), ("node_hwmon_in_min_volts".into(), 1500.0));
        assert_eq!(named("fan", "alarm"), ("node_hwmon_fan_alarm".into(), 1_500_000.0));
        assert_eq!(named("freq", "input"), ("node_hwmon_freq_freq_mhz".into(), 1.5));
    }
}
