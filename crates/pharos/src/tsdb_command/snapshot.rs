//! `pharos tsdb snapshot`: asks a running server for a copy of everything, beside its data.

use std::io::Write as _;

use anyhow::{Context as _, bail};

use super::args::SnapshotArgs;
use crate::web_client::{self, SMALL_BODY_BYTES_MAX, shown};

/// Where a server takes snapshots.
const PATH: &str = "/api/v1/admin/tsdb/snapshot";

/// Asks for a snapshot and prints its name.
///
/// # Errors
/// The server cannot be reached, or says no.
pub(super) fn run(args: &SnapshotArgs) -> anyhow::Result<()> {
    let client = web_client::client(&args.server, args.api_key_file.as_deref())?;
    let url = format!("{}{PATH}", args.server.trim_end_matches('/'));
    let name = web_client::runtime()?.block_on(ask(&client, &url));
    let name = name.with_context(|| {
        format!("no snapshot from {} (see --server and --api-key-file)", shown(&args.server))
    })?;
    writeln!(std::io::stdout(), "{name}")?;
    Ok(())
}

async fn ask(client: &reqwest::Client, url: &str) -> anyhow::Result<String> {
    let response = client.post(url).send().await.map_err(web_client::told)?;
    let response = web_client::success(response).await?;
    let body = web_client::body(response, SMALL_BODY_BYTES_MAX).await?;
    name_in(&body)
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
