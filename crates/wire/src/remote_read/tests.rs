//! Answers as a server writes them, built here by a plain writer of our own.

use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, STALE_MARKER_BITS, Sample, parse_selector};
use proptest::prelude::*;

use super::chunk::{ChunkError, decode_xor};
use super::message::{put_bytes, put_number, put_varint};
use super::{
    AnswerKind, FRAME_BYTES_MAX, Frames, MATCHERS_MAX, QUERIES_MAX, Query, RequestError,
    ResponseError, SampledAnswer, StreamedAnswer, decode_chunked, decode_request, decode_sampled,
    encode_request,
};
use crate::remote_write::{Opener, read_histogram};

fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut label = Vec::new();
    put_bytes(&mut label, 1, name.as_bytes());
    put_bytes(&mut label, 2, value.as_bytes());
    put_bytes(out, 1, &label);
}

fn sampled(samples: &[Sample]) -> Vec<u8> {
    let mut series = Vec::new();
    put_label(&mut series, "__name__", "up");
    put_label(&mut series, "job", "x");
    for sample in samples {
        let mut one = vec![1 << 3 | 1];
        one.extend(sample.value.to_bits().to_le_bytes());
        put_number(&mut one, 2, sample.t_ms.cast_unsigned());
        put_bytes(&mut series, 2, &one);
    }
    put_bytes(&mut series, 4, b"a histogram");
    let (mut result, mut message) = (Vec::new(), Vec::new());
    put_bytes(&mut result, 1, &series);
    put_bytes(&mut message, 1, &result);
    snap::raw::Encoder::new().compress_vec(&message).unwrap()
}

/// Bits, the highest first.
#[derive(Default)]
struct BitWriter(Vec<bool>);

impl BitWriter {
    fn put(&mut self, number: u64, n_bits: u32) {
        self.0.extend((0..n_bits).rev().map(|bit| number >> bit & 1 == 1));
    }

    fn put_varint(&mut self, number: u64) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, number);
        for byte in bytes {
            self.put(byte.into(), 8);
        }
    }

    fn bytes(self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at))
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// A chunk as the format's description says.
fn xor_chunk(samples: &[Sample]) -> Vec<u8> {
    let mut out = BitWriter::default();
    out.put(samples.len() as u64, 16);
    let (mut before_ms, mut delta_ms, mut value) = (0_i64, 0_i64, 0_u64);
    let mut window: Option<(u32, u32)> = None;
    for (at, sample) in samples.iter().enumerate() {
        let bits = sample.value.to_bits();
        if at == 0 {
            let t = sample.t_ms;
            out.put_varint(((t << 1) ^ (t >> 63)).cast_unsigned());
            out.put(bits, 64);
        } else {
            let delta = sample.t_ms.wrapping_sub(before_ms);
            match at {
                1 => out.put_varint(delta.cast_unsigned()),
                _ => put_delta_of_delta(&mut out, delta.wrapping_sub(delta_ms)),
            }
            delta_ms = delta;
            put_xor(&mut out, value ^ bits, &mut window);
        }
        (before_ms, value) = (sample.t_ms, bits);
    }
    out.bytes()
}

fn put_delta_of_delta(out: &mut BitWriter, dod: i64) {
    let fits = |n: u32| -((1_i64 << (n - 1)) - 1) <= dod && dod <= 1 << (n - 1);
    match dod {
        0 => out.put(0, 1),
        _ if fits(14) => {
            out.put(0b10, 2);
            out.put(dod.cast_unsigned(), 14);
        }
        _ if fits(17) => {
            out.put(0b110, 3);
            out.put(dod.cast_unsigned(), 17);
        }
        _ if fits(20) => {
            out.put(0b1110, 4);
            out.put(dod.cast_unsigned(), 20);
        }
        _ => {
            out.put(0b1111, 4);
            out.put(dod.cast_unsigned(), 64);
        }
    }
}

fn put_xor(out: &mut BitWriter, changed: u64, window: &mut Option<(u32, u32)>) {
    if changed == 0 {
        return out.put(0, 1);
    }
    let leading = changed.leading_zeros().min(31);
    let trailing = changed.trailing_zeros();
    if let Some((l, t)) = *window
        && leading >= l
        && trailing >= t
    {
        out.put(0b10, 2);
        return out.put(changed >> t, 64 - l - t);
    }
    *window = Some((leading, trailing));
    let significant = 64 - leading - trailing;
    out.put(0b11, 2);
    out.put(leading.into(), 5);
    out.put(u64::from(significant) & 63, 6);
    out.put(changed >> trailing, significant);
}

