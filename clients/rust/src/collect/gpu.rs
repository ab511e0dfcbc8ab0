//! NVIDIA cards, read by NVML with the feature `gpu`.
//!
//! No feature, no library, no driver and no card all mean the same: a count of 0, and no error.

use serde_json::{Value, json};

use super::{Collected, Collector, Figure};

/// The key in JSON and the name in Prometheus' text of what a card tells.
const NAMES: [(&str, &str); 8] = [
    ("temperature", "gpu_temperature_celsius"),
    ("power_usage", "gpu_power_watts"),
    ("memory_total", "gpu_memory_total_bytes"),
    ("memory_used", "gpu_memory_used_bytes"),
    ("memory_free", "gpu_memory_free_bytes"),
    ("utilization", "gpu_utilization_percent"),
    ("memory_utilization", "gpu_memory_utilization_percent"),
    ("fan_speed", "gpu_fan_speed_percent"),
];

/// Reads the cards.
#[derive(Debug, Default)]
pub struct GpuCollector {
    /// Loaded once: a machine gets no card as it runs.
    #[cfg(feature = "gpu")]
    nvml: Option<nvml_wrapper::Nvml>,
}

impl GpuCollector {
    /// Loads the library, if there is one.
    pub fn new() -> Self {
        Self {
            #[cfg(feature = "gpu")]
            nvml: nvml_wrapper::Nvml::init().ok(),
        }
    }

    #[cfg(not(feature = "gpu"))]
    #[expect(clippy::unused_self, reason = "with the feature it reads the library")]
    fn devices(&self) -> Vec<Value> {
        Vec::new()
    }

    #[cfg(feature = "gpu")]
    fn devices(&self) -> Vec<Value> {
        let Some(nvml) = &self.nvml else { return Vec::new() };
        let n_devices = nvml.device_count().unwrap_or(0);
        let device = |id| nvml.device_by_index(id).ok().map(|device| device_json(&device));
        (0..n_devices).filter_map(device).collect()
    }
}

/// What a card does not tell, as one without a fan, is null.
#[cfg(feature = "gpu")]
fn device_json(device: &nvml_wrapper::Device<'_>) -> Value {
    use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

    let memory = device.memory_info().ok();
    let busy = device.utilization_rates().ok();
    json!({
        "name": device.name().unwrap_or_else(|_| "unknown".to_owned()),
        "temperature": device.temperature(TemperatureSensor::Gpu).ok(),
        "power_usage": device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0),
        "memory_total": memory.as_ref().map(|memory| memory.total),
        "memory_used": memory.as_ref().map(|memory| memory.used),
        "memory_free": memory.as_ref().map(|memory| memory.free),
        "utilization": busy.as_ref().map(|busy| busy.gpu),
        "memory_utilization": busy.as_ref().map(|busy| busy.memory),
        "fan_speed": device.fan_speed(0).ok(),
    })
}

impl Collector for GpuCollector {
    fn name(&self) -> &str {
        "gpu"
    }

    fn collect(&mut self) -> Collected {
        collected(&self.devices())
    }
}

fn collected(devices: &[Value]) -> Collected {
    let mut figures = vec![Figure::gauge("gpu_device_count", devices.len() as f64)];
    for (id, device) in devices.iter().enumerate() {
        for (key, name) in NAMES {
            if let Some(value) = device[key].as_f64() {
                let figure = Figure::gauge(name, value).with("gpu_id", id.to_string());
                figures.push(figure.with("name", device["name"].as_str().unwrap_or("unknown")));
            }
        }
    }
    Collected { json: json!({ "device_count": devices.len(), "devices": devices }), figures }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_told_apart_and_what_they_do_not_tell_is_left_out() {
        let card = |temperature: Value| json!({ "name": "H200", "temperature": temperature });
        let found = collected(&[card(json!(41)), card(Value::Null)]);
        assert_eq!(found.json["device_count"], 2);
        let labels = vec![("gpu_id", "0".to_owned()), ("name", "H200".to_owned())];
        let expected = Figure { labels, ..Figure::gauge("gpu_temperature_celsius", 41.0) };
        assert_eq!(found.figures, [Figure::gauge("gpu_device_count", 2.0), expected]);
    }

    #[test]
    fn without_cards_the_count_is_zero() {
        let found = collected(&[]);
        assert_eq!(found.json, json!({ "device_count": 0, "devices": [] }));
        assert_eq!(found.figures, [Figure::gauge("gpu_device_count", 0.0)]);
    }
}
