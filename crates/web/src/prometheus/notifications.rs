//! `notifications`: what is not as it should be right now, for whoever looks at the server's pages.

use axum::extract::State;
use axum::response::Response;
use model::time::format_rfc3339;
use serde_json::{Value, json};

use super::form::Fields;
use super::settings::AboutNow;
use super::targets::fixed;
use crate::state::Shared;

/// What holds now and somebody should know: a configuration that was refused, a log that is still
/// being read.
#[utoipa::path(
    get, path = "/api/v1/notifications", tag = "prometheus",
    responses((status = 200, description = "`data` lists `text`, `date`, `active`", body = Object))
)]
pub(crate) async fn notifications(State(shared): State<Shared>, form: Fields) -> Response {
    let all = all((shared.about.now)(), shared.about.started_ms);
    fixed(&form, &Value::from(all).to_string())
}

fn all(now: AboutNow, started_ms: i64) -> Vec<Value> {
    let of = |text: String, since_ms: i64| json!({ "text": text, "date": format_rfc3339(since_ms), "active": true });
    let refused = (!now.reload_successful).then(|| {
        let text = "the new configuration was refused, the one before stays in effect".to_owned();
        of(text, now.reload_failure_ms)
    });
    let warming = now.warming.map(|why| of(format!("warming: {why}"), started_ms));
    refused.into_iter().chain(warming).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::all;
    use crate::prometheus::AboutNow;

    #[test]
    fn only_what_holds_now_is_told() {
        let well =
            AboutNow { reload_successful: true, reload_failure_ms: 7, ..AboutNow::default() };
        assert!(all(well.clone(), 0).is_empty());
        let refused = AboutNow { reload_successful: false, ..well.clone() };
        assert_eq!(
            json!(all(refused, 0)),
            json!([{
                "text": "the new configuration was refused, the one before stays in effect",
                "date": "1970-01-01T00:00:00.007Z",
                "active": true,
            }])
        );
        let warming = AboutNow { warming: Some("2 segments are left".to_owned()), ..well };
        let told = &all(warming, 1000)[0];
        assert_eq!(told["text"], "warming: 2 segments are left");
        assert_eq!(told["date"], "1970-01-01T00:00:01.000Z");
    }
}