fn chunked(chunks: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut series = Vec::new();
    put_label(&mut series, "__name__", "up");
    put_label(&mut series, "job", "x");
    for (encoding, data) in chunks {
        let mut chunk = Vec::new();
        put_number(&mut chunk, 3, *encoding);
        put_bytes(&mut chunk, 4, data);
        put_bytes(&mut series, 2, &chunk);
    }
    let mut frame = Vec::new();
    put_bytes(&mut frame, 1, &series);
    put_number(&mut frame, 2, 1);
    frame
}

fn same(found: &[Sample], sent: &[Sample]) -> bool {
    found.len() == sent.len() && found.iter().zip(sent).all(|(a, b)| a.same_bits(b))
}

#[test]
fn a_request_says_what_is_asked() {
    let matchers = parse_selector("up{job!=\"x\",a=~\"b\",c!~\"d\"}").unwrap();
    let body = encode_request(&Query { start_ms: 1, end_ms: 300, matchers });
    let mut opener = Opener::default();
    let message = opener.open(&body, 1000).unwrap();
    let expected = b"\x0a\x35\x08\x01\x10\xac\x02\
        \x1a\x0e\x12\x08__name__\x1a\x02up\
        \x1a\x0a\x08\x01\x12\x03job\x1a\x01x\
        \x1a\x08\x08\x02\x12\x01a\x1a\x01b\
        \x1a\x08\x08\x03\x12\x01c\x1a\x01d\
        \x10\x01\x10\x00";
    assert_eq!(message, expected);
}

#[test]
fn an_answer_in_one_piece_is_read() {
    let sent = [Sample::new(-5, 1.5), Sample::new(7, f64::from_bits(STALE_MARKER_BITS))];
    let fetched = decode_sampled(&sampled(&sent), 1 << 20).unwrap();
    assert_eq!(fetched.n_histograms, 1);
    let [(labels, samples)] = &fetched.series[..] else { panic!("{fetched:?}") };
    assert_eq!(labels, &Labels::of_metric("up", [("job", "x")]).unwrap());
    assert!(same(samples, &sent));
}

#[test]
fn an_answer_beyond_the_bound_is_refused() {
    let refused = decode_sampled(&sampled(&[Sample::new(0, 1.0)]), 8);
    assert!(matches!(refused, Err(ResponseError::Block(_))), "{refused:?}");
}

#[test]
fn samples_outside_of_the_range_and_histograms_are_left_out() {
    let sent: Vec<Sample> = (0..10).map(|t| Sample::new(t * 1000, t as f64)).collect();
    let chunks = [(1, xor_chunk(&sent[..5])), (2, vec![0, 3, 9]), (1, xor_chunk(&sent[5..]))];
    let fetched = decode_chunked(&chunked(&chunks), (2000, 7000)).unwrap();
    assert_eq!(fetched.n_histograms, 3);
    assert!(same(&fetched.series[0].1, &sent[2..=7]), "{fetched:?}");
}

#[test]
fn a_chunk_that_ends_early_or_has_too_many_bits_is_refused() {
    let whole = xor_chunk(&[Sample::new(1, 1.0), Sample::new(2, 1.1), Sample::new(9, 7.3)]);
    for n in 0..whole.len() {
        let cut = decode_xor(&whole[..n], &mut Vec::new());
        assert_eq!(cut, Err(ChunkError::Truncated), "{n} bytes");
    }
    let mut wide = BitWriter::default();
    wide.put(2, 16);
    wide.put_varint(0);
    wide.put(0, 64);
    wide.put_varint(1);
    wide.put(0b11, 2);
    wide.put(31, 5);
    wide.put(40, 6);
    wide.put(1, 40);
    assert_eq!(decode_xor(&wide.bytes(), &mut Vec::new()), Err(ChunkError::Width));
}

