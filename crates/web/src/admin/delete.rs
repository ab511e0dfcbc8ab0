//! Deleting samples, and taking what was deleted off the disk.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use model::time::parse_time;
use model::{Matcher, parse_selector};
use utoipa::IntoParams;

use super::maintain;
use crate::error::{ApiError, ErrorBody};
use crate::parameters::Parameters;
use crate::state::Shared;

/// So many selectors in one request; each is a deletion of its own.
const SELECTORS_MAX: usize = 64;

/// What to delete.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct DeleteParameters {
    /// Which series: `metric{label="value",other!="value"}`; may repeat, then series that any
    /// selects are deleted.
    #[param(rename = "match[]", example = "pharos_loss{job=\"debug\"}")]
    selectors: Vec<String>,
    /// The first moment, Unix seconds or RFC 3339; the first there is, if absent.
    start: Option<String>,
    /// The last moment, Unix seconds or RFC 3339; the last there is, if absent.
    end: Option<String>,
}

/// What a request asks to delete.
#[derive(Debug, PartialEq)]
struct Deletion {
    selectors: Vec<Vec<Matcher>>,
    start_ms: i64,
    end_ms: i64,
}

/// Deletes samples of series, for good. They are gone from every answer when this is answered;
/// `clean_tombstones` takes them off the disk at once, else that happens as blocks age. Samples that
/// are sent later are not concerned.
#[utoipa::path(
    post, path = "/api/v1/admin/tsdb/delete_series", tag = "system", params(DeleteParameters),
    responses(
        (status = 204, description = "Deleted"),
        (status = 400, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 503, body = ErrorBody),
    )
)]
pub(crate) async fn delete_series(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, ApiError> {
    let Deletion { selectors, start_ms, end_ms } = read(query.as_deref())?;
    let work = move |store: &dyn storage::Maintenance| {
        selectors.iter().try_for_each(|matchers| store.delete_series(matchers, start_ms, end_ms))
    };
    maintain(&shared, work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes deleted samples off the disk. Answers when none is left on it.
#[utoipa::path(
    post, path = "/api/v1/admin/tsdb/clean_tombstones", tag = "system",
    responses((status = 204, description = "None is left"), (status = 503, body = ErrorBody))
)]
pub(crate) async fn clean_tombstones(State(shared): State<Shared>) -> Result<StatusCode, ApiError> {
    maintain(&shared, |store| store.clean_tombstones()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(query: Option<&str>) -> Result<Deletion, ApiError> {
    let parameters = Parameters::read(query, &["match[]", "start", "end"])?;
    let texts: Vec<&str> = parameters.all("match[]").collect();
    if texts.is_empty() {
        return Err(wrong("match[]", "is missing: a selector such as up{job=\"debug\"}"));
    }
    if texts.len() > SELECTORS_MAX {
        return Err(wrong("match[]", format!("is given more than {SELECTORS_MAX} times")));
    }
    let selector = |text: &str| {
        let fail = |error| wrong("match[]", format!("has a mistake {error}, in {text}"));
        parse_selector(text).map_err(fail)
    };
    let selectors = texts.into_iter().map(selector).collect::<Result<_, _>>()?;
    let time = |name: &str, absent_ms: i64| match parameters.get(name) {
        None => Ok(absent_ms),
        Some(text) => parse_time(text).map_err(|error| wrong(name, format!("is {error}"))),
    };
    let (start_ms, end_ms) = (time("start", i64::MIN)?, time("end", i64::MAX)?);
    if end_ms < start_ms {
        return Err(wrong("end", "lies before \"start\""));
    }
    Ok(Deletion { selectors, start_ms, end_ms })
}

/// 400, as clients of Prometheus expect it.
fn wrong(name: &str, what: impl std::fmt::Display) -> ApiError {
    let detail = format!("parameter {name:?} {what}");
    ApiError::new(StatusCode::BAD_REQUEST, detail).at(name, None)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use model::Matcher;

    use super::{Deletion, read};

    #[test]
    fn reads_what_prometheus_takes() {
        let query = "match[]=up{a=%22b%22}&match%5B%5D=down&start=1700000000.5\
                     &end=2023-11-14T22:13:21Z";
        let selectors = vec![
            vec![Matcher::equal("__name__", "up"), Matcher::equal("a", "b")],
            vec![Matcher::equal("__name__", "down")],
        ];
        let (start_ms, end_ms) = (1_700_000_000_500, 1_700_000_001_000);
        let expected = Deletion { selectors, start_ms, end_ms };
        assert_eq!(read(Some(query)).unwrap(), expected);
        let all = read(Some("match[]=up")).unwrap();
        assert_eq!((all.start_ms, all.end_ms), (i64::MIN, i64::MAX));
    }

    #[test]
    fn mistakes_are_bad_requests_that_name_their_place() {
        let many = "match[]=up&".repeat(65);
        for (query, what) in [
            ("", "\"match[]\" is missing"),
            ("match[]=", "expected a metric name or {, found the end"),
            ("match[]=up{a=}", "has a mistake at character 6: expected a quoted text, found '}'"),
            ("match[]={}", "at least one matcher"),
            ("match[]=up&start=soon", "\"start\" is not a time"),
            ("match[]=up&start=2&end=1", "lies before"),
            (&many, "more than 64 times"),
        ] {
            let error = read(Some(query)).unwrap_err();
            let shown = format!("{error:?}");
            assert_eq!(error.into_response().status(), 400, "{query}");
            let escaped = what.replace('"', "\\\"");
            assert!(shown.contains(what) || shown.contains(&escaped), "{query}: {shown}");
        }
        assert_eq!(read(Some("matches=up")).unwrap_err().into_response().status(), 422);
    }
}
