use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use expect_test::{Expect, expect};
use model::Matcher;
use parking_lot::Mutex;
use storage::memory::MemoryStore;
use storage::{
    AppendError, Appender, Batch, BatchAppended, Commit, Ingest, LimitError, Limits, Querier,
    Rejected, Row, Select, Speller,
};
use wire::remote_write::Reader;

use super::{Stored, Written};
use crate::error::ApiError;

struct StoppedClock;

impl stdx::Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn ingest(appender: Arc<dyn Appender>) -> Ingest {
    Ingest::new(appender, Limits::default(), Arc::new(StoppedClock))
}

fn store(ingest: &Ingest, message: &[u8]) -> Result<Stored, ApiError> {
    super::store(ingest, "test", Reader::default().read(message)?)
}

/// A field of fewer than 16384 bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let length = if length < 128 {
        vec![length as u8]
    } else {
        vec![length as u8 | 128, (length >> 7) as u8]
    };
    [&[tag][..], &length, bytes].concat()
}

fn label((name, value): &(&str, &str)) -> Vec<u8> {
    field(0x0a, &[field(0x0a, name.as_bytes()), field(0x12, value.as_bytes())].concat())
}

/// A series whose samples have these times and no value, that is 0.
fn series(labels: &[(&str, &str)], times: &[u8]) -> Vec<u8> {
    let labels = labels.iter().flat_map(label);
    let samples = times.iter().flat_map(|t_ms| [0x12, 2, 0x10, *t_ms]);
    let fields: Vec<u8> = labels.chain(samples).collect();
    let mut out = vec![0x0a];
    let mut length = fields.len();
    while length >= 128 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(fields);
    out
}

/// The answer's detail, or nothing when all was stored, and then the series that are stored.
async fn told(kept: &Arc<MemoryStore>, message: &[u8]) -> String {
    let ingest = ingest(Arc::clone(kept) as _);
    let answer = match store(&ingest, message) {
        Ok(stored) => stored.durable(&mut Written::default()).await,
        Err(error) => Err(error),
    };
    let mut told = match answer {
        Ok(()) => "stored\n".to_owned(),
        Err(error) => {
            let response = error.into_response();
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            format!("{status} {}\n", body["detail"].as_str().unwrap())
        }
    };
    let every = Select::floats(vec![Matcher::not_equal("__name__", "")], i64::MIN, i64::MAX);
    for series in kept.select(&every).unwrap().map(Result::unwrap) {
        let times: Vec<i64> = series.samples.iter().map(|sample| sample.t_ms).collect();
        told.push_str(&format!("{} {times:?}\n", series.labels));
    }
    told
}

async fn check(message: &[u8], expected: &Expect) {
    expected.assert_eq(&told(&Arc::default(), message).await);
}

const GOOD: &[(&str, &str)] = &[("__name__", "good"), ("job", "a")];

