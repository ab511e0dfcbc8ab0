//! What senders of other systems say: what is kept of a push is read back, and a line or a message
//! is taken or refused.

use wire::lines::Splitter;
use wire::openmetrics::Dialect;
use wire::otlp::{Settings, from_json, translate};
use wire::{csv, graphite, influx, pushgateway, statsd};

/// Lines beyond this are passed over.
const LINE_BYTES_MAX: usize = 256;
/// Longer lines of a kept group are not read again.
const KEPT_LINE_BYTES_MAX: usize = 1 << 20;

/// Any bytes as each of the senders' formats.
///
/// # Panics
/// When a promise is broken.
pub fn senders(bytes: &[u8]) {
    points(bytes);
    pushed_groups(bytes);
    telemetry(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _either = statsd::read_line(text);
    let _either = graphite::read_line(text);
    let _either = pushgateway::read_path(text);
    let (format, row) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(format) = csv::Format::parse(format) {
        let _either = csv::read_row(&format, row);
    }
}

/// Line protocol, in pieces as they come from a socket.
fn points(bytes: &[u8]) {
    let mut splitter = Splitter::new(influx::PointEnds::default(), LINE_BYTES_MAX);
    let mut each = |_, line: Result<&[u8], _>| -> Result<(), ()> {
        if let Ok(Ok(line)) = line.map(std::str::from_utf8) {
            let _either = influx::read_line(line);
        }
        Ok(())
    };
    for piece in bytes.chunks(7) {
        let _either = splitter.feed(piece, &mut each);
    }
    let _either = splitter.finish(&mut each);
}

/// Groups as text and as protobuf.
fn pushed_groups(bytes: &[u8]) {
    if let Ok(page) = pushgateway::read_protobuf(bytes) {
        let _text = pushgateway::write_group(&page);
    }
    if let Ok(page) = pushgateway::read_page(bytes, Dialect::Prometheus) {
        let kept = pushgateway::write_group(&page);
        let is_short = kept.lines().all(|line| line.len() <= KEPT_LINE_BYTES_MAX);
        assert!(!is_short || pushgateway::read_group(&kept).is_ok(), "a kept group is read again");
    }
}

/// OTLP as protobuf, and as JSON, which becomes the former.
fn telemetry(bytes: &[u8]) {
    let _either = translate(bytes, &Settings::default(), &|_| Ok(()));
    if let Ok(message) = from_json(bytes) {
        let translated = translate(&message, &Settings::default(), &|_| Ok(()));
        assert!(translated.is_ok(), "what is made of JSON is a message: {:?}", translated.err());
    }
}
