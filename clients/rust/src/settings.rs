//! Settings of a client: what the program says, what the environment says, what holds otherwise.
//!
//! Everything is checked here, once; behind `build` no setting is doubted again.

use std::time::Duration;

use crate::Client;

/// Where Pharos listens if nobody says otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:8000";
/// Bytes of a service's name that Pharos takes.
const SERVICE_BYTES_MAX: usize = 256;

/// Why a client cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address is no `http://` or `https://` URL, or one that this build cannot speak.
    Url(String),
    /// The service's name is empty or longer than 256 bytes.
    Service,
    /// The key cannot stand in a header.
    ApiKey,
    /// This setting must be at least one.
    Zero(&'static str),
    /// The system gives no thread.
    Thread(std::io::Error),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(reason) => f.write_str(reason),
            Self::Service => f.write_str("the service's name must have 1 to 256 bytes"),
            Self::ApiKey => f.write_str("the API key must be of visible ASCII characters"),
            Self::Zero(setting) => write!(f, "{setting} must be at least 1"),
            Self::Thread(_) => f.write_str("the system gives no thread"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Thread(cause) => Some(cause),
            _ => None,
        }
    }
}

/// Makes a [`Client`]. Each setting has a default that fits a service in production.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    pub(crate) url: String,
    pub(crate) service: String,
    pub(crate) api_key: Option<String>,
    pub(crate) batch_interval: Duration,
    pub(crate) batch_items_max: usize,
    pub(crate) queue_items_max: usize,
    pub(crate) retries_max: u32,
    pub(crate) backoff: Duration,
    pub(crate) timeout: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) instruments_interval: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) instance: String,
    pub(crate) alert_after_errors: Option<u32>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            url: URL_DEFAULT.to_owned(),
            service: program_name(),
            api_key: None,
            batch_interval: Duration::from_secs(1),
            batch_items_max: 500,
            queue_items_max: 10_000,
            // The last try comes about 90 s after the first: a restart of the server costs nothing.
            retries_max: 8,
            backoff: Duration::from_millis(500),
            timeout: Duration::from_secs(10),
            flush_timeout: Duration::from_secs(5),
            instruments_interval: Duration::from_secs(15),
            // Silent for three minutes, a service is unknown.
            heartbeat: Duration::from_secs(60),
            instance: format!("{}:{}", host_name(), std::process::id()),
            alert_after_errors: Some(3),
        }
    }
}

