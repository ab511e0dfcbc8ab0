//! Fixtures and a fake world: clock, disk and randomness from a seed, and the crash simulator.
//!
//! [`sim_env`] gives an [`Env`] in which nothing happens that the seed does not say. The disk
//! takes the promises of [`stdx::Disk`] literally: what was not synced may be gone after
//! [`SimDisk::crash`]. [`simulator`] runs the sample store in that world against the reference
//! store in memory.

mod clock;
mod disk;
mod rng;
pub mod simulator;
mod store;

use std::sync::Arc;

use stdx::Env;

pub use clock::SimClock;
pub use disk::{Faults, SimDisk};
pub use rng::{Rng, SimRandomness};
pub use store::{manual, open_warm, row, values};

/// The doors of a fake world, and the hands that move it.
#[derive(Clone)]
pub struct SimWorld {
    /// What components receive.
    pub env: Env,
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Its disk.
    pub disk: Arc<SimDisk>,
}

/// When the fake world begins, Unix milliseconds: 2026-01-01.
pub const SIM_START_MS: i64 = 1_767_225_600_000;

/// A fake world; the same seed makes the same one.
pub fn sim_env(seed: u64) -> SimWorld {
    let clock = Arc::new(SimClock::new(SIM_START_MS));
    let disk = Arc::new(SimDisk::new(seed ^ 0xd15c));
    let env = Env {
        clock: Arc::clone(&clock) as _,
        disk: Arc::clone(&disk) as _,
        randomness: Arc::new(SimRandomness::new(seed ^ 0x5eed)),
    };
    SimWorld { env, clock, disk }
}
