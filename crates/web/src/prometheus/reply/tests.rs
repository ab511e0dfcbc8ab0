//! Answers arrive whole, in small pieces, as they were asked for; a reader who stops is let go.

use std::io::Read as _;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, HeaderValue, header};
use futures_util::StreamExt as _;

use super::{Encoding, PIECE_BYTES, Reply};
use crate::prometheus::pieces::{Pieces, items};

fn encoding(accept: &str) -> Encoding {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(accept).unwrap());
    Encoding::of(&headers)
}

#[test]
fn the_most_welcome_encoding_is_taken() {
    use Encoding::{Gzip, Plain, Zstd};
    for (accept, expected) in [
        ("", Plain),
        ("identity", Plain),
        ("br, deflate", Plain),
        ("gzip", Gzip),
        ("GZIP;q=0.5", Gzip),
        ("gzip, deflate, br, zstd", Zstd),
        ("zstd;q=0.5, gzip;q=0.8", Gzip),
        ("gzip;q=0", Plain),
        ("gzip;q=what", Plain),
        ("zstd ; q=0, gzip ; q=0.001", Gzip),
    ] {
        assert_eq!(encoding(accept), expected, "{accept}");
    }
    assert_eq!(Encoding::of(&HeaderMap::new()), Plain);
}

/// A list of so many numbers, as text.
fn numbers(n: u32) -> impl Pieces + 'static {
    items(0..n, |out, i: u32| out.extend(i.to_string().bytes()))
}

fn expected(n: u32) -> String {
    let all: Vec<String> = (0..n).map(|i| i.to_string()).collect();
    format!("[{}]", all.join(","))
}

/// The pieces of a body.
async fn pieces(body: Body) -> Vec<Vec<u8>> {
    let pieces = body.into_data_stream().map(|piece| piece.unwrap().to_vec());
    pieces.collect().await
}

#[tokio::test]
async fn long_answers_come_in_pieces_that_make_the_whole() {
    for n in [1, 1000, 20_000, 200_000] {
        for encoding in [Encoding::Plain, Encoding::Gzip, Encoding::Zstd] {
            let response = Reply::json(numbers(n)).send(encoding);
            let coded = response.headers().get(header::CONTENT_ENCODING).cloned();
            let is_exact = response.body().size_hint().exact().is_some();
            let pieces = pieces(response.into_body()).await;
            assert!(pieces.iter().all(|piece| piece.len() < 2 * PIECE_BYTES));
            let joined = pieces.concat();
            let mut text = String::new();
            match coded.as_ref().map(|value| value.to_str().unwrap()) {
                None => text = String::from_utf8(joined).unwrap(),
                Some("gzip") => {
                    flate2::read::GzDecoder::new(&joined[..]).read_to_string(&mut text).unwrap();
                }
                Some("zstd") => {
                    zstd::stream::read::Decoder::new(&joined[..])
                        .unwrap()
                        .read_to_string(&mut text)
                        .unwrap();
                }
                Some(other) => panic!("{other}"),
            }
            assert_eq!(text, expected(n));
            assert_eq!(coded.is_some(), encoding != Encoding::Plain && n > 1, "short is plain");
            assert_eq!(is_exact, n <= 1000, "short answers say how long they are");
        }
    }
}

/// Counts how much was written.
struct Endless(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Pieces for Endless {
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&[b'x'; 1000]);
        self.0.fetch_add(1000, std::sync::atomic::Ordering::Relaxed);
        true
    }
}

/// The clock of the runtime stands still unless everybody waits, and then jumps ahead.
#[tokio::test(start_paused = true)]
async fn a_reader_who_stops_is_let_go_and_nothing_is_written_ahead() {
    let written = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let body = Reply::json(Endless(written.clone())).send(Encoding::Plain).into_body();
    let mut stream = body.into_data_stream();
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    // Longer than a reader may rest.
    tokio::time::sleep(super::STALL_MAX * 2).await;
    let ahead = written.load(std::sync::atomic::Ordering::Relaxed);
    assert!(ahead < 8 * PIECE_BYTES, "{ahead} bytes for a reader who took 3 pieces");
    let mut last = stream.next().await;
    while let Some(Ok(_)) = last {
        last = stream.next().await;
    }
    assert!(last.unwrap().is_err(), "half an answer is no answer");
}
