//! Headers: what a request says that its body is. What it leaves out is taken to be right, because
//! many senders leave it out; what it says must be what is read here.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use crate::error::ApiError;

const MEDIA_TYPE: &str = "application/x-protobuf";
const MESSAGE: &str = "prometheus.WriteRequest";
const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");

/// Refuses with 415 what is not remote write 1.0.
pub(super) fn check(headers: &HeaderMap) -> Result<(), ApiError> {
    if let Some(given) = text(headers, &header::CONTENT_TYPE)? {
        check_type(given)?;
    }
    match text(headers, &header::CONTENT_ENCODING)? {
        Some(given) if !given.eq_ignore_ascii_case("snappy") => {
            return Err(unsupported(format!("Content-Encoding must be snappy, not {given:?}")));
        }
        _ => {}
    }
    match text(headers, &VERSION)? {
        // The message is told by its type alone; 2.0 says its number with 1.0 messages too.
        Some(given) if !["0.", "1.", "2."].iter().any(|major| given.starts_with(major)) => {
            Err(unsupported(format!("remote write {given:?} is not known; 0.1.0 is")))
        }
        _ => Ok(()),
    }
}

fn check_type(given: &str) -> Result<(), ApiError> {
    let mut parts = given.split(';').map(str::trim);
    if !parts.next().is_some_and(|name| name.eq_ignore_ascii_case(MEDIA_TYPE)) {
        return Err(unsupported(format!("Content-Type must be {MEDIA_TYPE}, not {given:?}")));
    }
    let parameters = parts.filter_map(|part| part.split_once('='));
    let mut messages =
        parameters.filter(|(name, _)| name.eq_ignore_ascii_case("proto")).map(|(_, value)| value);
    match messages.find(|value| value.trim_matches('"') != MESSAGE) {
        Some(other) => Err(unsupported(format!("messages must be {MESSAGE}, not {other:?}"))),
        None => Ok(()),
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
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    fn is_taken(name: &'static str, value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        super::check(&headers).is_ok()
    }

    #[test]
    fn what_is_said_must_be_remote_write_1() {
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
                    "application/x-protobuf;proto=io.prometheus.write.v2.Request",
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
}
