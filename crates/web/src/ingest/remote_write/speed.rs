//! What a message costs from its body to the engine, which here takes it and does nothing. Not run
//! by default: `cargo test --release -p web remote_write::speed -- --ignored --nocapture`.

use std::hint::black_box;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use stdx::{Clock as _, SystemClock};
use storage::{AppendError, Appender, Batch, BatchAppended, Commit, Ingest, Limits, Row};

use super::{
    BYTES_MAX, Desk, HeldBody, Room, SOURCE_DEFAULT, Sent, Version, Written, decompressed_len,
    store,
};

const ROUNDS: u32 = 300;

/// An engine to which every spelling is known.
struct Knowing;

impl Appender for Knowing {
    fn append(&self, _: Vec<Row>) -> Result<Commit, AppendError> {
        Ok(Commit::done())
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        let series = 0..batch.n_series();
        let bytes: usize = series.clone().map(|i| batch.spelling(i).len()).sum();
        let n_samples: usize = series.map(|i| batch.samples(i).len()).sum();
        black_box(bytes);
        let (n_samples, rejected) = (n_samples as u64, Vec::new());
        let (n_histograms, n_exemplars) = (0, 0);
        Ok(BatchAppended { commit: Commit::done(), n_samples, n_histograms, n_exemplars, rejected })
    }
}

/// An engine that takes rows alone, as all did once.
struct Rows;

impl Appender for Rows {
    fn append(&self, rows: Vec<Row>) -> Result<Commit, AppendError> {
        black_box(rows);
        Ok(Commit::done())
    }
}

/// Fewer than 16384 bytes behind a tag and their length.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let head = match bytes.len() {
        n @ 0..128 => vec![tag, n as u8],
        n => vec![tag, n as u8 | 128, (n >> 7) as u8],
    };
    [&head[..], bytes].concat()
}

/// Series of eight labels with one sample each.
fn message(n_series: usize) -> Vec<u8> {
    let one = |i: usize| {
        let (instance, path) = (format!("10.0.{}.{}:9100", i / 250, i % 250), format!("/api/{i}"));
        let labels = [
            ("__name__", "http_request_duration_seconds_bucket"),
            ("handler", path.as_str()),
            ("instance", instance.as_str()),
            ("job", "api-server"),
            ("le", "0.25"),
            ("method", "POST"),
            ("namespace", "production"),
            ("status", "200"),
        ];
        let label = |(name, value): (&str, &str)| {
            field(0x0a, &[field(0x0a, name.as_bytes()), field(0x12, value.as_bytes())].concat())
        };
        let mut series: Vec<u8> = labels.into_iter().flat_map(label).collect();
        let value = (i as f64).to_le_bytes();
        let time = [0x80, 0xf0, 0xb3, 0x9e, 0x9c, 0x33];
        series.extend(field(0x12, &[&[0x09][..], &value, &[0x10], &time].concat()));
        field(0x0a, &series)
    };
    (0..n_series).flat_map(one).collect()
}

/// A block that repeats nothing, as what a snappy block costs is measured with the decoder.
fn block(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = message.len();
    while length >= 128 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    for chunk in message.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend(((chunk.len() - 1) as u16).to_le_bytes());
        out.extend(chunk);
    }
    out
}

async fn send(ingest: &Ingest, body: Bytes, is_inline: bool) {
    let block = HeldBody::read(Body::from(body), BYTES_MAX).await.unwrap();
    let n_bytes = decompressed_len(&block.bytes, BYTES_MAX).unwrap();
    let room = Room::reserve(n_bytes).unwrap();
    let source = SOURCE_DEFAULT.into();
    let version = Version::One;
    let sent = Sent { ingest: ingest.clone(), version, source, block, _room: room };
    let desk = Desk::free().await;
    let stored = match is_inline {
        true => sent.store(desk),
        false => tokio::task::spawn_blocking(move || sent.store(desk)).await.unwrap(),
    };
    stored.unwrap().durable(&mut Written::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; run in release"]
async fn speed_of_messages() {
    let clock = SystemClock::new();
    let into = |engine: Arc<dyn Appender>| {
        Ingest::new(engine, Limits::default(), Arc::new(SystemClock::new()))
    };
    let (ingest, by_rows) = (into(Arc::new(Knowing)), into(Arc::new(Rows)));
    for n_series in [50, 500, 2000, 10_000] {
        let message = message(n_series);
        let body = Bytes::from(block(&message));
        let mut best = [f64::INFINITY; 5];
        let mut reader = wire::remote_write::Reader::default();
        for _ in 0..ROUNDS {
            let mut laps = [clock.monotonic(); 6];
            black_box(reader.read(&message).unwrap());
            laps[1] = clock.monotonic();
            store::store(&ingest, SOURCE_DEFAULT, reader.read(&message).unwrap()).unwrap();
            laps[2] = clock.monotonic();
            // Tasks, so that both are woken as a connection is.
            for (lap, is_inline) in [(3, true), (4, false)] {
                let (ingest, body) = (ingest.clone(), body.clone());
                tokio::spawn(async move { send(&ingest, body, is_inline).await }).await.unwrap();
                laps[lap] = clock.monotonic();
            }
            store::store(&by_rows, SOURCE_DEFAULT, reader.read(&message).unwrap()).unwrap();
            laps[5] = clock.monotonic();
            for (i, best) in best.iter_mut().enumerate() {
                *best = best.min((laps[i + 1] - laps[i]).as_nanos() as f64 / n_series as f64);
            }
        }
        let [read, stored, inline, elsewhere, rows] = best;
        println!(
            "{n_series} series, {} KiB: read {read:.1} ns, with the batch {stored:.1} ns, with rows \
             {rows:.1} ns, body to engine {inline:.1} ns, on another thread {elsewhere:.1} ns per \
             sample",
            message.len() >> 10
        );
    }
}
