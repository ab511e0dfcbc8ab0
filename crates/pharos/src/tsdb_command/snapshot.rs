//! `pharos tsdb snapshot`: asks a running server for a copy of everything, beside its data.

use std::io::Write as _;

use anyhow::{Context as _, bail};

use super::args::SnapshotArgs;
use crate::exit::Failure;
use crate::server_args::{Server, block_on};
use crate::web_client::SMALL_BODY_BYTES_MAX;

/// Where a server takes snapshots.
const PATH: &str = "/api/v1/admin/tsdb/snapshot";

/// Asks for a snapshot and prints its name.
///
/// # Errors
/// The server cannot be reached, or says no.
pub(super) fn run(args: &SnapshotArgs) -> Result<(), Failure> {
    let server = args.server.server()?;
    let name = block_on(ask(&server)).map_err(|failure| failure.context("no snapshot"))?;
    writeln!(std::io::stdout(), "{name}")?;
    Ok(())
}

async fn ask(server: &Server) -> Result<String, Failure> {
    let said = server.post(PATH, "application/json", Vec::new(), SMALL_BODY_BYTES_MAX).await?;
    if !said.status.is_success() {
        return Err(said.failure());
    }
    Ok(name_in(&said.body)?)
}

/// `{"status":"success","data":{"name":"..."}}`
fn name_in(body: &[u8]) -> anyhow::Result<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).context("it answered no JSON")?;
    let name = answer.pointer("/data/name").and_then(serde_json::Value::as_str);
    // It goes to a terminal and into paths.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match name {
        Some(name) if !name.is_empty() && name.chars().all(is_plain) => Ok(name.to_owned()),
        _ => bail!("it answered without a snapshot's name"),
    }
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn a_name_is_plain_or_refused() {
        let body = br#"{"status":"success","data":{"name":"20260131T120000Z-00ff"}}"#;
        assert_eq!(name_in(body).unwrap(), "20260131T120000Z-00ff");
        for body in ["", "{}", r#"{"data":{"name":"../x"}}"#, r#"{"data":{"name":""}}"#] {
            assert!(name_in(body.as_bytes()).is_err(), "{body}");
        }
    }
}
