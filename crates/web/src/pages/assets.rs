//! The files that `ui/` builds, embedded in compressed form and sent as the client takes them.

use std::borrow::Cow;
use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Text is embedded compressed only; fonts and pictures, which compress badly, as they are.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[include = "*.br"]
#[include = "*.gz"]
#[include = "*.woff2"]
#[include = "*.png"]
#[allow_missing = true]
struct Files;

/// How long a client may keep a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// The name changes with the content.
    Immutable,
    /// Ask each time; an unchanged file costs a 304.
    Revalidate,
}

/// One embedded file, in an encoding that the client takes; `None` when there is no such file.
pub(super) fn serve(path: &str, headers: &HeaderMap, lifetime: Lifetime) -> Option<Response> {
    let (file, encoding) = find(path, headers)?;
    let etag = etag(&file);
    let mut response = if headers.get(header::IF_NONE_MATCH) == Some(&etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.into_owned()).into_response()
    };
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    head.insert(header::ETAG, etag);
    head.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let keep = match lifetime {
        Lifetime::Immutable => "public, max-age=31536000, immutable",
        Lifetime::Revalidate => "no-cache",
    };
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Some(encoding) = encoding {
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn find(path: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let accepts = |name: &str| accepted.is_some_and(|list| takes(list, name));
    if accepts("br")
        && let Some(file) = Files::get(&format!("{path}.br"))
    {
        return Some((file, Some("br")));
    }
    let Some(file) = Files::get(&format!("{path}.gz")) else {
        return Files::get(path).map(|file| (file, None));
    };
    if accepts("gzip") {
        return Some((file, Some("gzip")));
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(file.data.as_ref()).read_to_end(&mut plain).ok()?;
    Some((EmbeddedFile { data: Cow::Owned(plain), metadata: file.metadata }, None))
}

/// Whether an `Accept-Encoding` list takes this encoding.
fn takes(list: &str, name: &str) -> bool {
    list.split(',').any(|item| {
        let (encoding, parameters) = item.split_once(';').unwrap_or((item, ""));
        encoding.trim().eq_ignore_ascii_case(name) && !matches!(parameters.trim(), "q=0" | "q=0.0")
    })
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).expect("hexadecimal digits make a header")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::takes;

    #[test]
    fn encodings_are_taken_only_when_named() {
        assert!(takes("gzip, deflate, br", "br"));
        assert!(takes("GZIP;q=0.5", "gzip"));
        assert!(!takes("gzip;q=0", "gzip"));
        assert!(!takes("brotli", "br"));
    }
}
