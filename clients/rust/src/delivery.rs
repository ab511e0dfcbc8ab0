//! Delivery: one body to the server, tried again while there is hope.
//!
//! A network error, 429 and 5xx are tried again with growing pauses; any other answer is final.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::report::cut;
use crate::settings::Builder;

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The longest pause that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Bytes of an answer that are read; what Pharos says is shorter.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// Bytes of an answer that are quoted in the log.
const QUOTE_BYTES_MAX: usize = 300;

/// Why a body did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The key is missing, wrong, or lacks the right.
    Key { status: u16, detail: String },
    /// The server does not want this body, now or later: for this item of it, if it says so.
    Refused { status: u16, detail: String, index: Option<usize> },
    /// It might have worked later, but the last retry is spent.
    GivenUp { cause: String },
    /// The client is closing and its time is over.
    Abandoned,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key { status: 401, detail } => {
                write!(f, "Pharos does not know the API key (401): set PHAROS_API_KEY. {detail}")
            }
            Self::Key { status, detail } => {
                write!(f, "the API key lacks the right to write ({status}). {detail}")
            }
            Self::Refused { status, detail, .. } => {
                write!(f, "Pharos refused a request ({status}): {detail}")
            }
            Self::GivenUp { cause } => write!(f, "Pharos cannot be reached, given up: {cause}"),
            Self::Abandoned => f.write_str("closing took too long, what was left is dropped"),
        }
    }
}

/// One answer, as far as it matters.
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    detail: String,
    /// The item of a batch that the server refuses it for.
    index: Option<usize>,
}

/// See the module.
pub(crate) struct Delivery {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
    retries_max: u32,
    backoff: Duration,
    is_abandoned: Mutex<bool>,
    abandoned: Condvar,
    pub(crate) n_retries: AtomicU64,
}

impl Delivery {
    pub(crate) fn new(settings: &Builder) -> Self {
        let config = with_tls(ureq::Agent::config_builder())
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            // The key must not follow to another host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("pharos-client-rust/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.new_agent(),
            url: settings.url.clone(),
            authorization: settings.api_key.as_ref().map(|key| format!("Bearer {key}")),
            retries_max: settings.retries_max,
            backoff: settings.backoff,
            is_abandoned: Mutex::new(false),
            abandoned: Condvar::new(),
            n_retries: AtomicU64::new(0),
        }
    }

    /// No try and no pause begins any more.
    pub(crate) fn abandon(&self) {
        *self.is_abandoned.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.abandoned.notify_all();
    }

    /// Brings this body there, compressed if asked.
    pub(crate) fn deliver(&self, path: &str, body: &[u8], is_batch: bool) -> Result<(), Failure> {
        let packed = if is_batch { Some(gzip(body)) } else { None };
        let body = packed.as_deref().unwrap_or(body);
        let mut n_tries = 0;
        loop {
            if self.pause(Duration::ZERO) {
                return Err(Failure::Abandoned);
            }
            let (cause, retry_after) = match self.post(path, body, is_batch) {
                Ok(answer) => match judge(answer)? {
                    None => return Ok(()),
                    Some(again) => again,
                },
                Err(cause) => (cause.to_string(), None),
            };
            if n_tries == self.retries_max {
                return Err(Failure::GivenUp { cause });
            }
            n_tries += 1;
            log::debug!(target: crate::said::TARGET, "retry {n_tries} of {path}: {cause}");
            if self.pause(retry_after.unwrap_or_else(|| pause_of(self.backoff, n_tries))) {
                return Err(Failure::Abandoned);
            }
            self.n_retries.fetch_add(1, Relaxed);
        }
    }

    /// Waits so long; true if it was abandoned meanwhile or before.
    fn pause(&self, pause: Duration) -> bool {
        let guard = self.is_abandoned.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.abandoned.wait_timeout_while(guard, pause, |is_abandoned| !*is_abandoned);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn post(&self, path: &str, body: &[u8], is_gzip: bool) -> Result<Answer, ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Content-Type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        if is_gzip {
            request = request.header("Content-Encoding", "gzip");
        }
        let mut response = request.send(body)?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header("retry-after").and_then(asked_pause);
        // The status decides; a body that breaks off or is garbage changes nothing.
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let (detail, index) = detail_of(&text.unwrap_or_default());
        Ok(Answer { status, retry_after, detail, index })
    }
}

