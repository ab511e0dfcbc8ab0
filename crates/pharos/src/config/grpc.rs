//! gRPC: where OpenTelemetry's gRPC alone is served, and whether somebody asked for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where senders of OTLP over gRPC look unless they are told otherwise.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317);
/// The word of the environment for no address; the file has an empty list.
const OFF: &str = "off";

/// Where OpenTelemetry's gRPC alone is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrpcListen {
    /// Empty serves it nowhere but on the addresses of everything.
    pub(crate) addresses: Vec<SocketAddr>,
    /// A setting names the addresses: one that is taken is an error then, else a warning.
    pub(crate) is_asked_for: bool,
}

impl GrpcListen {
    /// What settings say, else the default, unless that port serves something else already.
    pub(super) fn new<'a>(
        told: Option<Vec<SocketAddr>>,
        mut served: impl Iterator<Item = &'a SocketAddr>,
    ) -> Self {
        match told {
            Some(addresses) => Self { addresses, is_asked_for: true },
            None => {
                let is_served = served.any(|address| address.port() == DEFAULT.port());
                let addresses = if is_served { Vec::new() } else { vec![DEFAULT] };
                Self { addresses, is_asked_for: false }
            }
        }
    }
}

/// Reads the variable: `off`, or addresses with commas between.
///
/// # Errors
/// One of them is no address.
pub(super) fn addresses(text: &str) -> Result<Vec<SocketAddr>, std::net::AddrParseError> {
    if text.trim() == OFF {
        return Ok(Vec::new());
    }
    text.split(',').map(|address| address.trim().parse()).collect()
}
