//! A copy of all samples on the server's own disk.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::maintain;
use crate::prometheus::failure::{Failure, FailureBody};
use crate::prometheus::form::Fields;
use crate::state::Shared;

/// The answer when it is made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Made {
    #[schema(example = "success")]
    status: &'static str,
    data: Snapshot,
}

/// Where a snapshot is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// Its folder below `snapshots/` in the data directory.
    #[schema(example = "20260131T120000Z-1f3a5c7e9b2d4f60")]
    name: String,
}

/// Copies all samples, those in memory among them, into a folder of its own on the same disk, where
/// it takes no room until the samples change. The folder can be served like any data directory; it
/// is kept until it is removed by hand.
#[utoipa::path(
    method(post, put), path = "/api/v1/admin/tsdb/snapshot", tag = "system",
    params(("skip_head" = Option<bool>, Query,
        description = "Changes nothing: samples in memory are always among those copied")),
    responses(
        (status = 200, body = Made),
        (status = 400, body = FailureBody), (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn snapshot(
    State(shared): State<Shared>,
    form: Fields,
) -> Result<Json<Made>, Failure> {
    check(&form)?;
    let name = maintain(&shared, |store| store.snapshot()).await?;
    Ok(Json(Made { status: "success", data: Snapshot { name } }))
}

/// Prometheus can leave out what is in memory to save time, which here takes none: the parameter is
/// taken, and a copy with more than was asked for is a whole one.
fn check(form: &Fields) -> Result<(), Failure> {
    form.only(&["skip_head"])?;
    match (form.get("skip_head"), form.truth("skip_head")) {
        (Some(text), None) => {
            Err(Failure::parameter("skip_head", format!("unable to parse boolean: {text:?}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::prometheus::form::tests::form;

    #[tokio::test]
    async fn a_word_that_is_no_boolean_is_refused() {
        for (query, says) in [
            ("", None),
            ("skip_head=", None),
            ("skip_head=true", None),
            ("skip_head=0", None),
            (
                "skip_head=maybe",
                Some("invalid parameter \"skip_head\": unable to parse boolean: \"maybe\""),
            ),
            ("skip=1", Some("unknown parameter \"skip\", known are skip_head")),
        ] {
            for checked in [
                check(&form("POST", &format!("/?{query}"), "").await),
                check(&form("PUT", "/", query).await),
            ] {
                assert_eq!(
                    checked.err().as_ref().map(|failure| failure.message.as_str()),
                    says,
                    "{query}"
                );
            }
        }
    }
}
