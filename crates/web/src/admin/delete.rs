//! Deleting samples, and taking what was deleted off the disk.

use axum::extract::State;
use axum::http::StatusCode;
use model::Matcher;
use model::time::parse_time;
use utoipa::IntoParams;

use super::maintain;
use crate::prometheus::failure::{Failure, FailureBody};
use crate::prometheus::form::Fields;
use crate::state::Shared;

/// So many selectors in one request; each is a deletion of its own.
const SELECTORS_MAX: usize = 64;

/// What to delete, in the address or in a form.
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
    method(post, put), path = "/api/v1/admin/tsdb/delete_series", tag = "system",
    params(DeleteParameters),
    responses(
        (status = 204, description = "Deleted"),
        (status = 400, body = FailureBody), (status = 503, body = FailureBody),
    )
)]
pub(crate) async fn delete_series(
    State(shared): State<Shared>,
    form: Fields,
) -> Result<StatusCode, Failure> {
    let Deletion { selectors, start_ms, end_ms } = read(&form)?;
    let work = move |store: &dyn storage::Maintenance| {
        selectors.iter().try_for_each(|matchers| store.delete_series(matchers, start_ms, end_ms))
    };
    maintain(&shared, work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes deleted samples off the disk. Answers when none is left on it.
#[utoipa::path(
    method(post, put), path = "/api/v1/admin/tsdb/clean_tombstones", tag = "system",
    responses((status = 204, description = "None is left"), (status = 503, body = FailureBody))
)]
pub(crate) async fn clean_tombstones(State(shared): State<Shared>) -> Result<StatusCode, Failure> {
    maintain(&shared, |store| store.clean_tombstones()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn read(form: &Fields) -> Result<Deletion, Failure> {
    // A `begin` that nobody reads would delete more than was meant.
    form.only(&["match[]", "start", "end"])?;
    let n_selectors = form.all("match[]").count();
    if n_selectors == 0 {
        return Err(Failure::bad("no match[] parameter provided"));
    }
    let wrong = |reason: String| Failure::parameter("match[]", reason);
    if n_selectors > SELECTORS_MAX {
        return Err(wrong(format!("it is given more than {SELECTORS_MAX} times")));
    }
    let (start_ms, end_ms) = (time(form, "start", i64::MIN)?, time(form, "end", i64::MAX)?);
    if end_ms < start_ms {
        return Err(Failure::parameter("end", "end timestamp must not be before start time"));
    }
    Ok(Deletion { selectors: form.selectors().map_err(wrong)?, start_ms, end_ms })
}

/// Every form of time that the server knows, Unix milliseconds: those of the other routes that
/// change something, and those of Prometheus.
fn time(form: &Fields, name: &str, absent_ms: i64) -> Result<i64, Failure> {
    match form.get(name).map(parse_time) {
        Some(Ok(t_ms)) => Ok(t_ms),
        _ => form.time_or(name, absent_ms),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use model::Matcher;

    use super::{Deletion, read};
    use crate::prometheus::form::tests::form;

    fn expected() -> Deletion {
        let selectors = vec![
            vec![Matcher::equal("a", "b"), Matcher::equal("__name__", "up")],
            vec![Matcher::equal("__name__", "down")],
        ];
        let (start_ms, end_ms) = (1_700_000_000_500, 1_700_000_001_000);
        Deletion { selectors, start_ms, end_ms }
    }

    const QUERY: &str = "match[]=up{a=%22b%22}&match%5B%5D=down&start=1700000000.5\
                         &end=2023-11-14T22:13:21Z";

    #[tokio::test]
    async fn an_address_and_a_form_say_the_same() {
        for method in ["POST", "PUT"] {
            let address = form(method, &format!("/?{QUERY}"), "").await;
            assert_eq!(read(&address).unwrap(), expected(), "{method}");
            assert_eq!(read(&form(method, "/", QUERY).await).unwrap(), expected(), "{method}");
            let (selectors, times) = QUERY.split_once("&start").unwrap();
            let both = form(method, &format!("/?start{times}"), selectors).await;
            assert_eq!(read(&both).unwrap(), expected(), "{method}");
        }
    }

    #[tokio::test]
    async fn times_are_read_in_every_form_and_may_be_left_out() {
        let all = read(&form("POST", "/?match[]=up", "").await).unwrap();
        assert_eq!((all.start_ms, all.end_ms), (i64::MIN, i64::MAX));
        let ends =
            "match[]=up&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z";
        let ends = read(&form("POST", "/", ends).await).unwrap();
        assert_eq!((ends.start_ms, ends.end_ms), (i64::MIN, i64::MAX));
        let bare = read(&form("POST", "/?match[]=up&start=2023-11-14T22:13:20", "").await).unwrap();
        assert_eq!(bare.start_ms, 1_700_000_000_000);
    }

    #[tokio::test]
    async fn mistakes_are_bad_requests_that_name_their_place() {
        let many = "match[]=up&".repeat(65);
        for (query, what) in [
            ("", "no match[] parameter provided"),
            ("match[]=", "invalid parameter \"match[]\": "),
            ("match[]=up{a=}", "invalid parameter \"match[]\": 1:6: parse error: "),
            ("match[]={}", "at least one non-empty matcher"),
            ("match[]=up&start=soon", "invalid parameter \"start\": invalid time value"),
            ("match[]=up&start=2&end=1", "invalid parameter \"end\": "),
            ("matches=up", "unknown parameter \"matches\", known are match[], start, end"),
            (&many, "more than 64 times"),
        ] {
            let failure = read(&form("POST", "/", query).await).unwrap_err();
            assert!(failure.message.contains(what), "{query}: {}", failure.message);
            assert_eq!(failure.into_response().status(), 400, "{query}");
        }
    }
}
