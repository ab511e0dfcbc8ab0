//! Any bytes as a block and as a message of remote write: no panic, no more memory than allowed,
//! and the series that are read keep the promises of their type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::remote_write::{Decoder, LABELS_MAX, SAMPLES_MAX, decompress};

const BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Ok(message) = decompress(bytes, BYTES_MAX) {
        assert!(message.len() <= BYTES_MAX);
        check(&message);
    }
});

fn check(message: &[u8]) {
    let Ok(mut decoder) = Decoder::new(message) else { return };
    let mut n_series = 0;
    while let Some(next) = decoder.next() {
        if let Ok(series) = next {
            assert_eq!(series.index, n_series);
            assert!(series.labels.len() <= LABELS_MAX);
            assert!(series.labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert!(
                series.labels.iter().all(|(name, value)| !name.is_empty() && !value.is_empty())
            );
        }
        n_series += 1;
    }
    assert_eq!(n_series, decoder.n_series());
    assert!(decoder.counts().samples <= SAMPLES_MAX as u64);
}
