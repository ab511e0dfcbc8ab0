//! The driver: loads NVIDIA's management library and reads every card once.
//!
//! Everything here may block; it runs on the reader's thread.

use std::path::Path;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::errors::{ErrorKind, Errors};

/// More cards than any machine holds; a driver that names more is wrong.
const GPUS_MAX: u32 = 256;

/// What the driver said.
#[derive(Debug)]
pub(super) enum Answer {
    /// The cards' numbers.
    Reading(Reading),
    /// This machine has no driver.
    NoDriver,
    /// The driver does not work; it is unloaded.
    Failed {
        /// How it is counted.
        kind: ErrorKind,
        /// What to tell the operator.
        reason: String,
    },
}

/// All cards at one moment.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) driver_version: Option<String>,
    /// Lost cards count.
    pub(super) n_gpus: u32,
    /// Without the lost cards.
    pub(super) gpus: Vec<Gpu>,
    pub(super) errors: Errors,
}

/// One card; `None` where it does not tell.
#[derive(Debug, Default)]
pub(super) struct Gpu {
    pub(super) id: u32,
    pub(super) name: Option<String>,
    pub(super) uuid: Option<String>,
    pub(super) temperature_celsius: Option<u32>,
    pub(super) power_milliwatts: Option<u32>,
    pub(super) energy_millijoules: Option<u64>,
    pub(super) memory: Option<GpuMemory>,
    pub(super) utilization_percent: Option<u32>,
    pub(super) memory_utilization_percent: Option<u32>,
    pub(super) fan_speed_percent: Option<u32>,
    pub(super) sm_clock_mhz: Option<u32>,
    pub(super) memory_clock_mhz: Option<u32>,
}

/// Bytes on the card. What the driver keeps for itself is neither used nor free.
#[derive(Debug, Clone, Copy)]
pub(super) struct GpuMemory {
    pub(super) total: u64,
    pub(super) used: u64,
    pub(super) free: u64,
}

/// Loads the library: the one at `path`, or the system's.
pub(super) fn load(path: Option<&Path>) -> Result<Nvml, Answer> {
    let mut builder = Nvml::builder();
    if let Some(path) = path {
        builder.lib_path(path.as_os_str());
    }
    builder.init().map_err(|error| {
        let no_library = matches!(error, NvmlError::LibloadingError(_));
        let no_driver = matches!(error, NvmlError::LibraryNotFound | NvmlError::DriverNotLoaded);
        // Whoever writes a path down expects a library there.
        if no_driver || (no_library && path.is_none()) {
            return Answer::NoDriver;
        }
        Answer::Failed { kind: ErrorKind::Driver, reason: format!("it cannot be loaded: {error}") }
    })
}

/// Reads every card. When this fails the library is of no more use.
pub(super) fn read(nvml: &Nvml) -> Result<Reading, Answer> {
    let n_gpus = nvml.device_count().map_err(|error| Answer::Failed {
        kind: ErrorKind::of(&error).unwrap_or(ErrorKind::Driver),
        reason: format!("it cannot count the cards: {error}"),
    })?;
    let mut reading =
        Reading { driver_version: nvml.sys_driver_version().ok(), n_gpus, ..Reading::default() };
    for id in 0..n_gpus.min(GPUS_MAX) {
        let device = nvml.device_by_index(id);
        let gpu = device.and_then(|device| read_gpu(id, &device, &mut reading.errors));
        match gpu {
            Ok(gpu) => reading.gpus.push(gpu),
            Err(error) => reading.errors.count(ErrorKind::of(&error).unwrap_or(ErrorKind::Reading)),
        }
    }
    Ok(reading)
}

/// Reads one card; fails when the card, not just a number, is gone.
fn read_gpu(id: u32, device: &Device<'_>, errors: &mut Errors) -> Result<Gpu, NvmlError> {
    let mut number = Number { errors };
    let mut gpu = Gpu {
        id,
        name: number.read(device.name())?,
        uuid: number.read(device.uuid())?,
        temperature_celsius: number.read(device.temperature(TemperatureSensor::Gpu))?,
        power_milliwatts: number.read(device.power_usage())?,
        energy_millijoules: number.read(device.total_energy_consumption())?,
        fan_speed_percent: number.read(device.fan_speed(0))?,
        sm_clock_mhz: number.read(device.clock_info(Clock::SM))?,
        memory_clock_mhz: number.read(device.clock_info(Clock::Memory))?,
        ..Gpu::default()
    };
    if let Some(memory) = number.read(device.memory_info())? {
        gpu.memory = Some(GpuMemory { total: memory.total, used: memory.used, free: memory.free });
    }
    if let Some(rates) = number.read(device.utilization_rates())? {
        gpu.utilization_percent = Some(rates.gpu);
        gpu.memory_utilization_percent = Some(rates.memory);
    }
    Ok(gpu)
}

/// Tells a number that is missing from a card that is gone.
struct Number<'a> {
    errors: &'a mut Errors,
}

impl Number<'_> {
    fn read<T>(&mut self, answer: Result<T, NvmlError>) -> Result<Option<T>, NvmlError> {
        let error = match answer {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        match ErrorKind::of(&error) {
            None => Ok(None),
            Some(ErrorKind::Reading | ErrorKind::Deadline) => {
                self.errors.count(ErrorKind::Reading);
                Ok(None)
            }
            Some(ErrorKind::Lost | ErrorKind::Driver) => Err(error),
        }
    }
}
