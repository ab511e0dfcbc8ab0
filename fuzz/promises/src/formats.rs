//! Formats of whole pages and histories: what is read as a series can be written and read again.

use model::parse_selector;
use wire::exposition;
use wire::json_lines::{Nans, read_line, write_line};
use wire::openmetrics::{Dialect, Page};
use wire::remote_read::{Frames, decode_chunked, decode_sampled};

const BYTES_MAX: usize = 1 << 20;

/// Any text as an `Accept` header: there is always an answer.
///
/// # Panics
/// When a promise is broken.
pub fn negotiate(bytes: &[u8]) {
    if let Ok(accept) = std::str::from_utf8(bytes) {
        assert!(!exposition::negotiate(Some(accept)).content_type().is_empty());
    }
}

/// Any bytes as a page, as a JSON line, as an answer to remote read and as a selector.
///
/// # Panics
/// When a promise is broken.
pub fn transfer(bytes: &[u8]) {
    for dialect in [Dialect::OpenMetrics, Dialect::Prometheus] {
        let mut page = Page::new(bytes, dialect);
        while let Ok(Some(_)) = page.next() {}
    }
    json_line(bytes);
    let _either = decode_sampled(bytes, BYTES_MAX);
    let _either = decode_chunked(bytes, (i64::MIN, i64::MAX));
    let mut frames = Frames::default();
    frames.push(bytes);
    while let Ok(Some(_)) = frames.next() {}
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _either = parse_selector(text);
    }
}

fn json_line(bytes: &[u8]) {
    let Ok(series) = read_line(bytes) else { return };
    let mut line = Vec::new();
    write_line(&series.labels, &series.samples, Nans::Exact, &mut line);
    let back = read_line(&line).expect("our own lines are read");
    assert_eq!(back.labels, series.labels);
    assert!(back.samples.iter().zip(&series.samples).all(|(a, b)| a.same_bits(b)));
}
