//! Remote write 1.0: requests as a Prometheus sends them, rendered before they are sent.
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/>

use anyhow::Context as _;

/// How many samples a Prometheus puts into a request unless told otherwise.
pub(crate) const N_REQUEST_SAMPLES: usize = 2000;

/// Where all three servers take them.
const PATH: &str = "/api/v1/write";

/// Renders one request after the other.
pub(crate) struct Renderer {
    message: Vec<u8>,
    snappy: snap::raw::Encoder,
}

impl Renderer {
    pub(crate) fn new() -> Self {
        Self { message: Vec::new(), snappy: snap::raw::Encoder::new() }
    }

    /// Adds a series, given its [`labels`], with these times in Unix milliseconds and values.
    pub(crate) fn series(&mut self, labels: &[u8], samples: &[(i64, f64)]) {
        // Milliseconds since 1970 take six bytes from 2004 on.
        const SAMPLE_BYTES: usize = 1 + 8 + 1 + 6;
        put_length(&mut self.message, 1, labels.len() + samples.len() * (2 + SAMPLE_BYTES));
        self.message.extend_from_slice(labels);
        for (t_ms, value) in samples {
            put_length(&mut self.message, 2, SAMPLE_BYTES);
            self.message.push(1 << 3 | 1);
            self.message.extend_from_slice(&value.to_bits().to_le_bytes());
            self.message.push(2 << 3);
            let n_before = self.message.len();
            put_varint(&mut self.message, t_ms.cast_unsigned());
            assert!(self.message.len() - n_before == 6, "{t_ms} is no time of today");
        }
    }

    /// The whole request with what was added since the last one.
    pub(crate) fn request(&mut self) -> anyhow::Result<Vec<u8>> {
        let body = self.snappy.compress_vec(&self.message).context("cannot compress")?;
        self.message.clear();
        let mut request = format!(
            "POST {PATH} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-protobuf\r\n\
             Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        Ok(request)
    }
}

/// Labels as they stand in a series' message; they must be sorted by name.
pub(crate) fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut label = Vec::new();
    for (name, value) in pairs {
        label.clear();
        put_length(&mut label, 1, name.len());
        label.extend_from_slice(name.as_bytes());
        put_length(&mut label, 2, value.len());
        label.extend_from_slice(value.as_bytes());
        put_length(&mut labels, 1, label.len());
        labels.extend_from_slice(&label);
    }
    labels
}

/// The tag of a field that says its length, and the length.
fn put_length(to: &mut Vec<u8>, field: u8, length: usize) {
    to.push(field << 3 | 2);
    put_varint(to, length as u64);
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::{Renderer, labels};

    #[test]
    fn a_request_is_what_the_specification_draws() {
        let mut renderer = Renderer::new();
        renderer.series(&labels([("__name__", "up"), ("job", "a")]), &[(1_700_000_000_000, 1.0)]);
        let request = renderer.request().unwrap();
        let at = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&request[..at]);
        assert!(head.contains(&format!("Content-Length: {}\r\n", request.len() - at)), "{head}");
        let message = snap::raw::Decoder::new().decompress_vec(&request[at..]).unwrap();
        let expected = [
            b"\x0a\x2c".as_slice(),                // timeseries, 44 bytes
            b"\x0a\x0e\x0a\x08__name__\x12\x02up", // label
            b"\x0a\x08\x0a\x03job\x12\x01a",       // label
            b"\x12\x10\x09\0\0\0\0\0\0\xf0\x3f",   // sample, value 1
            b"\x10\x80\xd0\x95\xff\xbc\x31",       // and its time
        ]
        .concat();
        assert_eq!(message, expected);
        let again = renderer.request().unwrap();
        assert!(again.ends_with(b"\r\n\r\n\0"), "the next request begins empty");
    }
}
