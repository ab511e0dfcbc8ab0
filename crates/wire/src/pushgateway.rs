//! Pushgateway: groups of metrics that short-lived jobs push, each named by labels in its path.
//!
//! ```text
//! PUT /metrics/job/backup/path@base64/L3Zhci9sb2c
//! ```
//!
//! Source: <https://github.com/prometheus/pushgateway#url>.

mod kept;
mod native;
mod page;
mod path;
mod protobuf;

pub use kept::{read_group, write_group};
pub use page::{PageFault, PushedFamily, PushedPage, PushedValue, read_page};
pub use path::{PathFault, read_path};
pub use protobuf::{ProtobufFault, read_protobuf};

#[cfg(test)]
mod tests;
