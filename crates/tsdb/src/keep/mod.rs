//! Keep: how long a sample stays, and how it goes or is copied before it does.
//!
//! `retention` drops what is older than its time, `oversize` what is too much for the disk or what a
//! rule keeps for less, both by a `clock` that they may doubt; `delete` takes away what somebody
//! names, with `tombstones` that hide it until no block has it; `snapshot` sets the whole store
//! aside.

pub(crate) mod clock;
mod delete;
mod oversize;
mod retention;
pub(crate) mod snapshot;
pub(crate) mod tombstones;
