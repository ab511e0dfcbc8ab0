//! The guardian family: CPU and memory of this host under the names and with the meaning that
//! psutil gives them.
//!
//! What psutil computes on Linux is computed here from the same files. Percentages are not
//! rounded.

mod cpu;
mod cpuinfo;
mod frequency;
mod memory;
mod stat;

use std::sync::Arc;

use stdx::Clock;

use crate::{Collector, Roots};
use cpu::CpuCollector;
use memory::MemoryCollector;

/// The collectors of this family.
pub(crate) fn collectors(roots: &Roots, clock: &Arc<dyn Clock>) -> Vec<Box<dyn Collector>> {
    vec![
        Box::new(CpuCollector::new(roots.clone(), clock.clone())),
        Box::new(MemoryCollector::new(roots.clone())),
    ]
}

#[cfg(test)]
mod tests;
