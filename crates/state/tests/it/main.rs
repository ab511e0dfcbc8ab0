//! The records through their public face, on real SQLite files, with a clock that tests move and
//! a writer that takes its turns when told.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests damage and copy files behind the engine's back"
)]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod alerts;
mod damage;
mod durability;
mod groups;
mod lists;
mod pipelines;
mod room;
mod services;
mod silence;
mod speed;
mod thread;
mod units;
mod world;
