//! Server arguments: which server a command talks to, and with which key. A key is never an argument:
//! every process of the machine could read it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use reqwest::StatusCode;

use crate::config::variable;
use crate::exit::{FAILED, Failure, INVALID, NO_ACCESS, UNREACHABLE};
use crate::web_client;

/// Where a server is unless something else is said.
const URL_DEFAULT: &str = "http://127.0.0.1:8000";

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server. Default http://127.0.0.1:8000. [env: PHAROS_URL]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Send the key in this file, as a bearer token. Default: the key in PHAROS_API_KEY, if set.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,

    /// Wait this long for an answer.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = model::parse_duration)]
    timeout: Duration,
}

/// A server to ask.
#[derive(Debug)]
pub(crate) struct Server {
    client: reqwest::Client,
    base: String,
    timeout: Duration,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    /// When to come back, if it says so.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl ServerArgs {
    /// The server that the arguments and the environment name.
    ///
    /// # Errors
    /// The URL or the key is none.
    pub(crate) fn server(&self) -> anyhow::Result<Server> {
        let url = self.url.clone().or_else(|| variable("PHAROS_URL"));
        let url = url.unwrap_or_else(|| URL_DEFAULT.to_owned());
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(anyhow!("{url:?} is no address of a server, such as {URL_DEFAULT}"));
        }
        let key = match (&self.api_key_file, variable("PHAROS_API_KEY")) {
            (Some(path), _) => Some(web_client::bearer(path)?),
            (None, Some(key)) => Some(web_client::bearer_of(&key, "PHAROS_API_KEY")?),
            (None, None) => None,
        };
        let base = url.trim_end_matches('/').to_owned();
        let client = web_client::client_with(&base, key)?;
        Ok(Server { client, base, timeout: self.timeout })
    }
}

impl Server {
    /// Where it is, as it may be shown.
    pub(crate) fn shown(&self) -> String {
        web_client::shown(&self.base)
    }

    /// Posts a body and reads what comes back, whatever the status.
    ///
    /// # Errors
    /// [`UNREACHABLE`], or an answer of more than `bytes_max` bytes.
    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<Said, Failure> {
        let request = self.client.post(format!("{}{path}", self.base)).timeout(self.timeout);
        let request = request.header(reqwest::header::CONTENT_TYPE, content_type).body(body);
        let away = |error: anyhow::Error| {
            let context = format!("no answer from {} (see --url)", self.shown());
            Failure::new(UNREACHABLE, error.context(context))
        };
        let response = request.send().await.map_err(|error| away(web_client::told(error)))?;
        let status = response.status();
        let retry_after = response.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        let body = web_client::body(response, bytes_max).await.map_err(away)?;
        Ok(Said { status, retry_after, body })
    }
}

impl Said {
    /// The failure that an answer without success is, in the server's own words.
    pub(crate) fn failure(&self) -> Failure {
        let code = match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => NO_ACCESS,
            StatusCode::BAD_REQUEST => INVALID,
            _ => FAILED,
        };
        let key = match code {
            NO_ACCESS => " (see --api-key-file and PHAROS_API_KEY)",
            _ => "",
        };
        Failure::new(code, anyhow!("the server answered {}{key}: {}", self.status, self.words()))
    }

    /// The sentence in an answer: ours have it in `detail`, Prometheus' in `error`.
    pub(crate) fn words(&self) -> String {
        const CHARS_MAX: usize = 2000;
        let json = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        let field = |name: &str| Some(json.as_ref()?.get(name)?.as_str()?.to_owned());
        let words = field("detail").or_else(|| field("error"));
        let words = words.unwrap_or_else(|| String::from_utf8_lossy(&self.body).trim().to_owned());
        words.chars().filter(|c| !c.is_control() || *c == '\n').take(CHARS_MAX).collect()
    }
}

/// Runs what talks to a server to its end.
///
/// # Errors
/// Its own, or the system gives no resources.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    web_client::runtime().context("cannot talk to a server")?.block_on(work)
}
