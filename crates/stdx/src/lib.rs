//! Small things std lacks, and the only doors to the outside: clock, disk and randomness.
//!
//! Every component takes an [`Env`] instead of reaching for the operating system, so that a test
//! can replay a seed, pull the plug between two writes, or run a week in a second.

mod clock;
mod disk;
mod env;
pub mod meter;

pub use clock::{Clock, SystemClock};
pub use disk::{Disk, DiskFile, LocalDisk};
pub use env::{Env, Randomness, SystemRandomness};
