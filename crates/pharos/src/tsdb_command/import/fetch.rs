//! Fetch: samples from another server, a window of time after the other, so that neither side holds
//! more than that.

use anyhow::{Context as _, bail};
use model::{METRIC_NAME, Matcher, parse_matchers};
use wire::remote_read::{
    Fetched, Frames, Query, STREAMED, decode_chunked, decode_sampled, encode_request,
};

use super::super::args::ImportArgs;
use super::super::progress;
use super::Intake;
use crate::web_client;

/// An answer in one piece may have so many bytes as it is sent, and so many when it is opened.
const SENT_BYTES_MAX: usize = 64 << 20;
const OPENED_BYTES_MAX: usize = 512 << 20;
/// Attempts of a request whose failure may pass.
const ATTEMPTS: u32 = 4;
/// Before the second attempt; twice as long before each further one.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Reads everything that is asked for.
pub(super) fn fetch(
    url: &str,
    args: &ImportArgs,
    now_ms: i64,
    intake: &mut Intake,
) -> anyhow::Result<()> {
    let start_ms = args.start.context("--start is needed")?;
    let end_ms = args.end.unwrap_or(now_ms);
    let window_ms = i64::try_from(args.window.as_millis()).unwrap_or(i64::MAX).max(1);
    if end_ms < start_ms {
        bail!("--end is before --start");
    }
    let selectors = selectors(&args.selectors)?;
    let source = Source {
        client: web_client::client(url, args.api_key_file.as_deref())?,
        url: endpoint(url),
    };
    let n_windows = (end_ms.saturating_sub(start_ms) / window_ms).unsigned_abs() + 1;
    let bar = progress::steps("fetch", n_windows);
    let runtime = web_client::runtime()?;
    for window in windows(start_ms, end_ms, window_ms) {
        for matchers in &selectors {
            let (start_ms, end_ms) = window;
            let query = Query { start_ms, end_ms, matchers: matchers.clone() };
            let fetched = runtime.block_on(source.fetch(&query, intake));
            fetched.with_context(|| format!("cannot read from {}", web_client::shown(url)))?;
        }
        bar.advance(1);
    }
    Ok(())
}

/// The windows of a range; ends are part of them.
fn windows(start_ms: i64, end_ms: i64, window_ms: i64) -> impl Iterator<Item = (i64, i64)> {
    let first = Some((start_ms, start_ms.saturating_add(window_ms - 1).min(end_ms)));
    std::iter::successors(first, move |(_, last_ms)| {
        let next_ms = last_ms.checked_add(1).filter(|next_ms| *next_ms <= end_ms)?;
        Some((next_ms, next_ms.saturating_add(window_ms - 1).min(end_ms)))
    })
}

fn selectors(texts: &[String]) -> anyhow::Result<Vec<Vec<Matcher>>> {
    if texts.is_empty() {
        // Every series has a name; a query without any condition is refused by some.
        return Ok(vec![vec![Matcher::not_equal(METRIC_NAME, "")]]);
    }
    let parse = |text: &String| parse_matchers(text).with_context(|| format!("--match {text}"));
    texts.iter().map(parse).collect()
}

/// A server's address with the path of remote read, unless it has a path.
fn endpoint(url: &str) -> String {
    let base = url.trim_end_matches('/');
    let has_path = base.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path { base.to_owned() } else { format!("{base}/api/v1/read") }
}

struct Source {
    client: reqwest::Client,
    url: String,
}

impl Source {
    async fn fetch(&self, query: &Query, intake: &mut Intake) -> anyhow::Result<()> {
        let response = self.ask(query).await?;
        let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let is_streamed = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with(STREAMED));
        if is_streamed {
            return frames(response, query, intake).await;
        }
        let body = web_client::body(response, SENT_BYTES_MAX).await;
        let body = body.context("cannot take its answer; a smaller --window makes smaller ones")?;
        hand_over(decode_sampled(&body, OPENED_BYTES_MAX)?, intake)
    }

    /// Asks until there is an answer, a refusal, or no hope.
    async fn ask(&self, query: &Query) -> anyhow::Result<reqwest::Response> {
        let body = encode_request(query);
        let mut pause = PAUSE;
        for attempt in 1.. {
            let request = self.client.post(&self.url).body(body.clone());
            let request = request
                .header("Content-Type", "application/x-protobuf")
                .header("Content-Encoding", "snappy")
                .header("X-Prometheus-Remote-Read-Version", "0.1.0");
            let answer = request.send().await;
            let may_pass = match &answer {
                Ok(response) => {
                    response.status().is_server_error() || response.status().as_u16() == 429
                }
                Err(error) => !error.is_builder(),
            };
            if !may_pass || attempt == ATTEMPTS {
                return web_client::success(answer.map_err(web_client::told)?).await;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }
}

async fn frames(
    mut response: reqwest::Response,
    query: &Query,
    intake: &mut Intake,
) -> anyhow::Result<()> {
    let mut frames = Frames::default();
    while let Some(part) = response.chunk().await.map_err(web_client::told)? {
        frames.push(&part);
        while let Some(frame) = frames.next()? {
            hand_over(decode_chunked(frame, (query.start_ms, query.end_ms))?, intake)?;
        }
    }
    Ok(frames.finish()?)
}

fn hand_over(fetched: Fetched, intake: &mut Intake) -> anyhow::Result<()> {
    intake.skip("native_histogram", usize::try_from(fetched.n_histograms).unwrap_or(usize::MAX));
    for (labels, samples) in fetched.series {
        intake.add(&labels, &samples)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{endpoint, selectors, windows};

    #[test]
    fn windows_cover_a_range_once() {
        let all = |start, end, width| windows(start, end, width).collect::<Vec<_>>();
        assert_eq!(all(0, 25, 10), [(0, 9), (10, 19), (20, 25)]);
        assert_eq!(all(0, 19, 10), [(0, 9), (10, 19)]);
        assert_eq!(all(5, 5, 10), [(5, 5)]);
        assert_eq!(
            all(i64::MAX - 1, i64::MAX, 1),
            [(i64::MAX - 1, i64::MAX - 1), (i64::MAX, i64::MAX)]
        );
    }

    #[test]
    fn an_address_without_a_path_gets_the_usual_one() {
        assert_eq!(endpoint("http://p:9090/"), "http://p:9090/api/v1/read");
        assert_eq!(endpoint("http://p/x/read"), "http://p/x/read");
    }

    #[test]
    fn a_bad_selector_is_named() {
        let error = selectors(&["{a=}".to_owned()]).unwrap_err();
        assert!(format!("{error:#}").starts_with("--match {a=}: at character 4"), "{error:#}");
        assert_eq!(selectors(&[]).unwrap().len(), 1);
    }
}
