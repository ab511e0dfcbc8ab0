//! Arguments of `pharos push`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::server_args::ServerArgs;

/// How lines are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PushFormat {
    /// Look at the first line, and for `# EOF` at the end.
    Auto,
    /// Prometheus text 0.0.4: timestamps in milliseconds, or none.
    Prometheus,
    /// OpenMetrics 1.0: timestamps in seconds, `# EOF` at the end.
    Openmetrics,
    /// JSON lines, as VictoriaMetrics and `pharos tsdb export` write them.
    Json,
    /// InfluxDB's line protocol: timestamps in nanoseconds, or none.
    Influx,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos push backup_bytes 123456789 host=db1 job=nightly
  curl -s http://127.0.0.1:9100/metrics | pharos push
  pharos push --file history.jsonl --format json --url https://monitor.example
  PHAROS_API_KEY=... pharos push -- temperature_celsius -4.5 room=freezer

A server that is away, restarts or is busy is asked again, with growing pauses; what arrives twice
is stored once. The key needs the scope ingest.

Exit: 0 all lines were taken, 1 some were refused or something failed, 2 wrong flags, 3 the server
understands nothing of it, 4 it wants another key, 5 it cannot be reached.")]
pub(crate) struct PushArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// How the lines are laid out.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) format: PushFormat,

    /// Send this file; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) file: PathBuf,

    /// When the one sample was, RFC 3339 or Unix seconds. Default: now.
    #[arg(long, value_name = "TIME", requires = "words", value_parser = model::time::parse_time)]
    pub(crate) timestamp: Option<i64>,

    /// Try again this often when the server is away or busy.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) retries: u32,

    /// One sample instead of a file: NAME VALUE [LABEL=VALUE ...].
    #[arg(value_name = "NAME VALUE [LABEL=VALUE ...]", allow_negative_numbers = true)]
    pub(crate) words: Vec<String>,
}
