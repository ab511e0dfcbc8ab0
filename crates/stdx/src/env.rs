//! Env: the three doors a component receives when it is built.

use std::sync::Arc;

use crate::{Clock, Disk, LocalDisk, SystemClock};

/// A source of random bits.
pub trait Randomness: Send + Sync {
    /// 64 random bits.
    fn next_u64(&self) -> u64;
}

/// The operating system's random numbers.
#[derive(Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn next_u64(&self) -> u64 {
        // A machine without random numbers cannot make keys; going on would be worse.
        getrandom::u64().expect("the operating system gives random numbers")
    }
}

/// Clock, disk and randomness.
#[derive(Clone)]
pub struct Env {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where files are kept.
    pub disk: Arc<dyn Disk>,
    /// Random bits.
    pub randomness: Arc<dyn Randomness>,
}

impl Env {
    /// The real machine.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            disk: Arc::new(LocalDisk),
            randomness: Arc::new(SystemRandomness),
        }
    }
}
