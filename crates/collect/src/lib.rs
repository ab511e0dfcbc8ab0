//! The first stage of a sample's way: this host and its GPUs, read into metric families.
//!
//! A [`Collector`] reads one subject (CPU, disks, a GPU driver). [`Host`] runs all of them and
//! makes one [`Snapshot`]; the agent ([`spawn`]) does so on schedule, on a thread of its own, and
//! passes the snapshots on to the store and to live watchers. The next collector is one file with
//! one `impl Collector`, and one line in [`Host::new`] or in its folder's list.

mod agent;
mod cgroup;
mod collector;
mod connections;
#[cfg(test)]
mod fixture;
mod gpu;
mod guardian;
mod host;
pub mod listen;
mod node;
mod pace;
mod processes;
mod roots;

pub use agent::{Config, Handle, INTERVAL_MIN, Meter, Watch, spawn};
pub use collector::{CollectError, Collector, Moment};
pub use host::{Failure, Host, Snapshot};
pub use roots::Roots;
