//! What went wrong with the GPUs, counted by kind; the kinds are a closed set.

use model::{Family, Labels};
use nvml_wrapper::error::NvmlError;

/// The ways in which a reading fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// The driver did not answer in time.
    Deadline,
    /// A card fell off the bus or needs a reset.
    Lost,
    /// The driver could not start, or went away.
    Driver,
    /// One number of one card could not be read.
    Reading,
}

impl ErrorKind {
    const ALL: [(Self, &str); 4] = [
        (Self::Deadline, "deadline"),
        (Self::Lost, "lost"),
        (Self::Driver, "driver"),
        (Self::Reading, "reading"),
    ];

    /// `None` is a card or a driver without this feature: there is no sample, and no error.
    pub(super) fn of(error: &NvmlError) -> Option<Self> {
        match error {
            NvmlError::NotSupported
            | NvmlError::FunctionNotFound
            | NvmlError::FailedToLoadSymbol(_)
            | NvmlError::NoData => None,
            NvmlError::GpuLost | NvmlError::ResetRequired => Some(Self::Lost),
            NvmlError::Uninitialized
            | NvmlError::DriverNotLoaded
            | NvmlError::LibRmVersionMismatch => Some(Self::Driver),
            _ => Some(Self::Reading),
        }
    }
}

/// How often each kind happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Errors([u64; ErrorKind::ALL.len()]);

impl Errors {
    pub(super) fn count(&mut self, kind: ErrorKind) {
        self.0[kind as usize] += 1;
    }

    pub(super) fn add(&mut self, others: &Self) {
        for (n, more) in self.0.iter_mut().zip(others.0) {
            *n += more;
        }
    }

    /// The counters, all of them once there was a first error.
    pub(super) fn family(&self) -> Option<Family> {
        if *self == Self::default() {
            return None;
        }
        let mut family = Family::counter(
            "gpu_errors_total",
            "Failed readings of the GPU driver by kind: deadline (no answer in time), lost (a \
             card is gone), driver (none, or it went away), reading (a single number).",
        );
        for (kind, name) in ErrorKind::ALL {
            let labels = Labels::default().with("kind", name);
            family.push(labels, self.0[kind as usize] as f64);
        }
        Some(family)
    }
}
