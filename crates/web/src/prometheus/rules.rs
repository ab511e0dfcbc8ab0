//! `rules`, `alerts`, `alertmanagers`: what is evaluated by itself and whom it tells. There is none
//! yet, and the answers say so in the shape that clients read.

use axum::response::Response;
use utoipa::IntoParams;

use super::failure::{Failure, FailureBody};
use super::form::Fields;
use super::targets::fixed;

/// Which rules.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters that are read one by one")]
pub(crate) struct RuleParameters {
    /// `alert` or `record`; both, if absent.
    r#type: Option<String>,
    /// A name of a rule; may repeat.
    #[param(rename = "rule_name[]")]
    rule_names: Option<Vec<String>>,
    /// A name of a group; may repeat.
    #[param(rename = "rule_group[]")]
    rule_groups: Option<Vec<String>>,
    /// A file of rules; may repeat.
    #[param(rename = "file[]")]
    files: Option<Vec<String>>,
    /// Which rules, by their labels; may repeat.
    #[param(rename = "match[]")]
    selectors: Option<Vec<String>>,
    /// `true` leaves out the alerts of each rule.
    exclude_alerts: Option<String>,
    /// The most groups in one answer.
    group_limit: Option<i64>,
    /// Where the answer before ended.
    group_next_token: Option<String>,
}

/// Rules in their groups.
#[utoipa::path(
    get, path = "/api/v1/rules", tag = "prometheus", params(RuleParameters),
    responses(
        (status = 200, description = "`data` has a list of groups", body = Object),
        (status = 400, body = FailureBody),
    )
)]
pub(crate) async fn rules(form: Fields) -> Result<Response, Failure> {
    let kind = form.get("type").unwrap_or_default().to_lowercase();
    if !matches!(kind.as_str(), "" | "alert" | "record") {
        return Err(Failure::parameter("type", format!("not supported value {kind:?}")));
    }
    if let Some(text) =
        form.get("exclude_alerts").filter(|_| form.truth("exclude_alerts").is_none())
    {
        let reason = format!("error converting exclude_alerts: {text:?} is no boolean");
        return Err(Failure::parameter("exclude_alerts", reason));
    }
    check_page(&form)?;
    form.selectors().map_err(Failure::bad)?;
    Ok(fixed(&form, r#"{"groups":[]}"#))
}

/// Refuses pages that there cannot be; nobody was ever told where a second one begins.
fn check_page(form: &Fields) -> Result<(), Failure> {
    let wrong = |name: &str, reason: &str| Err(Failure::parameter(name, reason));
    let token = form.get("group_next_token");
    match (form.get("group_limit").map(str::parse::<i32>), token) {
        (None, Some(_)) => {
            let reason = "group_limit needs to be present in order to paginate over the groups";
            wrong("group_next_token", reason)
        }
        (Some(Err(_)), _) => wrong("group_limit", "group_limit needs to be a valid number"),
        (Some(Ok(..=0)), _) => wrong("group_limit", "group_limit needs to be greater than 0"),
        (_, Some(token)) => {
            let reason = format!("invalid group_next_token '{token}'. were rule groups changed?");
            wrong("group_next_token", &reason)
        }
        (_, None) => Ok(()),
    }
}

/// Alerts that fire or are about to.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "prometheus",
    responses((status = 200, description = "`data` has a list of alerts", body = Object))
)]
pub(crate) async fn alerts(form: Fields) -> Response {
    fixed(&form, r#"{"alerts":[]}"#)
}

/// Whom alerts are sent to.
#[utoipa::path(
    get, path = "/api/v1/alertmanagers", tag = "prometheus",
    responses((status = 200, description = "`data` has lists of addresses", body = Object))
)]
pub(crate) async fn alertmanagers(form: Fields) -> Response {
    fixed(&form, r#"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#)
}

#[cfg(test)]
mod tests {
    use super::rules;
    use crate::prometheus::form::tests::form;

    #[tokio::test]
    async fn mistakes_in_what_is_asked_for_are_told() {
        for (query, says) in [
            ("type=Alert&exclude_alerts=true&group_limit=5&match[]={a=%22b%22}", None),
            ("type=both", Some("invalid parameter \"type\": not supported value \"both\"")),
            (
                "exclude_alerts=maybe",
                Some("invalid parameter \"exclude_alerts\": error converting"),
            ),
            (
                "group_next_token=a",
                Some("invalid parameter \"group_next_token\": group_limit needs"),
            ),
            ("group_limit=x", Some("\"group_limit\": group_limit needs to be a valid number")),
            ("group_limit=0", Some("\"group_limit\": group_limit needs to be greater than 0")),
            (
                "group_limit=1&group_next_token=a",
                Some("invalid parameter \"group_next_token\": invalid group_next_token 'a'."),
            ),
            ("match[]={}", Some("match[] must contain at least one non-empty matcher")),
        ] {
            let answer = rules(form("GET", &format!("/?{query}"), "").await).await;
            match (answer, says) {
                (Ok(answer), None) => assert_eq!(answer.status(), 200, "{query}"),
                (Err(failure), Some(says)) => {
                    assert!(failure.message.contains(says), "{query}: {}", failure.message);
                }
                (answer, _) => panic!("{query}: {:?}", answer.map(|answer| answer.status())),
            }
        }
    }
}
