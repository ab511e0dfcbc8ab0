//! How fast messages are read, in the figures that `docs/` quotes. Not run by default:
//! `cargo test --release -p wire speed -- --ignored --nocapture`.

use std::hint::black_box;

use model::Sample;
use stdx::{Clock as _, SystemClock};

use super::encoder::{compress, message, series};
use super::{Opener, Reader};

const SERIES: usize = 2000;
const ROUNDS: u32 = 500;

/// A request of the size that Prometheus sends, its series with one sample each.
fn request(n_labels: usize) -> Vec<u8> {
    let one = |i: usize| {
        let instance = format!("10.0.{}.{}:9100", i / 250, i % 250);
        let path = format!("/api/v1/resource/{i}");
        let all = [
            ("__name__", "http_request_duration_seconds_bucket"),
            ("handler", path.as_str()),
            ("instance", instance.as_str()),
            ("job", "api-server"),
            ("le", "0.25"),
            ("method", "POST"),
            ("namespace", "production"),
            ("status", "200"),
        ];
        series(&all[..n_labels], &[Sample::new(1_760_000_000_000 + i as i64, i as f64)])
    };
    message((0..SERIES).map(one))
}

/// The best of many rounds, nanoseconds per sample.
fn measure(mut round: impl FnMut() -> u64) -> f64 {
    let clock = SystemClock::new();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = clock.monotonic();
        let n_samples = round();
        let took = clock.monotonic() - began;
        best = best.min(took.as_nanos() as f64 / n_samples as f64);
    }
    best
}

#[test]
#[ignore = "prints figures; run in release"]
fn speed_of_one_sample_series() {
    for n_labels in [1, 4, 8] {
        let message = request(n_labels);
        let block = compress(&message);
        let mut opener = Opener::default();
        let open = measure(|| {
            black_box(opener.open(black_box(&block), usize::MAX).unwrap());
            SERIES as u64
        });
        let mut reader = Reader::default();
        let read = measure(|| {
            let request = reader.read(black_box(&message)).unwrap();
            let lengths = (0..request.n_series())
                .map(|i| request.spelling(i).len() + request.samples(i).len());
            black_box(lengths.sum::<usize>());
            request.counts().samples
        });
        let request = reader.read(&message).unwrap();
        let labels = measure(|| {
            let mut labels = Vec::new();
            for i in 0..request.n_series() {
                labels.clear();
                request.labels(i, &mut labels).unwrap();
                black_box(&labels);
            }
            SERIES as u64
        });
        let bytes = message.len() / SERIES;
        let ratio = message.len() as f64 / block.len() as f64;
        println!(
            "{n_labels} labels, {bytes} B, {ratio:.1}:1: snappy {open:.1} ns, read {read:.1} ns \
             per sample, {:.1} M/s both; labels of new series {labels:.1} ns",
            1e3 / (open + read)
        );
    }
}
