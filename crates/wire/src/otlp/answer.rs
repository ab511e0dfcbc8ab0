//! Answer: what a sender reads: how many points were refused and why, or why nothing was taken.
//!
//! `ExportMetricsServiceResponse{partial_success=1{rejected_data_points=1, error_message=2}}`,
//! `google.rpc.Status{code=1, message=2, details=3}`.

use super::Refusals;

/// How a request was written, and so how its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// As a `Content-Type` says it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// What a `Content-Type` says, parameters left aside.
    pub fn from_media_type(value: &str) -> Option<Self> {
        let name = value.split(';').next().unwrap_or_default().trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match () {
            () if is("application/x-protobuf") || is("application/protobuf") => {
                Some(Self::Protobuf)
            }
            () if is("application/json") => Some(Self::Json),
            () => None,
        }
    }
}

/// The codes of gRPC that are answered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCode {
    /// The message is wrong: to send it again does not help.
    InvalidArgument = 3,
    /// The message did not arrive in time.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// A key without the scope.
    PermissionDenied = 7,
    /// Too much: for one message, or for now if the answer says when to come back.
    ResourceExhausted = 8,
    /// This is not taken here.
    Unimplemented = 12,
    /// A mistake of ours.
    Internal = 13,
    /// Nothing can be taken now.
    Unavailable = 14,
    /// No valid key.
    Unauthenticated = 16,
}

/// Why nothing of a request was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// What kind of reason.
    pub code: StatusCode,
    /// The reason in words.
    pub message: String,
    /// When to come back, seconds; `None` if that does not help.
    pub retry_after_s: Option<u64>,
}

/// The body of an answer to a message that was taken, but for these points.
pub fn success_body(encoding: Encoding, refusals: &Refusals) -> Vec<u8> {
    if refusals.n_points == 0 && refusals.reasons.is_empty() {
        // A success without remarks is the empty message.
        return if encoding == Encoding::Json { b"{}".to_vec() } else { Vec::new() };
    }
    let (n_points, reasons) = (refusals.n_points, refusals.reasons.join("; "));
    match encoding {
        Encoding::Json => {
            let reasons = quoted(&reasons);
            let partial =
                format!("\"rejectedDataPoints\":\"{n_points}\",\"errorMessage\":{reasons}");
            format!("{{\"partialSuccess\":{{{partial}}}}}").into_bytes()
        }
        Encoding::Protobuf => {
            let mut partial = Vec::new();
            push_number(&mut partial, 1, n_points);
            push_bytes(&mut partial, 2, reasons.as_bytes());
            let mut body = Vec::new();
            push_bytes(&mut body, 1, &partial);
            body
        }
    }
}

/// A `google.rpc.Status`: the body of an answer to a message that was not taken, and what gRPC has
/// in `grpc-status-details-bin`.
pub fn status_body(encoding: Encoding, status: &ServiceStatus) -> Vec<u8> {
    let code = status.code as u64;
    match encoding {
        Encoding::Json => {
            format!("{{\"code\":{code},\"message\":{}}}", quoted(&status.message)).into_bytes()
        }
        Encoding::Protobuf => {
            let mut body = Vec::new();
            push_number(&mut body, 1, code);
            push_bytes(&mut body, 2, status.message.as_bytes());
            if let Some(seconds) = status.retry_after_s {
                push_bytes(&mut body, 3, &retry_info(seconds));
            }
            body
        }
    }
}

/// `Any{type_url=1, value=2}` around a `RetryInfo{retry_delay=1{seconds=1}}`.
fn retry_info(seconds: u64) -> Vec<u8> {
    let (mut delay, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
    push_number(&mut delay, 1, seconds);
    push_bytes(&mut info, 1, &delay);
    push_bytes(&mut any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
    push_bytes(&mut any, 2, &info);
    any
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

fn push_number(body: &mut Vec<u8>, field: u32, value: u64) {
    push_varint(body, u64::from(field) << 3);
    push_varint(body, value);
}

fn push_bytes(body: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    push_varint(body, u64::from(field) << 3 | 2);
    push_varint(body, bytes.len() as u64);
    body.extend_from_slice(bytes);
}

pub(super) fn push_varint(body: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        body.push(value as u8 | 0x80);
        value >>= 7;
    }
    body.push(value as u8);
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
    use prost::Message as _;

    use super::*;

    fn refusals() -> Refusals {
        let mut refusals = Refusals::default();
        refusals.note(300, "a \"reason\"");
        refusals.note(1, "another");
        refusals.note(1, "another");
        refusals
    }

    #[test]
    fn refused_points_are_told_in_both_encodings() {
        let body = success_body(Encoding::Protobuf, &refusals());
        let partial =
            ExportMetricsServiceResponse::decode(&*body).unwrap().partial_success.unwrap();
        assert_eq!(partial.rejected_data_points, 302);
        assert_eq!(partial.error_message, "a \"reason\"; another");
        let body = success_body(Encoding::Json, &refusals());
        assert_eq!(
            str::from_utf8(&body),
            Ok(
                r#"{"partialSuccess":{"rejectedDataPoints":"302","errorMessage":"a \"reason\"; another"}}"#
            )
        );
    }

    #[test]
    fn a_whole_success_is_the_empty_message() {
        assert!(success_body(Encoding::Protobuf, &Refusals::default()).is_empty());
        assert_eq!(success_body(Encoding::Json, &Refusals::default()), b"{}");
        let mut warning = Refusals::default();
        warning.note(0, "a warning");
        assert!(!success_body(Encoding::Protobuf, &warning).is_empty());
    }

    #[test]
    fn few_reasons_are_told() {
        let mut many = Refusals::default();
        (0..100).for_each(|n| many.note(1, &n.to_string()));
        assert_eq!((many.n_points, many.reasons.len()), (100, super::super::REASONS_MAX));
    }

    #[test]
    fn a_status_says_when_to_come_back() {
        let status = ServiceStatus {
            code: StatusCode::Unavailable,
            message: "full".to_owned(),
            retry_after_s: Some(5),
        };
        assert_eq!(status_body(Encoding::Json, &status), br#"{"code":14,"message":"full"}"#);
        let body = status_body(Encoding::Protobuf, &status);
        assert!(body.starts_with(b"\x08\x0e\x12\x04full\x1a"));
        assert!(body.ends_with(b"RetryInfo\x12\x04\x0a\x02\x08\x05"));
        let for_good = ServiceStatus { retry_after_s: None, ..status };
        assert_eq!(status_body(Encoding::Protobuf, &for_good), b"\x08\x0e\x12\x04full");
    }

    #[test]
    fn encodings_are_known_by_their_types() {
        for (value, encoding) in [
            ("application/x-protobuf", Some(Encoding::Protobuf)),
            ("Application/JSON; charset=utf-8", Some(Encoding::Json)),
            ("application/grpc", None),
            ("", None),
        ] {
            assert_eq!(Encoding::from_media_type(value), encoding, "{value}");
        }
        assert_eq!(Encoding::from_media_type(Encoding::Json.media_type()), Some(Encoding::Json));
    }
}
