//! Any bytes as what senders of other systems say: no panic, and what is kept of a push is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::lines::Splitter;
use wire::openmetrics::Dialect;
use wire::{csv, graphite, influx, pushgateway, statsd};

fuzz_target!(|bytes: &[u8]| {
    let mut splitter = Splitter::new(influx::PointEnds::default(), 256);
    let mut each = |_, line: Result<&[u8], _>| -> Result<(), ()> {
        if let Ok(Ok(line)) = line.map(std::str::from_utf8) {
            let _ = influx::read_line(line);
        }
        Ok(())
    };
    for piece in bytes.chunks(7) {
        let _ = splitter.feed(piece, &mut each);
    }
    let _ = splitter.finish(&mut each);
    if let Ok(page) = pushgateway::read_protobuf(bytes) {
        let _ = pushgateway::write_group(&page);
    }
    if let Ok(page) = pushgateway::read_page(bytes, Dialect::Prometheus) {
        let kept = pushgateway::write_group(&page);
        assert!(kept.lines().any(|line| line.len() > 1 << 20) || pushgateway::read_group(&kept).is_ok());
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = statsd::read_line(text);
    let _ = graphite::read_line(text);
    let _ = pushgateway::read_path(text);
    let (format, row) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(format) = csv::Format::parse(format) {
        let _ = csv::read_row(&format, row);
    }
});
