//! Sender: one connection that sends requests again as remote-write senders do, after the time
//! that the server names, and counts how often it had to.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use stdx::Clock;

use crate::http::{Answer, Connection};

/// How long one request is tried. A server that takes none for so long does not hold the load.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a Prometheus waits between attempts by default: first, and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(30);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// A server that wants to be left alone for longer is asked all the same.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Answers that were no success; each of these requests was sent again.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Refusals {
    /// Answers 429: too much at once.
    pub(crate) n_overloaded: u64,
    /// Answers 5xx: the server's own failures.
    pub(crate) n_failed: u64,
    /// Connections that ended before the answer did.
    pub(crate) n_lost: u64,
}

impl Refusals {
    pub(crate) fn n(self) -> u64 {
        self.n_overloaded + self.n_failed + self.n_lost
    }
}

impl std::ops::AddAssign for Refusals {
    fn add_assign(&mut self, other: Self) {
        self.n_overloaded += other.n_overloaded;
        self.n_failed += other.n_failed;
        self.n_lost += other.n_lost;
    }
}

/// A connection, and what was refused on it.
pub(crate) struct Sender<'a> {
    address: SocketAddr,
    connection: Connection,
    clock: &'a dyn Clock,
    refusals: Refusals,
}

impl<'a> Sender<'a> {
    pub(crate) fn open(address: SocketAddr, clock: &'a dyn Clock) -> anyhow::Result<Self> {
        let connection = Connection::open(address)?;
        Ok(Self { address, connection, clock, refusals: Refusals::default() })
    }

    pub(crate) fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// Sends a request until it is acknowledged.
    ///
    /// # Errors
    /// An answer that says that sending it again would not help; the last refusal when patience
    /// ends; a server that is gone.
    pub(crate) fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let deadline = self.clock.monotonic() + PATIENCE;
        let mut n_refused = 0;
        while let Some(Refusal { why, retry_after }) = self.attempt(request)? {
            n_refused += 1;
            if self.clock.monotonic() > deadline {
                bail!("refused {n_refused} times in {} s, {why}", PATIENCE.as_secs());
            }
            std::thread::sleep(pause(retry_after, n_refused));
        }
        Ok(())
    }

    /// Sends a request once; tells what was wrong if it is worth another attempt.
    fn attempt(&mut self, request: &[u8]) -> anyhow::Result<Option<Refusal>> {
        let answer = match self.connection.answer(request) {
            Ok(answer) => answer,
            Err(lost) => {
                let why = format!("{lost:#}");
                self.connection = Connection::open(self.address).with_context(|| why.clone())?;
                self.refusals.n_lost += 1;
                return Ok(Some(Refusal { why, retry_after: None }));
            }
        };
        match answer.status {
            200 | 204 => return Ok(None),
            429 => self.refusals.n_overloaded += 1,
            500.. => self.refusals.n_failed += 1,
            _ => bail!("answered {}", answer.start),
        }
        let Answer { retry_after, start, .. } = answer;
        Ok(Some(Refusal { why: format!("answered {start}"), retry_after }))
    }

    /// Sends requests one after the other.
    ///
    /// # Errors
    /// Those of [`Self::send`], with how far it came.
    pub(crate) fn send_all(&mut self, requests: &[Vec<u8>]) -> anyhow::Result<()> {
        for (nth, request) in requests.iter().enumerate() {
            let sent = self.send(request);
            sent.with_context(|| format!("request {} of {}", nth + 1, requests.len()))?;
        }
        Ok(())
    }
}

/// Why a request was not acknowledged, and how long the server wants to be left alone.
struct Refusal {
    why: String,
    retry_after: Option<Duration>,
}

/// How long to wait after the `nth` refusal, of which 1 is the first.
fn pause(retry_after: Option<Duration>, nth: u32) -> Duration {
    let backoff = BACKOFF_MIN.saturating_mul(1_u32.checked_shl(nth - 1).unwrap_or(u32::MAX));
    retry_after.map_or(backoff.min(BACKOFF_MAX), |named| named.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener};

    use stdx::Env;

    use super::{Duration, Refusals, Sender, pause};

    #[test]
    fn the_server_says_when_or_the_pauses_grow() {
        let ms = |nth| pause(None, nth).as_millis();
        assert_eq!([1, 2, 3, 8, 9, 40].map(ms), [30, 60, 120, 3840, 5000, 5000]);
        let told = |seconds| pause(Some(Duration::from_secs(seconds)), 9).as_secs();
        assert_eq!([0, 1, 3600].map(told), [0, 1, 30]);
    }

    /// Sends `request` to a server that gives one answer each time; an empty one ends the connection.
    fn send_to(answers: &[&str]) -> (anyhow::Result<()>, Refusals) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let env = Env::system();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                for answer in answers {
                    stream.read_exact(&mut [0; 7]).unwrap();
                    stream.write_all(answer.as_bytes()).unwrap();
                    if answer.is_empty() {
                        stream.shutdown(Shutdown::Both).unwrap();
                        (stream, _) = listener.accept().unwrap();
                    }
                }
            });
            let mut sender = Sender::open(address, &*env.clock).unwrap();
            (sender.send(b"request"), sender.refusals())
        })
    }

    const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 429 \r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy";
    const BROKEN: &str = "HTTP/1.1 503 \r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\ndisk";
    const WRONG: &str = "HTTP/1.1 400 \r\nContent-Length: 11\r\n\r\nsample 7 is";

    #[test]
    fn what_is_refused_is_counted_and_sent_again() {
        let (sent, refusals) = send_to(&[BUSY, BROKEN, "", BUSY, TAKEN]);
        sent.unwrap();
        assert_eq!(refusals, Refusals { n_overloaded: 2, n_failed: 1, n_lost: 1 });
    }

    #[test]
    fn what_is_wrong_is_not_sent_again() {
        let (sent, refusals) = send_to(&[WRONG]);
        assert!(sent.unwrap_err().to_string().contains("sample 7 is"));
        assert_eq!(refusals, Refusals::default());
    }
}