fn any_samples() -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(1.0),
        (0_u32..100).prop_map(|n| f64::from(n) / 10.0),
    ];
    let step = prop_oneof![
        4 => Just(15_000_i64),
        2 => 14_000_i64..16_000,
        2 => prop::sample::select(vec![8192, -8191, 65536, -65535, 524_288, -524_287, 524_289]),
        1 => any::<i64>(),
    ];
    prop::collection::vec((step, value), 1..60).prop_map(|steps| {
        let mut t_ms = 0_i64;
        let next = steps.into_iter().map(|(step, value)| {
            t_ms = t_ms.wrapping_add(step);
            Sample::new(t_ms, value)
        });
        next.collect()
    })
}

fn block(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

#[test]
fn a_request_is_heard_as_it_was_asked() {
    let matchers = parse_selector("up{job!=\"x\",a=~\"b.*\",c!~\"d|e\"}").unwrap();
    let query = Query { start_ms: -1, end_ms: i64::MAX, matchers };
    let heard = decode_request(&encode_request(&query), 1000).unwrap();
    assert_eq!((heard.queries, heard.answer), (vec![query], AnswerKind::Streamed));
}

#[test]
fn the_first_known_kind_of_answer_is_taken() {
    let mut query = Vec::new();
    put_bytes(&mut query, 3, b"\x12\x01a");
    let ask = |accepted: &[u8]| {
        let mut message = Vec::new();
        put_bytes(&mut message, 1, &query);
        message.extend_from_slice(accepted);
        decode_request(&block(&message), 1000).map(|request| request.answer)
    };
    assert_eq!(ask(b""), Ok(AnswerKind::Sampled), "older than the choice");
    assert_eq!(ask(b"\x10\x00\x10\x01"), Ok(AnswerKind::Sampled));
    assert_eq!(ask(b"\x10\x07\x10\x01\x10\x00"), Ok(AnswerKind::Streamed));
    assert_eq!(ask(b"\x12\x02\x01\x00"), Ok(AnswerKind::Streamed), "in a row");
    assert_eq!(ask(b"\x10\x07"), Err(RequestError::NoAnswer));
}

#[test]
fn requests_beyond_the_bounds_are_refused() {
    let refused = |message: &[u8], words: &str| {
        let error = decode_request(&block(message), 1 << 20).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let matcher = b"\x1a\x03\x12\x01a";
    let query = |matchers: &[u8]| {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, matchers);
        out
    };
    refused(&query(b""), "query 0 has no matcher");
    refused(&query(b"\x1a\x02\x08\x04"), "unknown type 4");
    refused(&query(b"\x1a\x08\x08\x02\x12\x01a\x1a\x01("), "invalid regular expression");
    refused(&query(&matcher.repeat(MATCHERS_MAX + 1)), "more than 256 matchers");
    refused(&query(matcher).repeat(QUERIES_MAX + 1), "more than 64 queries");
    refused(b"\x0a\x7f", "no protobuf of a ReadRequest");
    assert!(matches!(decode_request(b"\x7f", 1000), Err(RequestError::Block(_))));
    assert!(matches!(decode_request(&block(&[0; 2000]), 1000), Err(RequestError::Block(_))));
}

fn up() -> Labels {
    Labels::of_metric("up", [("job", "x")]).unwrap()
}

fn histogram_at(t_ms: i64) -> HistogramSample {
    let histogram = Histogram { count: 2.0, zero_count: 2.0, sum: 7.5, ..Histogram::default() };
    HistogramSample { t_ms, start_ms: 0, histogram: Arc::new(histogram) }
}

/// The frames of an answer, each checked.
fn frames(body: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Frames::default();
    frames.push(body);
    let mut all = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        all.push(frame.to_vec());
    }
    frames.finish().unwrap();
    all
}

fn streamed(samples: &[Sample], histograms: &[HistogramSample]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut answer = StreamedAnswer::default();
    let sent = answer.push(0, (&up(), samples, histograms), |frame| {
        body.extend(frame);
        Ok::<(), ()>(())
    });
    sent.unwrap();
    body
}

#[test]
fn an_answer_in_one_piece_goes_there_and_back() {
    let sent = [Sample::new(-5, 1.5), Sample::new(7, f64::from_bits(STALE_MARKER_BITS))];
    let mut answer = SampledAnswer::default();
    answer.push(&up(), &sent, &[]);
    answer.end_query();
    answer.end_query();
    answer.push(&up(), &sent[..1], &[histogram_at(9)]);
    answer.end_query();
    assert!(answer.n_bytes() > 50);
    let fetched = decode_sampled(&answer.into_body().unwrap(), 1 << 20).unwrap();
    assert_eq!(fetched.n_histograms, 1);
    let [(labels, first), (_, second)] = &fetched.series[..] else { panic!("{fetched:?}") };
    assert!(labels == &up() && same(first, &sent) && same(second, &sent[..1]), "{fetched:?}");
}

