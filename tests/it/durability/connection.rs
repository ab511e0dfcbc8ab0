//! Connection: one client that keeps its connection over many requests, as agents do.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An open connection. After an error it is of no more use.
pub(super) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, address })
    }

    /// Sends a body and waits for the whole answer. An error means that nobody knows whether the
    /// request was taken.
    pub(super) fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        loop {
            if let Some(answer) = Answer::parse(&bytes) {
                return Ok(answer);
            }
            let mut more = [0; 4096];
            match self.stream.read(&mut more)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n_read => bytes.extend(&more[..n_read]),
            }
        }
    }
}

impl Answer {
    /// `None` while some of it is missing.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let head_bytes = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..head_bytes]).expect("a head is text");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let body_bytes: usize = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.parse().ok())
            .expect("these answers say how long they are");
        let body = bytes.get(head_bytes..head_bytes + body_bytes)?;
        Some(Self { status: status.expect("an answer has a status"), body: body.to_vec() })
    }

    /// The id that a record was given.
    pub(super) fn id(&self) -> i64 {
        let body: Value = serde_json::from_slice(&self.body).expect("answers are JSON");
        body["id"].as_i64().expect("a new record has an id")
    }
}