#[tokio::test]
async fn all_samples_of_all_series_are_stored() {
    let message = [series(GOOD, &[1, 2, 3]), series(&[("__name__", "other")], &[1])].concat();
    check(
        &message,
        &expect![[r#"
        stored
        good{job="a"} [1, 2, 3]
        other{} [1]
    "#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_is_stored_of_nothing() {
    check(
        b"",
        &expect![[r#"
        stored
    "#]],
    )
    .await;
    // Metadata alone, a series without samples, and one without anything.
    check(
        &field(0x1a, b"metadata"),
        &expect![[r#"
        stored
    "#]],
    )
    .await;
    check(
        &[series(GOOD, &[]), series(&[], &[])].concat(),
        &expect![[r#"
        stored
    "#]],
    )
    .await;
}

#[tokio::test]
async fn bad_series_are_named_and_the_others_stored() {
    let long = "x".repeat(5000);
    let message = [
        series(&[("__name__", "first")], &[1]),
        series(&[("job", "nameless")], &[1]),
        series(&[("__name__", "twice"), ("a", "1"), ("a", "2")], &[1, 2]),
        series(&[("__name__", "long"), ("a", &long)], &[1, 2]),
        series(GOOD, &[1]),
        series(&[("__name__", "nul"), ("a", "\0")], &[1]),
    ];
    check(&message.concat(), &expect![[r#"
        400 4 series refused in whole or part, all else stored: series 1: the metric name is empty; series 2: label "a" is given twice; series 3: "long": the value of label "a" has 5000 bytes, at most 4096 are taken; series 5: "nul": label "a" contains a NUL character
        first{} [1]
        good{job="a"} [1]
    "#]]).await;
    let many: Vec<u8> = message[1].repeat(7);
    check(&[&message[0][..], &many].concat(), &expect![[r#"
        400 7 series refused in whole or part, all else stored: series 1: the metric name is empty; series 2: the metric name is empty; series 3: the metric name is empty; series 4: the metric name is empty; series 5: the metric name is empty; and more
        first{} [1]
    "#]]).await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_whole() {
    let message = [series(GOOD, &[1]), b"\x0a\x7f".to_vec()].concat();
    check(
        &message,
        &expect![[r#"
        400 the message is no protobuf of a WriteRequest: byte 34: the message ends within a field
    "#]],
    )
    .await;
}

/// A series of fields of any kind.
fn series_of(labels: &[(&str, &str)], fields: &[u8]) -> Vec<u8> {
    let labels: Vec<u8> = labels.iter().flat_map(label).collect();
    field(0x0a, &[&labels, fields].concat())
}

/// Three observations, in two buckets, at a time as a field of a histogram.
fn histogram(time: &[u8]) -> Vec<u8> {
    let buckets = b"\x08\x03\x5a\x04\x08\x00\x10\x02\x62\x02\x02\x02";
    field(0x22, &[&buckets[..], b"\x78", time].concat())
}

fn exemplar(trace: &str, t_ms: u8) -> Vec<u8> {
    field(0x1a, &[label(&("trace_id", trace)), vec![0x18, t_ms]].concat())
}

#[tokio::test]
async fn histograms_exemplars_and_metadata_are_stored() {
    let store = Arc::new(MemoryStore::default());
    let message = [
        series(GOOD, &[1, 2]),
        // As Prometheus sends them: a series for each.
        series_of(GOOD, &exemplar("4f", 1)),
        series_of(&[("__name__", "observed")], &histogram(b"\x01")),
        series_of(&[("__name__", "observed")], &histogram(b"\x02")),
        series_of(&[("__name__", "observed")], &exemplar("50", 2)),
        // With metric name, kind and help.
        field(0x1a, b"\x08\x01\x12\x04good\x22\x05Help."),
    ];
    let ingest = ingest(Arc::clone(&store) as _);
    self::store(&ingest, &message.concat())
        .unwrap()
        .durable(&mut Written::default())
        .await
        .unwrap();
    let select = Select::both(vec![Matcher::equal("__name__", "observed")], 0, 9);
    let found: Vec<_> = store.select(&select).unwrap().map(Result::unwrap).collect();
    assert_eq!(found.len(), 1);
    let histograms = &found[0].histograms;
    assert_eq!(histograms.iter().map(|sample| sample.t_ms).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(histograms[0].histogram.positive, [1.0, 2.0]);
    let exemplars = store.exemplars(&[], 0, 9).unwrap();
    assert_eq!(exemplars.len(), 2);
    assert_eq!(exemplars[0].exemplars[0].labels.get("trace_id"), Some("4f"));
    let metadata = store.metadata(Some("good")).unwrap();
    assert_eq!((metadata[0].1.kind.as_str(), &*metadata[0].1.help), ("counter", "Help."));
    assert_eq!(ingest.meter().appended.get(), 4);
    assert!(ingest.meter().rejected.iter().all(|counter| counter.get() == 0));
}

#[tokio::test]
async fn a_bad_histogram_is_refused_alone_and_bad_exemplars_and_metadata_are_counted() {
    let kept = Arc::new(MemoryStore::default());
    let ahead = b"\x80\xf0\xb2\x52";
    let message = [
        series(GOOD, &[1]),
        series_of(GOOD, &field(0x1a, b"exemplar")),
        series_of(GOOD, &exemplar(&"x".repeat(200), 1)),
        series_of(
            &[("__name__", "observed")],
            &[field(0x22, b"histogram"), histogram(b"\x01"), histogram(ahead)].concat(),
        ),
        series_of(&[("job", "nameless")], &histogram(b"\x01")),
        field(0x1a, b"metadata"),
        field(0x1a, b"\x08\x01\x12\x04good"),
    ]
    .concat();
    let said = told(&kept, &message).await;
    assert!(said.starts_with("400 2 series refused in whole or part"), "{said}");
    assert!(said.contains("series 3: \"observed\": no protobuf of a Histogram"), "{said}");
    assert!(said.contains("series 4: the metric name is empty"), "{said}");
    let select = Select::both(vec![Matcher::equal("__name__", "observed")], 0, 9);
    assert_eq!(kept.select(&select).unwrap().count(), 1, "the good one is stored");
    assert_eq!(kept.metadata(None).unwrap().len(), 1);
    assert!(kept.exemplars(&[], 0, 9).unwrap().is_empty());

    let ingest = ingest(Arc::new(MemoryStore::default()));
    let _stored = store(&ingest, &message).unwrap();
    let reason = String::new;
    let counts = [
        (LimitError::NativeHistogram { reason: reason() }, 1),
        (LimitError::Exemplar { reason: reason() }, 2),
        (LimitError::Metadata { reason: reason() }, 1),
        (LimitError::TooFarAhead { ahead_ms: 0 }, 1),
        (LimitError::NoMetricName, 1),
    ];
    for (cause, n) in counts {
        assert_eq!(count(&ingest, &cause), n, "{}", cause.reason());
    }
}

#[tokio::test]
async fn exemplars_and_metadata_alone_make_no_sender_come_back() {
    let message = [series_of(GOOD, &field(0x1a, b"exemplar")), field(0x1a, b"metadata")];
    check(
        &message.concat(),
        &expect![[r#"
        stored
    "#]],
    )
    .await;
}

fn count(ingest: &Ingest, cause: &LimitError) -> u64 {
    let at = LimitError::REASONS.iter().position(|word| *word == cause.reason()).unwrap();
    ingest.meter().rejected[at].get()
}

/// A time of 48 hours ahead, twice what is taken, as a field of a sample.
const FAR_AHEAD: &[u8] = b"\x12\x05\x10\x80\xf0\xb2\x52";

#[tokio::test]
async fn samples_of_other_times_are_left_out_and_the_rest_of_their_series_stored() {
    let with = |labels: &[(&str, &str)], samples: &[&[u8]]| {
        let labels: Vec<u8> = labels.iter().flat_map(label).collect();
        field(0x0a, &[labels, samples.concat()].concat())
    };
    let now: &[u8] = b"\x12\x02\x10\x01";
    let message = [
        with(GOOD, &[FAR_AHEAD, now, FAR_AHEAD]),
        with(&[("__name__", "gone")], &[FAR_AHEAD]),
        with(&[("__name__", "a"), ("a", "1"), ("a", "2")], &[now]),
        with(&[("a", "nameless")], &[now, FAR_AHEAD]),
        with(&[("__name__", "kept")], &[now]),
    ]
    .concat();
    let text = "timestamp is 2d ahead of this server's clock, at most one day is taken";
    let told = told(&Arc::default(), &message).await;
    let expected = expect![[r#"
        400 4 series refused in whole or part, all else stored: series 0: "good": AHEAD; series 1: "gone": AHEAD; series 2: label "a" is given twice; series 3: AHEAD
        good{job="a"} [1]
        kept{} [1]
    "#]];
    expected.assert_eq(&told.replace(text, "AHEAD"));

    let ingest = ingest(Arc::new(MemoryStore::default()));
    store(&ingest, &message).unwrap();
    assert_eq!(count(&ingest, &LimitError::TooFarAhead { ahead_ms: 0 }), 4);
    assert_eq!(count(&ingest, &LimitError::BadLabels { reason: String::new() }), 1);
    assert_eq!(count(&ingest, &LimitError::NoMetricName), 1);
    assert_eq!(ingest.meter().appended.get(), 2);
}

/// Keeps what it is handed, and has no room for the second series.
#[derive(Default)]
struct Calls(Mutex<Vec<String>>);

impl Appender for Calls {
    fn append(&self, _: Vec<Row>) -> Result<Commit, AppendError> {
        panic!("a message is appended as a batch")
    }

    fn append_batch(&self, batch: &dyn Batch) -> Result<BatchAppended, AppendError> {
        assert_eq!(batch.speller(), Speller::RemoteWrite);
        let series = (0..batch.n_series()).map(|i| {
            let mut labels = Vec::new();
            let spelling = batch.spelling(i).len();
            let labels = batch.labels(i, &mut labels).map(|()| labels.len());
            format!("{spelling} bytes, {labels:?} labels, {} samples", batch.samples(i).len())
        });
        self.0.lock().extend([batch.source().to_owned()].into_iter().chain(series));
        let cause = LimitError::SeriesTotal { max: 1 };
        let rejected = vec![Rejected { index: 1, cause }];
        let [n_samples, n_histograms, n_exemplars] = [0; 3];
        Ok(BatchAppended { commit: Commit::done(), n_samples, n_histograms, n_exemplars, rejected })
    }
}

#[tokio::test]
async fn a_message_is_one_batch_and_what_the_engine_refuses_is_named() {
    let calls = Arc::new(Calls::default());
    let ingest = ingest(Arc::clone(&calls) as _);
    let message = [
        series(GOOD, &vec![1; 20_000]),
        b"\x0a\x01\xff".to_vec(),
        series(&[("__name__", "silent")], &[]),
        series(&[("__name__", "other")], &[1]),
    ];
    let error = store(&ingest, &message.concat())
        .unwrap()
        .durable(&mut Written::default())
        .await
        .unwrap_err();
    let said = format!("{error:?}");
    assert!(said.contains("2 series") && said.contains("series 1: no protobuf"), "{said}");
    assert!(said.contains("series 3: \\\"other\\\": a new series, but the store"), "{said}");
    let expected = expect![[r#"
        [
            "test",
            "28 bytes, Ok(2) labels, 20000 samples",
            "19 bytes, Ok(1) labels, 1 samples",
        ]
    "#]];
    expected.assert_debug_eq(&*calls.0.lock());
    assert_eq!(count(&ingest, &LimitError::SeriesTotal { max: 1 }), 1);
}

struct Refusing(AppendError);

impl Appender for Refusing {
    fn append(&self, _: Vec<Row>) -> Result<Commit, AppendError> {
        Err(self.0.clone())
    }
}

/// A commit that fails.
struct Losing;

impl Appender for Losing {
    fn append(&self, _: Vec<Row>) -> Result<Commit, AppendError> {
        Ok(Commit::pending().1)
    }
}

#[tokio::test]
async fn what_the_sender_must_send_again_is_429_or_5xx() {
    let status = async |appender: Arc<dyn Appender>| {
        // One bad series does not make a refusal that the sender would take for final.
        let message = [series(GOOD, &[1]), series(&[("job", "nameless")], &[1])].concat();
        let answer = match store(&ingest(appender), &message) {
            Ok(stored) => stored.durable(&mut Written::default()).await,
            Err(error) => Err(error),
        };
        let response = answer.unwrap_err().into_response();
        (response.status().as_u16(), response.headers().contains_key("retry-after"))
    };
    let reason = String::new();
    let retry_after = Duration::from_secs(1);
    let overloaded = AppendError::Overloaded { reason: reason.clone(), retry_after };
    assert_eq!(status(Arc::new(Refusing(overloaded))).await, (429, true));
    assert_eq!(status(Arc::new(Refusing(AppendError::Unavailable { reason }))).await, (503, true));
    assert_eq!(status(Arc::new(Losing)).await, (503, true));
}

/// A message of version 2 about `good`: symbols, then a series of these fields behind its labels.
fn message_v2(series: &[&[u8]]) -> Vec<u8> {
    let symbols = ["", "__name__", "good", "Help."];
    let symbols = symbols.iter().flat_map(|symbol| field(0x22, symbol.as_bytes()));
    let series = series.iter().flat_map(|fields| field(0x2a, fields));
    symbols.chain(series).collect()
}

async fn written(ingest: &Ingest, message: &[u8]) -> (Result<(), String>, Written) {
    let mut reader = Reader::default();
    let stored = super::store(ingest, "test", reader.read_v2(message).unwrap()).unwrap();
    let mut written = Written::default();
    let answer = stored.durable(&mut written).await;
    (answer.map_err(|error| format!("{error:?}")), written)
}

#[tokio::test]
async fn what_is_written_of_a_message_is_counted_by_kind() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    let name = b"\x0a\x02\x01\x02";
    let now = b"\x12\x02\x10\x01";
    let histogram = b"\x1a\x0e\x08\x03\x5a\x04\x08\x00\x10\x02\x62\x02\x02\x02\x78\x02";
    let message = message_v2(&[
        &[
            &name[..],
            now,
            b"\x12\x04\x10\x02\x18\x01",
            b"\x22\x02\x18\x01",
            b"\x2a\x04\x08\x01\x18\x03",
        ]
        .concat(),
        &[&b"\x0a\x02\x01\x09"[..], now].concat(),
        &[&name[..], FAR_AHEAD].concat(),
        &[&name[..], &histogram[..histogram.len() - 1], b"\x09"].concat(),
    ]);
    let (answer, counted) = written(&ingest, &message).await;
    let detail = answer.unwrap_err();
    assert!(detail.contains("2 series refused") && detail.contains("symbols"), "{detail}");
    assert_eq!(counted, Written { samples: 2, histograms: 1, exemplars: 1 });
    let select = Select::both(vec![Matcher::equal("__name__", "good")], 0, 9);
    let found = store.select(&select).unwrap().next().unwrap().unwrap();
    let starts: Vec<_> = found.samples.iter().map(|one| (one.t_ms, one.start_ms)).collect();
    assert_eq!((starts, found.histograms.len()), (vec![(1, 0), (2, 1)], 1));
    assert_eq!(store.metadata(Some("good")).unwrap()[0].1.help, "Help.");
}

#[tokio::test]
async fn another_value_of_the_same_time_is_refused_and_the_same_one_is_not() {
    let store = Arc::new(MemoryStore::default());
    let ingest = ingest(Arc::clone(&store) as _);
    let one = |value: u8| {
        [&b"\x0a\x02\x01\x02\x12\x0b\x09\0\0\0\0\0\0\0"[..], &[value], b"\x10\x05"].concat()
    };
    let (answer, counted) = written(&ingest, &message_v2(&[&one(1)])).await;
    assert_eq!((answer, counted.samples), (Ok(()), 1));
    let (answer, counted) = written(&ingest, &message_v2(&[&one(1)])).await;
    assert_eq!((answer, counted.samples), (Ok(()), 1), "sent again");
    let (answer, counted) = written(&ingest, &message_v2(&[&one(1), &one(2)])).await;
    let detail = answer.unwrap_err();
    assert!(detail.contains("another value"), "{detail}");
    assert_eq!(counted.samples, 1);
    assert_eq!(count(&ingest, &LimitError::Conflict { t_ms: 0 }), 1);
}

#[tokio::test]
async fn nothing_counts_as_written_that_may_be_lost() {
    let mut reader = Reader::default();
    let message = message_v2(&[b"\x0a\x02\x01\x02\x12\x02\x10\x01"]);
    let request = reader.read_v2(&message).unwrap();
    let stored = super::store(&ingest(Arc::new(Losing)), "test", request).unwrap();
    let mut written = Written::default();
    assert!(stored.durable(&mut written).await.is_err());
    assert_eq!(written, Written::default());
}
