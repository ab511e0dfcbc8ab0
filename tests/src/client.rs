//! Client: HTTP/1.1 written out byte by byte, so that a test can send what no library would: broken
//! headers, endless bodies, half a request. One connection per request, no redirects followed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A server that does not answer is a failed test, not a hanging one.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Someone who talks to one listener.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    authorization: Option<String>,
}

impl Client {
    /// A client of the listener at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, authorization: None }
    }

    /// The same client, with an `Authorization` header in every request.
    pub fn authorized(&self, value: &str) -> Self {
        Self { authorization: Some(value.into()), ..self.clone() }
    }

    /// Where it sends to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A request to be completed and sent.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let mut request = Request {
            address: self.address,
            line: format!("{method} {path} HTTP/1.1"),
            headers: vec![("Host".into(), self.address.to_string())],
            body: Vec::new(),
            is_chunked: false,
        };
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        request
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// `GET`, answered with 200 and JSON.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    /// `POST` of a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string())
    }

    /// `POST` of a text that claims to be JSON.
    pub fn post_text(&self, path: &str, body: &str) -> Answer {
        let request = self.request("POST", path).header("Content-Type", "application/json");
        request.body(body.as_bytes().to_vec()).send()
    }
}

/// A request that is not sent yet.
#[derive(Debug)]
pub struct Request {
    address: SocketAddr,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    is_chunked: bool,
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body in chunks, without saying how long it is.
    pub fn chunked(mut self) -> Self {
        self.is_chunked = true;
        self
    }

    /// Sends it and reads the answer to its end.
    ///
    /// # Panics
    /// When there is no answer, or one that is not HTTP.
    pub fn send(self) -> Answer {
        let mut stream = self.open();
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        // A server may close while we still send: what it said until then counts.
        let answer = Answer::parse(&self.line, &bytes);
        answer.unwrap_or_else(|| {
            panic!("no answer to {:?} ({read:?}): {:?}", self.line, String::from_utf8_lossy(&bytes))
        })
    }

    /// Sends it and leaves the connection open, for answers without an end.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn open(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address)
            .unwrap_or_else(|error| panic!("nobody listens at {}: {error}", self.address));
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let (head, body) = (self.head(), self.encoded_body());
        if body.len() < 64 << 10 {
            let _ = writer.write_all(&[head.into_bytes(), body].concat());
        } else {
            // The answer may come before the end of the body: both directions at once.
            std::thread::spawn(move || {
                let _ = writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body));
            });
        }
        stream
    }

    fn head(&self) -> String {
        let mut head = format!("{}\r\nConnection: close\r\n", self.line);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.is_chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        } else if !self.body.is_empty() || self.line.starts_with('P') {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head + "\r\n"
    }

    fn encoded_body(&self) -> Vec<u8> {
        if !self.is_chunked {
            return self.body.clone();
        }
        let mut out = Vec::new();
        for chunk in self.body.chunks(16 << 10) {
            out.extend(format!("{:x}\r\n", chunk.len()).bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n\r\n");
        out
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    request: String,
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, with chunks put together.
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(request: &str, bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let headers: Vec<(String, String)> = pairs
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let body = &bytes[end + 4..];
        let is_chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked");
        let body = if is_chunked { unchunk(body) } else { body.to_vec() };
        Some(Self { request: request.into(), status, headers, body })
    }

    /// The answer itself, if it has this status.
    ///
    /// # Panics
    /// When it has another, with the whole answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        let (request, got) = (&self.request, self.status);
        assert!(got == status, "{request}: expected {status}, got {got}: {}", self.text());
        self
    }

    /// The body of a refusal: JSON with a word in `error` and a sentence in `detail`.
    ///
    /// # Panics
    /// When it has another status or another body.
    #[track_caller]
    pub fn refused(self, status: u16) -> Value {
        let answer = self.expect(status);
        let body = answer.json();
        assert_eq!(answer.header("content-type"), Some("application/json"), "{body}");
        for field in ["error", "detail"] {
            let text = body[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{}: no {field:?} in {body}", answer.request);
        }
        body
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{}: no JSON ({error}): {}", self.request, self.text()),
        }
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..line]).unwrap_or("0");
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let rest = &bytes[line + 2..];
        if size == 0 || rest.len() < size {
            break;
        }
        out.extend(&rest[..size]);
        bytes = rest.get(size + 2..).unwrap_or_default();
    }
    out
}
