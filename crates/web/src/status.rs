//! Status: what a person asks who wonders where all those series come from, in the shape that
//! Prometheus gives it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use storage::Cardinality;
use utoipa::ToSchema;

use crate::prometheus::failure::{Failure, FailureBody};
use crate::prometheus::form::Fields;
use crate::state::Shared;

/// So many of each kind are listed unless the request says otherwise, as in Prometheus.
const N_LISTED_DEFAULT: usize = 10;
/// The most that are listed.
const N_LISTED_MAX: usize = 10_000;

/// The answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct TsdbStatus {
    #[schema(example = "success")]
    status: &'static str,
    data: TsdbStatusData,
}

/// The series in memory, which are those with a sample in the last hour or two.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TsdbStatusData {
    head_stats: HeadStats,
    /// Metrics with the most series.
    series_count_by_metric_name: Vec<Stat>,
    /// Labels with the most values.
    label_value_count_by_label_name: Vec<Stat>,
    /// Labels whose values have the most bytes, over all series.
    memory_in_bytes_by_label_name: Vec<Stat>,
    /// Labels, as `name=value`, with the most series.
    series_count_by_label_value_pair: Vec<Stat>,
}

/// How much there is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HeadStats {
    num_series: usize,
    num_label_pairs: usize,
    num_label_names: usize,
    /// Runs of samples in memory.
    chunk_count: usize,
    /// About the first moment of these, Unix milliseconds; 0 if there are none.
    min_time: i64,
    /// The last moment of these, Unix milliseconds; 0 if there are none.
    max_time: i64,
}

/// A name and how many it has.
#[derive(Serialize, ToSchema)]
struct Stat {
    name: String,
    value: usize,
}

/// Which metrics and labels the series in memory come from, counted exactly. `limit` says how many
/// of each kind are listed, at most 10,000; 10 unless it is given.
#[utoipa::path(
    get, path = "/api/v1/status/tsdb", tag = "system",
    params(("limit" = Option<usize>, Query, description = "How many of each kind", example = 10)),
    responses((status = 200, body = TsdbStatus), (status = 400, body = FailureBody))
)]
pub(crate) async fn tsdb(
    State(shared): State<Shared>,
    form: Fields,
) -> Result<Json<TsdbStatus>, Failure> {
    let n_listed = n_listed(&form)?;
    let querier = Arc::clone(&shared.querier);
    let counted = tokio::task::spawn_blocking(move || querier.cardinality(n_listed)).await;
    let counted = counted.map_err(|_| Failure::internal("counting the series failed"))?;
    Ok(Json(TsdbStatus { status: "success", data: data(counted.unwrap_or_default()) }))
}

/// How many of each kind are listed.
fn n_listed(form: &Fields) -> Result<usize, Failure> {
    let Some(text) = form.get("limit") else { return Ok(N_LISTED_DEFAULT) };
    match text.parse::<usize>() {
        Ok(n_listed @ 1..=N_LISTED_MAX) => Ok(n_listed),
        Ok(0) | Err(_) => Err(Failure::bad("limit must be a positive number")),
        Ok(_) => Err(Failure::bad(format!("limit must not exceed {N_LISTED_MAX}"))),
    }
}

fn data(counted: Cardinality) -> TsdbStatusData {
    let stats = |counted: Vec<(String, usize)>| {
        counted.into_iter().map(|(name, value)| Stat { name, value }).collect()
    };
    TsdbStatusData {
        head_stats: HeadStats {
            num_series: counted.n_series,
            num_label_pairs: counted.n_pairs,
            num_label_names: counted.n_names,
            chunk_count: counted.n_chunks,
            min_time: counted.min_ms.unwrap_or(0),
            max_time: counted.max_ms.unwrap_or(0),
        },
        series_count_by_metric_name: stats(counted.series_by_metric),
        label_value_count_by_label_name: stats(counted.values_by_name),
        memory_in_bytes_by_label_name: stats(counted.bytes_by_name),
        series_count_by_label_value_pair: stats(counted.series_by_pair),
    }
}

#[cfg(test)]
mod tests {
    use super::n_listed;
    use crate::prometheus::form::tests::form;

    #[tokio::test]
    async fn how_many_are_listed_has_bounds() {
        for (query, n) in
            [("", 10), ("limit=", 10), ("limit=1&other=x", 1), ("limit=10000", 10_000)]
        {
            let form = form("GET", &format!("/?{query}"), "").await;
            assert_eq!(n_listed(&form).unwrap(), n, "{query}");
        }
        for (limit, says) in [
            ("0", "limit must be a positive number"),
            ("-1", "limit must be a positive number"),
            ("many", "limit must be a positive number"),
            ("10001", "limit must not exceed 10000"),
        ] {
            let form = form("GET", &format!("/?limit={limit}"), "").await;
            assert_eq!(n_listed(&form).unwrap_err().message, says, "{limit}");
        }
    }
}
