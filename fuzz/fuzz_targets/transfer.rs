//! Any bytes as a page, as a JSON line and as an answer to remote read: no panic, and what is read
//! as a series can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::parse_selector;
use wire::json_lines::{Nans, read_line, write_line};
use wire::openmetrics::{Dialect, Page};
use wire::remote_read::{Frames, decode_chunked, decode_sampled};

fuzz_target!(|bytes: &[u8]| {
    for dialect in [Dialect::OpenMetrics, Dialect::Prometheus] {
        let mut page = Page::new(bytes, dialect);
        while let Ok(Some(_)) = page.next() {}
    }
    if let Ok(series) = read_line(bytes) {
        let mut line = Vec::new();
        write_line(&series.labels, &series.samples, Nans::Exact, &mut line);
        let back = read_line(&line).expect("our own lines are read");
        assert_eq!(back.labels, series.labels);
        assert!(back.samples.iter().zip(&series.samples).all(|(a, b)| a.same_bits(b)));
    }
    let _either = decode_sampled(bytes, 1 << 20);
    let _either = decode_chunked(bytes, (i64::MIN, i64::MAX));
    let mut frames = Frames::default();
    frames.push(bytes);
    while let Ok(Some(_)) = frames.next() {}
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _either = parse_selector(text);
    }
});