/// Certificates are checked as this system does, so that those of a company's own authority hold; the
/// variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
#[cfg(feature = "tls")]
pub(crate) fn with_tls(config: ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> {
    let roots = ureq::tls::RootCerts::PlatformVerifier;
    config.tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
}

#[cfg(not(feature = "tls"))]
pub(crate) fn with_tls(config: ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> {
    config
}

/// `None`: arrived. Otherwise why to try again, and when if the server says so.
fn judge(answer: Answer) -> Result<Option<(String, Option<Duration>)>, Failure> {
    let Answer { status, retry_after, detail, index } = answer;
    match status {
        200..=299 => Ok(None),
        429 | 500..=599 => Ok(Some((format!("it answers {status} {detail}"), retry_after))),
        401 | 403 => Err(Failure::Key { status, detail }),
        _ => Err(Failure::Refused { status, detail, index: index.filter(|_| status == 422) }),
    }
}

/// What the server says in words, the `detail` of its JSON or the first bytes of whatever it is; and
/// which item of a batch it means.
fn detail_of(text: &str) -> (String, Option<usize>) {
    let json: Option<Value> = serde_json::from_str(text).ok();
    let index = json.as_ref().and_then(|json| json.get("index")).and_then(Value::as_u64);
    let detail = json.as_ref().and_then(|json| json.get("detail")).and_then(Value::as_str);
    let quote = cut(detail.unwrap_or(text), QUOTE_BYTES_MAX);
    let line: String = quote.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    (line.trim().to_owned(), index.map(|index| index as usize))
}

/// The pause that a `Retry-After` in seconds asks for. One that names a date is passed over: the
/// clocks need not agree.
fn asked_pause(header: &str) -> Option<Duration> {
    let seconds = header.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// The pause before this try: doubled each time, between half and one and a half of it.
fn pause_of(backoff: Duration, n_tries: u32) -> Duration {
    let doubled = backoff.saturating_mul(1 << (n_tries - 1).min(20)).min(PAUSE_MAX);
    // Each `RandomState` has other keys: random enough to spread clients over time.
    let jitter = RandomState::new().hash_one(n_tries) as f64 / u64::MAX as f64;
    doubled.mul_f64(0.5 + jitter)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8 + 64), Compression::fast());
    // Writing to memory has no way to fail.
    let written = encoder.write_all(body);
    debug_assert!(written.is_ok());
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_double_within_their_jitter(n_tries in 1..200_u32, backoff_ms in 0..100_000_u64) {
            let backoff = Duration::from_millis(backoff_ms);
            let middle = backoff.as_secs_f64() * 2_f64.powi(n_tries as i32 - 1);
            let middle = middle.min(PAUSE_MAX.as_secs_f64());
            let pause = pause_of(backoff, n_tries).as_secs_f64();
            prop_assert!((middle * 0.49..=middle * 1.51).contains(&pause), "{pause} {middle}");
        }

        #[test]
        fn any_answer_is_quoted_short_and_on_one_line(text in ".{0,2000}") {
            let (detail, _) = detail_of(&text);
            prop_assert!(detail.len() <= QUOTE_BYTES_MAX + 3 && !detail.contains('\n'));
        }
    }

    #[test]
    fn the_servers_pause_is_kept_within_reason() {
        assert_eq!(asked_pause(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(asked_pause("99999999999"), Some(RETRY_AFTER_MAX));
        for other in ["", "-1", "1.5", "Fri, 20 Nov 2026 14:00:00 GMT", "99999999999999999999999"] {
            assert_eq!(asked_pause(other), None, "{other}");
        }
        let retry_after = asked_pause("7");
        let answer = Answer { status: 429, retry_after, detail: "busy".into(), index: None };
        let (cause, pause) = judge(answer).unwrap().unwrap();
        assert_eq!((cause.as_str(), pause), ("it answers 429 busy", Some(Duration::from_secs(7))));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let answer =
            |status| Answer { status, retry_after: None, detail: String::new(), index: Some(1) };
        for status in [200, 201, 204] {
            assert_eq!(judge(answer(status)), Ok(None));
        }
        for status in [429, 500, 502, 503, 504] {
            assert!(judge(answer(status)).unwrap().is_some(), "{status}");
        }
        for status in [301, 302, 400, 404, 413, 422] {
            let Err(Failure::Refused { index, .. }) = judge(answer(status)) else {
                panic!("{status}")
            };
            assert_eq!(index.is_some(), status == 422);
        }
    }
}
