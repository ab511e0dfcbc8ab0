//! HTTP: one keep-alive connection that does as little as a client can: it sends bytes that were
//! rendered before, and looks at nothing but the status and the length of the answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Longer without an answer, and the server counts as dead. Counting a million series takes some
/// peers many seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// When the server wants to be asked again, if it says so in seconds.
    pub(crate) retry_after: Option<Duration>,
    /// The start of an answer that is no success: it says what is wrong.
    pub(crate) start: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.status, 200 | 204)
    }
}

/// A connection and what was read from it beyond the last answer's head.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 64 << 10] })
    }

    /// Sends a whole request and reads its whole answer.
    ///
    /// # Errors
    /// Any status but 200 and 204, with the start of the answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let answer = self.answer(request)?;
        if !answer.is_success() {
            bail!("answered {}", answer.start);
        }
        Ok(())
    }

    /// Sends a whole request and reads its whole answer, whatever it says.
    pub(crate) fn status(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.answer(request).map(|answer| answer.status)
    }

    /// Sends a whole request and reads its whole answer, whatever it says.
    ///
    /// # Errors
    /// There is no whole answer.
    pub(crate) fn answer(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).context("cannot send")?;
        let mut filled = 0;
        let head_bytes = loop {
            filled += self.read_more(filled)?;
            if let Some(at) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head =
            std::str::from_utf8(&self.buffer[..head_bytes]).context("the head is no text")?;
        let status = status_of(head)?;
        let retry_after = retry_after(head);
        let body_bytes = if status == 204 { 0 } else { content_length(head)? };
        let mut left = (head_bytes + body_bytes).saturating_sub(filled);
        while left > 0 {
            // The start of the answer stays: it says what is wrong.
            let n_read = self.read_more(filled.min(self.buffer.len() / 2))?;
            left = left.checked_sub(n_read).context("the answer is longer than it said")?;
        }
        let mut answer = Answer { status, retry_after, start: String::new() };
        if !answer.is_success() {
            answer.start = String::from_utf8_lossy(&self.buffer[..filled]).into_owned();
        }
        Ok(answer)
    }

    fn read_more(&mut self, filled: usize) -> anyhow::Result<usize> {
        match self.stream.read(&mut self.buffer[filled..]).context("cannot read the answer")? {
            0 => bail!("the connection ended before the answer did"),
            n_read => Ok(n_read),
        }
    }
}

/// Asks once, on a connection of its own, and gives the whole body of an answer 200. HTTP/1.0, so
/// that the body is everything until the connection ends.
///
/// # Errors
/// Any other status, with the start of the answer.
pub(crate) fn fetch(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: bench\r\n\r\n");
    match ask_once(address, &request)? {
        (200, body) => Ok(body),
        (status, body) => {
            bail!("{path} answered {status}: {}", body.chars().take(300).collect::<String>())
        }
    }
}

/// Sends a form once, on a connection of its own, and gives the status and the whole body.
pub(crate) fn post_form(
    address: SocketAddr,
    path: &str,
    form: &str,
) -> anyhow::Result<(u16, String)> {
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: bench\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    );
    ask_once(address, &request)
}

fn ask_once(address: SocketAddr, request: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = Connection::open(address)?.stream;
    stream.write_all(request.as_bytes()).context("cannot send")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).context("cannot read the answer")?;
    let text = String::from_utf8(bytes).context("the answer is no text")?;
    let (head, body) = text.split_once("\r\n\r\n").context("the answer has no head")?;
    Ok((status_of(head)?, body.to_owned()))
}

/// A request without a body.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

/// The head of a request with a JSON body.
pub(crate) fn post_head(path: &str, body_bytes: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         Content-Length: {body_bytes}\r\n\r\n"
    )
}

fn status_of(head: &str) -> anyhow::Result<u16> {
    let word = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    word.and_then(|word| word.trim().parse().ok()).context("the answer has no status")
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    let length = header(head, "content-length").and_then(|value| value.parse().ok());
    length.context("the answer does not say how long it is")
}

/// The other form, a date, is none that a server uses that is overloaded.
fn retry_after(head: &str) -> Option<Duration> {
    header(head, "retry-after")?.parse().ok().map(Duration::from_secs)
}

fn header<'h>(head: &'h str, wanted: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::{Duration, content_length, retry_after, status_of};

    #[test]
    fn a_head_says_what_the_sender_must_know() {
        let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(status_of(head).unwrap(), 429);
        assert_eq!(retry_after(head), Some(Duration::from_secs(5)));
        assert_eq!(content_length(head).unwrap(), 12);
        let date = "HTTP/1.1 503 \r\nRetry-After: Fri, 20 Nov 2026 10:00:00 GMT\r\n\r\n";
        assert_eq!(retry_after(date), None);
        assert!(content_length(date).is_err());
        assert!(status_of("SSH-2.0").is_err());
    }
}
