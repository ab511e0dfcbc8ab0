//! Request bodies: bounded while they are read, plain or gzip.

use std::io::Read as _;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use bytes::Bytes;

use crate::error::ApiError;

/// The most bytes a body may have, sent or decompressed.
pub(crate) const BODY_BYTES_MAX: usize = 10 << 20;

/// A whole request body, decompressed.
pub(crate) struct BoundedBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for BoundedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let encoding = request.headers().get(header::CONTENT_ENCODING).cloned();
        let bytes = read(request.into_body()).await?;
        match encoding.as_ref().map(|value| value.as_bytes().to_ascii_lowercase()).as_deref() {
            None | Some(b"" | b"identity") => Ok(Self(bytes)),
            Some(b"gzip") => gunzip(&bytes).map(Self),
            Some(_) => Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Encoding must be gzip or absent",
            )),
        }
    }
}

impl BoundedBody {
    /// A whole body as it was sent.
    pub(crate) async fn plain(body: Body) -> Result<Self, ApiError> {
        read(body).await.map(Self)
    }
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
        let is_limit = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        match is_limit {
            true => too_large(),
            false => {
                ApiError::new(StatusCode::BAD_REQUEST, format!("cannot read the body: {error}"))
            }
        }
    })
}

fn gunzip(bytes: &[u8]) -> Result<Bytes, ApiError> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(bytes).take(BODY_BYTES_MAX as u64 + 1);
    decoder.read_to_end(&mut plain).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, format!("the body is not gzip: {error}"))
    })?;
    if plain.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(plain.into()) }
}

fn too_large() -> ApiError {
    let detail = format!("the body is larger than {} MiB", BODY_BYTES_MAX >> 20);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}
