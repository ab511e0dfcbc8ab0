//! The HTTP API of Prometheus, as dashboards and other clients call it.
//!
//! ```text
//! form (address or body) -> run (lane, deadline, leash) -> promql::Engine, storage::Querier
//!                             -> envelope -> pieces -> reply (compressed, part by part)
//! ```
//!
//! Parameters, status codes and words are those of Prometheus 3; `docs/compatibility.md` lists what
//! differs, and why. Whatever reads the store runs on a lane, so that no more of it runs than there
//! are processors, and ends when its time is over or its client is gone.

mod envelope;
pub(crate) mod exemplars;
pub(crate) mod failure;
pub(crate) mod features;
pub(crate) mod federate;
pub(crate) mod form;
mod json;
pub(crate) mod labels;
pub(crate) mod metadata;
mod names;
pub(crate) mod notifications;
mod pieces;
pub(crate) mod query;
pub(crate) mod remote_read;
mod reply;
pub(crate) mod rules;
mod run;
pub(crate) mod server;
mod settings;
mod stats;
pub(crate) mod syntax;
pub(crate) mod targets;
mod times;
mod trace;

pub use settings::{About, AboutNow, Queries};
