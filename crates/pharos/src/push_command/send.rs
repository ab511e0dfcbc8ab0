//! Send: one batch after the other, each until the server has it or refuses it.

use std::time::Duration;

use reqwest::StatusCode;
use stdx::Env;

use super::batches::Batch;
use crate::exit::{Failure, UNREACHABLE};
use crate::server_args::{Said, Server};

/// An answer is short.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Before the second attempt; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// No pause is longer, whatever a server wishes.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Refusals that are shown.
const REASONS_MAX: usize = 10;

/// Who sends, where to and how persistently.
pub(super) struct Sender {
    pub(super) server: Server,
    pub(super) n_retries: u32,
    pub(super) env: Env,
}

/// What became of lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) n_taken: u64,
    pub(super) n_refused: u64,
    /// In the server's words.
    pub(super) reasons: Vec<String>,
}

impl Taken {
    /// Adds what became of other lines.
    pub(super) fn add(&mut self, other: Self) {
        self.n_taken += other.n_taken;
        self.n_refused += other.n_refused;
        let room = REASONS_MAX.saturating_sub(self.reasons.len());
        self.reasons.extend(other.reasons.into_iter().take(room));
    }
}

impl Sender {
    /// Sends a batch until it is taken, refused, or tried often enough.
    ///
    /// # Errors
    /// The server is away or busy to the end, wants another key, or knows no such path.
    pub(super) async fn send(&self, batch: Batch) -> Result<Taken, Failure> {
        let Batch { path, content_type, body, n_lines } = batch;
        let mut n_failed = 0;
        loop {
            let said = self.server.post(path, content_type, body.clone(), ANSWER_BYTES_MAX).await;
            let pause = match &said {
                Err(Failure { code: UNREACHABLE, .. }) => None,
                Ok(said) if may_pass(said.status) => said.retry_after,
                _ => return outcome(&said?, n_lines),
            };
            if n_failed == self.n_retries {
                return outcome(&said?, n_lines);
            }
            tokio::time::sleep(self.pause(pause, n_failed)).await;
            n_failed += 1;
        }
    }

    /// As long as the server wishes, or longer each time; never all senders at once.
    fn pause(&self, wished: Option<Duration>, n_failed: u32) -> Duration {
        let growing = PAUSE.saturating_mul(2_u32.saturating_pow(n_failed));
        let pause = wished.unwrap_or(growing).min(PAUSE_MAX);
        let share = self.env.randomness.next_u64() % 1000;
        pause + pause.mul_f64(share as f64 / 4000.0)
    }
}

/// Whether the same request may be taken later.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

fn outcome(said: &Said, n_lines: u64) -> Result<Taken, Failure> {
    if said.status.is_success() {
        return Ok(Taken { n_taken: n_lines, ..Taken::default() });
    }
    let words = said.words();
    let Some(n_refused) = partly(said.status, &words) else { return Err(said.failure()) };
    let n_refused = n_refused.min(n_lines);
    Ok(Taken { n_taken: n_lines - n_refused, n_refused, reasons: vec![words] })
}

/// How many lines were refused of a batch that was taken but for these.
fn partly(status: StatusCode, words: &str) -> Option<u64> {
    if status != StatusCode::BAD_REQUEST {
        return None;
    }
    words.strip_prefix("partial write: ")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::{Said, Taken, outcome};

    fn said(status: u16, detail: &str) -> Said {
        let body = serde_json::json!({"error": "bad_request", "detail": detail}).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        Said { status, retry_after: None, body: body.into_bytes() }
    }

    #[test]
    fn what_a_server_leaves_out_is_counted() {
        let all = outcome(&said(204, ""), 7).unwrap();
        assert_eq!(all, Taken { n_taken: 7, ..Taken::default() });
        let words = "partial write: 2 lines refused in whole or part, all of the rest stored";
        let some = outcome(&said(400, words), 7).unwrap();
        assert_eq!((some.n_taken, some.n_refused, some.reasons.len()), (5, 2, 1));
        assert_eq!(outcome(&said(400, "line 1 is no JSON"), 7).unwrap_err().code, 3);
        assert_eq!(outcome(&said(401, "no key"), 7).unwrap_err().code, 4);
        assert_eq!(outcome(&said(503, "the disk is full"), 7).unwrap_err().code, 1);
    }
}
