//! Which web pages may call this API: our own, and those whose origin the configuration names.
//! Clients without an `Origin` header are no pages and are always served.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::state::Shared;

/// Refuses changes that foreign pages ask for, answers their preflights, and marks answers that
/// allowed pages may read.
pub(crate) async fn check_origin(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let settings = shared.settings.load();
    let allowed = is_configured(&origin, &settings.cors_origins);
    if allowed && is_preflight(&request) {
        return with_cors(StatusCode::NO_CONTENT.into_response(), origin);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Without keys an address is all that protects us, and a name can be made to point at it.
    let trusts_names = !settings.keys.is_empty();
    if changes && !allowed && !is_own(&origin, request.headers(), request.uri(), trusts_names) {
        let detail = "pages of another origin may not change anything here; see cors_origins";
        return ApiError::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    let response = next.run(request).await;
    if allowed { with_cors(response, origin) } else { response }
}

fn is_configured(origin: &HeaderValue, allowed: &[String]) -> bool {
    allowed.iter().any(|entry| entry == "*" || entry.as_bytes() == origin.as_bytes())
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether an origin names the host that the request was sent to.
fn is_own(origin: &HeaderValue, headers: &HeaderMap, uri: &Uri, trusts_names: bool) -> bool {
    let host_header = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let Some(host) = host_header.or_else(|| uri.authority().map(|a| a.as_str())) else {
        return false;
    };
    let Some(authority) = origin.to_str().ok().and_then(|text| text.split_once("://")) else {
        return false;
    };
    authority.1.eq_ignore_ascii_case(host) && (trusts_names || is_address_or_localhost(host))
}

fn is_address_or_localhost(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host }
    });
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok()
}

fn with_cors(mut response: Response, origin: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let methods = HeaderValue::from_static("GET, POST, PUT, DELETE");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let names = HeaderValue::from_static("authorization, content-type, content-encoding");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    // By which a page finds out how far its own clock is off.
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("date"));
    response
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri, header};

    use super::is_own;

    fn own(origin: &str, host: &str, trusts_names: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        let origin = HeaderValue::from_str(origin).unwrap();
        is_own(&origin, &headers, &Uri::from_static("/alerts"), trusts_names)
    }

    #[test]
    fn an_origin_is_ours_only_when_it_names_our_host() {
        assert!(own("http://127.0.0.1:8000", "127.0.0.1:8000", false));
        assert!(own("http://localhost:8000", "localhost:8000", false));
        assert!(own("http://[::1]:8000", "[::1]:8000", false));
        assert!(!own("http://evil.example", "127.0.0.1:8000", false));
        assert!(!own("null", "127.0.0.1:8000", false));
    }

    #[test]
    fn a_name_that_points_at_loopback_is_trusted_only_with_keys() {
        assert!(!own("http://evil.example:8000", "evil.example:8000", false));
        assert!(own("http://pharos.example", "pharos.example", true));
    }
}
