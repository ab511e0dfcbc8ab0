//! The readings of the cards as families. What a card does not tell has no sample.

use model::{Family, Labels};

use super::driver::{Gpu, Reading};

/// The family that is there on every machine.
pub(super) fn count(n_gpus: u32) -> Family {
    let family =
        Family::gauge("gpu_device_count", "NVIDIA GPUs in this machine; 0 without a driver.");
    family.with_value(f64::from(n_gpus))
}

/// A gauge of one number per card.
struct Column {
    name: &'static str,
    help: &'static str,
    value: fn(&Gpu) -> Option<f64>,
}

const COLUMNS: [Column; 10] = [
    Column {
        name: "gpu_temperature_celsius",
        help: "Temperature of the GPU.",
        value: |gpu| gpu.temperature_celsius.map(f64::from),
    },
    Column {
        name: "gpu_power_watts",
        help: "Power drawn by the card.",
        value: |gpu| gpu.power_milliwatts.map(|mw| f64::from(mw) / 1000.0),
    },
    Column {
        name: "gpu_memory_total_bytes",
        help: "Memory of the card.",
        value: |gpu| gpu.memory.map(|memory| memory.total as f64),
    },
    Column {
        name: "gpu_memory_used_bytes",
        help: "Memory in use; what the driver keeps for itself is neither used nor free.",
        value: |gpu| gpu.memory.map(|memory| memory.used as f64),
    },
    Column {
        name: "gpu_memory_free_bytes",
        help: "Memory that nothing uses.",
        value: |gpu| gpu.memory.map(|memory| memory.free as f64),
    },
    Column {
        name: "gpu_utilization_percent",
        help: "Share of the last moments in which the GPU computed, percent.",
        value: |gpu| gpu.utilization_percent.map(f64::from),
    },
    Column {
        name: "gpu_memory_utilization_percent",
        help: "Share of the last moments in which the memory was read or written, percent; not \
               how full it is.",
        value: |gpu| gpu.memory_utilization_percent.map(f64::from),
    },
    Column {
        name: "gpu_fan_speed_percent",
        help: "Speed of the first fan as a share of its highest, percent.",
        value: |gpu| gpu.fan_speed_percent.map(f64::from),
    },
    Column {
        name: "gpu_sm_clock_mhz",
        help: "Clock of the multiprocessors.",
        value: |gpu| gpu.sm_clock_mhz.map(f64::from),
    },
    Column {
        name: "gpu_memory_clock_mhz",
        help: "Clock of the memory.",
        value: |gpu| gpu.memory_clock_mhz.map(f64::from),
    },
];

/// Adds the families for which at least one card has a number.
pub(super) fn push(reading: &Reading, out: &mut Vec<Family>) {
    for column in COLUMNS {
        let family = Family::gauge(column.name, column.help);
        push_column(family, &reading.gpus, column.value, out);
    }
    let energy = Family::counter(
        "gpu_energy_joules_total",
        "Energy used by the card since the driver was loaded.",
    );
    let joules = |gpu: &Gpu| gpu.energy_millijoules.map(|mj| mj as f64 / 1000.0);
    push_column(energy, &reading.gpus, joules, out);
    push_info(reading, out);
}

fn push_column(
    mut family: Family,
    gpus: &[Gpu],
    value: fn(&Gpu) -> Option<f64>,
    out: &mut Vec<Family>,
) {
    for gpu in gpus {
        if let Some(value) = value(gpu) {
            family.push(labels(gpu), value);
        }
    }
    if !family.points.is_empty() {
        out.push(family);
    }
}

fn push_info(reading: &Reading, out: &mut Vec<Family>) {
    if reading.gpus.is_empty() {
        return;
    }
    let mut info = Family::gauge("gpu_info", "1 for every GPU, with what identifies it.");
    for gpu in &reading.gpus {
        let uuid = gpu.uuid.as_deref().unwrap_or_default();
        let driver = reading.driver_version.as_deref().unwrap_or_default();
        let labels = labels(gpu).with("uuid", uuid).with("driver_version", driver);
        info.push(labels, 1.0);
    }
    out.push(info);
}

fn labels(gpu: &Gpu) -> Labels {
    let name = gpu.name.as_deref().unwrap_or("unknown");
    Labels::default().with("gpu_id", &gpu.id.to_string()).with("name", name)
}
