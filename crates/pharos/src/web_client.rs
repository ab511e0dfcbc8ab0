//! Web client: requests to other servers, with the bounds that all of them share.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a byte.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// Of an answer that is no success, so much is shown.
const SHOWN_CHARS_MAX: usize = 300;
/// An answer that is shown, or that is small by nature, may have so many bytes.
pub(crate) const SMALL_BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of a key's file.
const KEY_BYTES_MAX: usize = 4096;

/// Names the cryptography that TLS uses. Every caller may: the first one counts.
pub(crate) fn use_ring() {
    let _was_named = rustls::crypto::ring::default_provider().install_default();
}

/// A client for a server that sends the key in a file, if there is one.
///
/// # Errors
/// The file cannot be read or holds no key; or the machine lacks what TLS needs.
pub(crate) fn client(url: &str, key_file: Option<&Path>) -> anyhow::Result<reqwest::Client> {
    client_with(url, key_file.map(bearer).transpose()?)
}

/// A client that sends this key, if there is one.
///
/// # Errors
/// The machine lacks what TLS needs.
pub(crate) fn client_with(url: &str, key: Option<HeaderValue>) -> anyhow::Result<reqwest::Client> {
    use_ring();
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, key);
    }
    let mut client = reqwest::Client::builder()
        .user_agent(concat!("pharos/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if url.starts_with("http://") {
        // A machine without any certificates can talk to its neighbours; nothing redirects.
        client = client.tls_certs_only([]);
    }
    client.build().context("cannot prepare TLS: are certificates installed? (see SSL_CERT_FILE)")
}

/// The header of the key in a file.
///
/// # Errors
/// The file cannot be read or holds no key.
pub(crate) fn bearer(path: &Path) -> anyhow::Result<HeaderValue> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the key in {}", path.display()))?;
    bearer_of(&text, &path.display().to_string())
}

/// The header of a key that comes from a place. The key's text never appears in an error.
///
/// # Errors
/// It is no key.
pub(crate) fn bearer_of(text: &str, place: &str) -> anyhow::Result<HeaderValue> {
    let key = text.trim();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        bail!("{place} holds no key");
    }
    let value = HeaderValue::from_str(&format!("Bearer {key}"));
    let Ok(mut value) = value else {
        bail!("the key in {place} has characters that no key has");
    };
    value.set_sensitive(true);
    Ok(value)
}

/// A runtime for one command.
///
/// # Errors
/// The system gives no resources.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime")
}

/// The whole body, if it has at most so many bytes.
///
/// # Errors
/// It has more, or the connection broke.
pub(crate) async fn body(
    mut response: reqwest::Response,
    bytes_max: usize,
) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(told)? {
        if bytes.len() + part.len() > bytes_max {
            bail!("the answer has more than {bytes_max} bytes");
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// An answer that is a success, or an error with what the server said.
///
/// # Errors
/// The server said no.
pub(crate) async fn success(response: reqwest::Response) -> anyhow::Result<reqwest::Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let said = body(response, SMALL_BODY_BYTES_MAX).await.unwrap_or_default();
    let said: String =
        String::from_utf8_lossy(&said).trim().chars().take(SHOWN_CHARS_MAX).collect();
    bail!("it answered {status}: {said}")
}

/// The library's error with its causes, but without the address, which may hold a password.
pub(crate) fn told(error: reqwest::Error) -> anyhow::Error {
    anyhow::Error::from(error.without_url())
}

/// A URL as it may be shown: without a user and a password.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("http://u:secret@host:1/p/"), "http://host:1/p");
        assert_eq!(shown("http://host"), "http://host");
        assert_eq!(shown("host"), "host");
    }
}