/// Without the key.
impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("url", &self.url)
            .field("service", &self.service)
            .field("has_api_key", &self.api_key.is_some())
            .field("batch_interval", &self.batch_interval)
            .field("queue_items_max", &self.queue_items_max)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Takes `PHAROS_URL`, `PHAROS_API_KEY` and `PHAROS_SERVICE` over, where they are set and not
    /// empty.
    pub fn environment(self) -> Self {
        self.variables(|name| std::env::var(name).ok())
    }

    pub(crate) fn variables(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.trim().is_empty());
        if let Some(url) = set("PHAROS_URL") {
            self.url = url.trim().to_owned();
        }
        if let Some(service) = set("PHAROS_SERVICE") {
            self.service = service.trim().to_owned();
        }
        if let Some(key) = set("PHAROS_API_KEY") {
            self.api_key = Some(key.trim().to_owned());
        }
        self
    }

    /// Where Pharos listens: `http://127.0.0.1:8000` unless said.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// The name of this service: the program's name unless said.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// The key that Pharos asks for, if it does.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How long a metric waits for others to travel with: 1 s.
    pub fn batch_interval(mut self, interval: Duration) -> Self {
        self.batch_interval = interval;
        self
    }

    /// How many metrics travel at once without waiting: 500.
    pub fn batch_items_max(mut self, n_items: usize) -> Self {
        self.batch_items_max = n_items;
        self
    }

    /// How many metrics wait at most: 10,000. Beyond it the oldest are dropped and counted.
    pub fn queue_items_max(mut self, n_items: usize) -> Self {
        self.queue_items_max = n_items;
        self
    }

    /// How often a request is tried again after a network error, 429 or 5xx: 8 times.
    pub fn retries_max(mut self, n_retries: u32) -> Self {
        self.retries_max = n_retries;
        self
    }

    /// How long to wait before the first retry: 500 ms. Each further one waits twice as long, at
    /// most 30 s, with jitter.
    pub fn backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long one request may take: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long [`Client::flush`] and [`Client::close`] wait at most: 5 s.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// How often the values of counters, gauges and histograms are sent: every 15 s.
    pub fn instruments_interval(mut self, interval: Duration) -> Self {
        self.instruments_interval = interval;
        self
    }

    /// How often the last state of the service is repeated: every 60 s.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval;
        self
    }

    /// The label `instance` of counters, gauges and histograms, which tells processes of one service
    /// apart: host and process unless said.
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = name.into();
        self
    }

    /// After how many failed deliveries in a row the client raises an alert: 3. `None`: never.
    pub fn alert_after_errors(mut self, n_errors: Option<u32>) -> Self {
        self.alert_after_errors = n_errors;
        self
    }

    /// Starts the client and its background thread. Nothing is sent yet: a server that is away
    /// is no error.
    pub fn build(self) -> Result<Client, ConfigError> {
        Client::start(self.checked()?)
    }

    fn checked(mut self) -> Result<Self, ConfigError> {
        self.url.truncate(self.url.trim_end_matches('/').len());
        check_url(&self.url)?;
        if self.service.is_empty() || self.service.len() > SERVICE_BYTES_MAX {
            return Err(ConfigError::Service);
        }
        if self
            .api_key
            .as_deref()
            .is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(ConfigError::ApiKey);
        }
        if self.instance.len() > SERVICE_BYTES_MAX {
            self.instance.truncate(crate::report::cut(&self.instance, SERVICE_BYTES_MAX).len());
        }
        let whole = [
            ("batch_items_max", self.batch_items_max),
            ("queue_items_max", self.queue_items_max),
            ("alert_after_errors", self.alert_after_errors.map_or(1, |n| n as usize)),
        ];
        match whole.iter().find(|(_, n)| *n == 0) {
            Some((setting, _)) => Err(ConfigError::Zero(setting)),
            None => Ok(self),
        }
    }
}

fn check_url(url: &str) -> Result<(), ConfigError> {
    let is_tls = url.starts_with("https://");
    if !is_tls && !url.starts_with("http://") {
        return Err(ConfigError::Url(format!("{url:?} does not start with http:// or https://")));
    }
    if is_tls && !cfg!(feature = "tls") {
        return Err(ConfigError::Url(format!("{url:?} needs the feature `tls`")));
    }
    match url.parse::<ureq::http::Uri>() {
        Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => Ok(()),
        Ok(_) => Err(ConfigError::Url(format!("{url:?} names no host"))),
        Err(cause) => Err(ConfigError::Url(format!("{url:?} is no address: {cause}"))),
    }
}

/// The host's name, or `host` where the system does not say.
fn host_name() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = told.or_else(|| std::env::var("HOSTNAME").ok());
    let name = told.or_else(|| std::env::var("COMPUTERNAME").ok()).unwrap_or_default();
    let name: String = name.trim().chars().take(64).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

/// The program's file name without its ending.
fn program_name() -> String {
    let name = std::env::current_exe().ok().and_then(|path| {
        path.file_stem().map(|stem| stem.to_string_lossy().chars().take(64).collect::<String>())
    });
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_host_or_scheme_are_refused() {
        for url in ["", "pharos:8000", "ftp://pharos", "http://", "http:// x", "http://a b"] {
            let made = Builder::default().url(url).build();
            assert!(matches!(made, Err(ConfigError::Url(_))), "{url:?}");
        }
    }

    #[test]
    fn settings_of_no_use_are_refused() {
        assert!(matches!(Builder::default().service("").build(), Err(ConfigError::Service)));
        assert!(matches!(Builder::default().api_key("a\nb").build(), Err(ConfigError::ApiKey)));
        let made = Builder::default().queue_items_max(0).build();
        assert!(matches!(made, Err(ConfigError::Zero("queue_items_max"))));
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let settings = Builder::default().service("own").variables(|name| {
            Some(if name == "PHAROS_URL" { "http://there:1/ " } else { "" }.to_owned())
        });
        assert_eq!((&*settings.url, &*settings.service), ("http://there:1/", "own"));
        assert!(settings.api_key.is_none());
    }

    #[test]
    fn the_key_is_not_printed() {
        let text = format!("{:?}", Builder::default().api_key("secret"));
        assert!(!text.contains("secret"), "{text}");
    }
}
