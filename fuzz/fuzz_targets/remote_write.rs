//! Any bytes as a block and as a message of remote write: no panic, no more memory than allowed,
//! and the series that are read keep the promises of their type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::remote_write::{LABELS_MAX, Opener, Reader, Request, SAMPLES_MAX, read_labels};

const BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Ok(message) = Opener::default().open(bytes, BYTES_MAX) {
        assert!(message.len() <= BYTES_MAX);
        check(message);
    }
});

fn check(message: &[u8]) {
    let mut reader = Reader::default();
    if let Ok(request) = reader.read(message) {
        check_request(&request);
    }
    if let Ok(request) = reader.read_v2(message) {
        check_request(&request);
        let _said = request.metadata().count();
    }
}

fn check_request(request: &Request<'_>) {
    let mut n_samples = 0;
    for series in 0..request.n_series() {
        assert!(series == 0 || request.index(series - 1) < request.index(series));
        n_samples += request.samples(series).len();
        let mut labels = Vec::new();
        if request.labels(series, &mut labels).is_ok() {
            assert!(!request.spelling(series).is_empty() || labels.is_empty());
            assert!(labels.len() <= LABELS_MAX);
            assert!(labels.windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert!(labels.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()));
        }
    }
    assert_eq!(request.counts().samples, n_samples as u64);
    assert!(n_samples <= SAMPLES_MAX);
    for (index, _, mut histograms) in request.histograms() {
        let first = histograms.next().expect("a series with histograms has one");
        let _any = request.read_histogram(index, first);
    }
    for (index, spelling, mut exemplars) in request.exemplars() {
        let first = exemplars.next().expect("a series with exemplars has one");
        let _any = request.read_exemplar(index, first);
        let _any = read_labels(spelling, &mut Vec::new());
    }
}