#[test]
fn histograms_are_said_as_remote_write_says_them() {
    let sent = histogram_at(9);
    let mut message = Vec::new();
    super::histogram::put_histogram(&mut message, &sent);
    assert!(read_histogram(&message).unwrap().same_bits(&sent));
}

#[test]
fn a_long_series_comes_in_several_frames_and_chunks_do_not_overlap() {
    // Values that do not compress, so that a frame is full soon.
    let noise = |n: i64| f64::from_bits((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
    let samples: Vec<Sample> = (0..300_000).map(|n| Sample::new(n * 1000, noise(n))).collect();
    let all = frames(&streamed(&samples, &[]));
    assert!(
        all.len() > 1
            && all.iter().all(|frame| frame.len() < 2 << 20 && frame.len() < FRAME_BYTES_MAX)
    );
    let mut found = Vec::new();
    for frame in &all {
        let fetched = decode_chunked(frame, (i64::MIN, i64::MAX)).unwrap();
        let [(labels, samples)] = &fetched.series[..] else { panic!("one series a frame") };
        assert_eq!(labels, &up());
        found.extend_from_slice(samples);
    }
    assert!(same(&found, &samples));
}

#[test]
fn numbers_and_histograms_come_in_the_order_of_their_times() {
    let samples: Vec<Sample> = [1, 2, 5, 8].map(|t| Sample::new(t, 1.0)).to_vec();
    let histograms: Vec<_> = [3, 4, 6, 9].map(histogram_at).to_vec();
    let body = streamed(&samples, &histograms);
    let all = frames(&body);
    let fetched = decode_chunked(&all[0], (i64::MIN, i64::MAX)).unwrap();
    assert_eq!(fetched.n_histograms, 4);
    assert!(same(&fetched.series[0].1, &samples));
    // Type and first time of each chunk.
    let mut chunks = Vec::new();
    let mut series = super::message::Fields(&all[0]);
    let (_, series) = series.next().unwrap().unwrap();
    let mut fields = super::message::Fields(series.bytes().unwrap());
    while let Some((number, value)) = fields.next().unwrap() {
        if number == 2 {
            let mut chunk = super::message::Fields(value.bytes().unwrap());
            let mut numbers = [0; 4];
            while let Some((number @ 1..=3, value)) = chunk.next().unwrap() {
                numbers[number as usize] = value.number().unwrap();
            }
            chunks.push((numbers[3], numbers[1], numbers[2]));
        }
    }
    assert_eq!(chunks, [(1, 1, 2), (3, 3, 4), (1, 5, 5), (3, 6, 6), (1, 8, 8), (3, 9, 9)]);
}

#[test]
fn a_reader_that_goes_away_ends_the_answer() {
    let sent =
        StreamedAnswer::default().push(0, (&up(), &[Sample::new(1, 1.0)], &[]), |_| Err("gone"));
    assert_eq!(sent, Err("gone"));
}

proptest! {
    /// Two writers of chunks, a plain one and the one that answers, agree to the bit.
    #[test]
    fn chunks_are_written_as_described(sent in any_samples()) {
        prop_assert_eq!(super::chunk::encode_xor(&sent), xor_chunk(&sent));
    }

    #[test]
    fn any_request_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _either = decode_request(&bytes, 1 << 16);
        let _either = decode_request(&block(&bytes), 1 << 16);
    }

    #[test]
    fn chunks_come_back_to_the_bit(sent in any_samples()) {
        let fetched = decode_chunked(&chunked(&[(1, xor_chunk(&sent))]), (i64::MIN, i64::MAX));
        let fetched = fetched.unwrap();
        prop_assert!(same(&fetched.series[0].1, &sent), "{:?}", fetched);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _either = decode_chunked(&bytes, (0, 1));
        let _either = decode_sampled(&bytes, 1 << 16);
        let _either = decode_xor(&bytes, &mut Vec::new());
    }
}
