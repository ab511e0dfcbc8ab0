//! Notifiers: where alerts go. The log, a webhook, Pharos; mail is in `mail`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::alerts::Alert;
use crate::delivery::with_tls;
use crate::said::TARGET;
use crate::{Client, Severity};

/// How long a webhook may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Brings alerts to somebody. Called on a thread of its own, one alert after the other.
pub trait Notifier: Send + Sync {
    /// For the log, and to take it away again.
    fn name(&self) -> &str;

    /// Brings this alert of this service there.
    fn notify(&self, service: &str, alert: &Alert) -> Result<(), NotifyError>;
}

/// Why an alert did not reach somebody.
#[derive(Debug)]
pub struct NotifyError(String);

impl NotifyError {
    /// For this reason.
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl std::fmt::Display for NotifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotifyError {}

/// Writes alerts to the program's log: infos as info, warnings as warn, the others as error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;

impl Notifier for Log {
    fn name(&self) -> &str {
        "log"
    }

    fn notify(&self, service: &str, alert: &Alert) -> Result<(), NotifyError> {
        let level = match alert.severity {
            Severity::Info => log::Level::Info,
            Severity::Warning => log::Level::Warn,
            Severity::Error | Severity::Critical => log::Level::Error,
        };
        let Alert { severity, title, message, source, details, .. } = alert;
        log::log!(target: TARGET, level, "{service}/{source}: {severity}: {title}: {message} {details}");
        Ok(())
    }
}

/// Hands alerts to Pharos, which groups, silences and shows them.
#[derive(Debug, Clone)]
pub struct ToPharos(pub Client);

impl Notifier for ToPharos {
    fn name(&self) -> &str {
        "pharos"
    }

    fn notify(&self, _: &str, alert: &Alert) -> Result<(), NotifyError> {
        let details = match &alert.details {
            Value::Null => String::new(),
            details => format!(" {details}"),
        };
        let message = format!("{}: {}{details}", alert.source, alert.message);
        self.0.alert(&alert.title, &message, alert.severity);
        Ok(())
    }
}

/// Posts alerts as JSON to an address.
#[derive(Clone)]
pub struct Webhook {
    url: String,
    agent: ureq::Agent,
    body: fn(&str, &Alert) -> Value,
}

impl Webhook {
    /// The body is the alert: `{service, alert_id, title, message, severity, source, timestamp,
    /// details}`.
    pub fn new(url: impl Into<String>) -> Self {
        Self::with_body(url, |service, alert| {
            let mut body = alert.to_json();
            body["service"] = json!(service);
            body
        })
    }

    /// The body is what a Slack webhook wants: one text.
    pub fn slack(url: impl Into<String>) -> Self {
        Self::with_body(url, |service, alert| {
            let Alert { severity, title, message, source, .. } = alert;
            json!({ "text": format!("*{severity}: {title}*\n{message}\n{service}/{source}") })
        })
    }

    /// The body is what this makes of service and alert.
    pub fn with_body(url: impl Into<String>, body: fn(&str, &Alert) -> Value) -> Self {
        let config = with_tls(ureq::Agent::config_builder());
        let config = config.timeout_global(Some(WEBHOOK_TIMEOUT)).build();
        Self { url: url.into(), agent: config.new_agent(), body }
    }
}

/// Without the address: those of chats are secrets.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        "webhook"
    }

    fn notify(&self, service: &str, alert: &Alert) -> Result<(), NotifyError> {
        let body = (self.body)(service, alert).to_string();
        let request = self.agent.post(&self.url).header("Content-Type", "application/json");
        request.send(body).map(drop).map_err(NotifyError::new)
    }
}
