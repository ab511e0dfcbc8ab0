//! The first stage of a sample's way: this host and its GPUs, read into metric families.
//!
//! A [`Collector`] reads one subject (CPU, disks, a GPU driver). [`Host`] runs all of them and
//! makes one [`Snapshot`]. The next collector is one file with one `impl Collector`, and one line
//! in its folder's list.

mod collector;
mod roots;

pub use collector::{CollectError, Collector, Moment};
pub use roots::Roots;
