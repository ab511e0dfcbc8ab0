//! Headers: what a request says that its body is. What it leaves out is taken to be right, because
//! many senders leave it out; what it says must be what is read here.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::Written;
use crate::error::ApiError;

const MEDIA_TYPE: &str = "application/x-protobuf";
const MESSAGE: &str = "prometheus.WriteRequest";
const MESSAGE_V2: &str = "io.prometheus.write.v2.Request";
const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");

const SAMPLES_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Which message a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// `prometheus.WriteRequest`.
    One,
    /// `io.prometheus.write.v2.Request`.
    Two,
}

/// Says how much is stored.
pub(super) fn tell(written: Written, headers: &mut HeaderMap) {
    let Written { samples, histograms, exemplars } = written;
    for (name, n) in [
        (SAMPLES_WRITTEN, samples),
        (HISTOGRAMS_WRITTEN, histograms),
        (EXEMPLARS_WRITTEN, exemplars),
    ] {
        headers.insert(name, HeaderValue::from(n));
    }
}

/// Which message it is; what is no remote write is refused with 415.
pub(super) fn check(headers: &HeaderMap) -> Result<Version, ApiError> {
    let given = text(headers, &header::CONTENT_TYPE)?;
    let version = given.map_or(Ok(Version::One), check_type)?;
    match text(headers, &header::CONTENT_ENCODING)? {
        Some(given) if !given.eq_ignore_ascii_case("snappy") => {
            return Err(unsupported(format!("Content-Encoding must be snappy, not {given:?}")));
        }
        _ => {}
    }
    match text(headers, &VERSION)? {
        // The message is told by its type alone; 2.0 says its number with 1.0 messages too.
        Some(given) if !["0.", "1.", "2."].iter().any(|major| given.starts_with(major)) => {
            Err(unsupported(format!("remote write {given:?} is not known; 0.1.0 and 2.0.0 are")))
        }
        _ => Ok(version),
    }
}

fn check_type(given: &str) -> Result<Version, ApiError> {
    let mut parts = given.split(';').map(str::trim);
    if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case(MEDIA_TYPE)) {
        return Err(unsupported(format!("Content-Type must be {MEDIA_TYPE}, not {given:?}")));
    }
    let parameters = parts.filter_map(|part| part.split_once('='));
    let mut versions = parameters
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("proto"))
        .map(|(_, value)| version_of(value.trim().trim_matches('"')));
    let first = versions.next().unwrap_or(Ok(Version::One))?;
    match versions.all(|other| other.is_ok_and(|other| other == first)) {
        true => Ok(first),
        false => Err(unsupported(format!("Content-Type {given:?} names several messages"))),
    }
}

fn version_of(message: &str) -> Result<Version, ApiError> {
    match message {
        MESSAGE => Ok(Version::One),
        MESSAGE_V2 => Ok(Version::Two),
        other => {
            let detail = format!("messages must be {MESSAGE} or {MESSAGE_V2}, not {other:?}");
            Err(unsupported(detail))
        }
    }
}

/// A header's value; absent and empty are the same.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let value = value.to_str().map_err(|_| unsupported(format!("{name} is not readable")))?;
    Ok(Some(value.trim()).filter(|value| !value.is_empty()))
}

fn unsupported(detail: String) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

    use super::Version;

    fn is_taken(name: &'static str, value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        super::check(&headers).is_ok()
    }

    #[test]
    fn what_is_said_must_be_remote_write() {
        assert!(super::check(&HeaderMap::new()).is_ok());
        for (name, good, bad) in [
            (
                "content-type",
                &[
                    "application/x-protobuf",
                    "Application/X-Protobuf",
                    "application/x-protobuf;proto=prometheus.WriteRequest",
                    "application/x-protobuf; charset=utf-8; proto=\"prometheus.WriteRequest\"",
                    "",
                ][..],
                &[
                    "application/json",
                    "application/x-protobuf-2",
                    "application/x-protobuf;proto=io.prometheus.write.v3.Request",
                    "application/x-protobuf;proto=io.prometheus.write.v2.request",
                    "application/x-protobuf;proto=prometheus.WriteRequest;proto=\
                     io.prometheus.write.v2.Request",
                    "application/x-protobuf;proto=",
                ][..],
            ),
            ("content-encoding", &["snappy", "Snappy"], &["gzip", "snappy, gzip", "identity"]),
            ("x-prometheus-remote-write-version", &["0.1.0", "1.0"], &["3.0.0", "x", "01.0"]),
        ] {
            for value in good {
                assert!(is_taken(name, value), "{name}: {value}");
            }
            for value in bad {
                assert!(!is_taken(name, value), "{name}: {value}");
            }
        }
    }

    #[test]
    fn the_type_tells_the_version() {
        for (given, version) in [
            ("application/x-protobuf", Version::One),
            ("application/x-protobuf;proto=prometheus.WriteRequest", Version::One),
            ("application/x-protobuf;proto=io.prometheus.write.v2.Request", Version::Two),
            ("application/x-protobuf; PROTO = \"io.prometheus.write.v2.Request\"", Version::Two),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(given));
            assert_eq!(super::check(&headers).unwrap(), version, "{given}");
        }
    }
}
