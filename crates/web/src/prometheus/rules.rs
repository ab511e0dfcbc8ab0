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
    if form.get("exclude_alerts").is_some() && form.truth("exclude_alerts").is_none() {
        return Err(Failure::parameter("exclude_alerts", "error converting exclude_alerts"));
    }
    let limit = form.get("group_limit").map(str::parse::<i64>);
    match (limit, form.get("group_next_token")) {
        (None, Some(_)) => {
            let reason = "group_limit needs to be present in order to paginate over the groups";
            return Err(Failure::parameter("group_limit", reason));
        }
        (Some(limit), _) if !matches!(limit, Ok(n) if n > 0) => {
            let reason = "group_limit needs to be a valid number, greater than zero";
            return Err(Failure::parameter("group_limit", reason));
        }
        (_, Some(_)) => {
            let reason = "invalid group_next_token. Were rule groups changed?";
            return Err(Failure::parameter("group_next_token", reason));
        }
        _ => {}
    }
    form.selectors().map_err(|reason| Failure::parameter("match[]", reason))?;
    Ok(fixed(&form, r#"{"groups":[]}"#))
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
