//! Arguments of `pharos query`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::times::When;
use crate::server_args::ServerArgs;

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// The answer of the server, as it came.
    Json,
    /// One line a sample, one column a label.
    Csv,
    /// One line a series, drawn, with its smallest, largest and last value; of a range.
    Sparkline,
}

/// What answers where samples are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tier {
    /// Rollups, where their answer is that of the samples.
    Auto,
    /// Nothing.
    Raw,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos query 'up == 0'
  pharos query 'sum by (job) (rate(http_requests_total[5m]))' --range 6h -o sparkline
  pharos query node_load1 --start -2h --end -1h --step 5m -o csv > load.csv
  pharos query 'memory_percent' --time 2026-01-31T12:00:00Z
  pharos query 'topk(5, rate(node_cpu_seconds_total[1m]))' --watch
  PHAROS_URL=https://monitor.example PHAROS_API_KEY=... pharos query up

TIME is Unix seconds, RFC 3339, now, or a distance from now such as -1h or now-1h.

Exit: 0 answered, 1 failed, 2 wrong flags, 3 the expression is wrong, 4 the server wants another
key, 5 it cannot be reached.")]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    #[command(flatten)]
    pub(crate) times: TimeArgs,

    /// How to print the answer. Default: table on a terminal, json otherwise.
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<Output>,

    /// What answers where samples are gone. Default: auto.
    #[arg(long, value_enum)]
    pub(crate) tier: Option<Tier>,

    /// Ask again and again, this long after the last answer.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "5s",
          require_equals = true, value_parser = model::parse_duration)]
    pub(crate) watch: Option<Duration>,

    /// The expression; `-` reads it from standard input.
    #[arg(value_name = "EXPR", allow_negative_numbers = true)]
    pub(crate) expr: String,
}

#[derive(Debug, Args)]
pub(crate) struct TimeArgs {
    /// At this time. Default: now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with_all = ["start", "end", "step", "range"])]
    pub(super) time: Option<When>,

    /// Over this long, up to --end.
    #[arg(long, value_name = "DURATION", conflicts_with = "start", value_parser = model::parse_duration)]
    pub(super) range: Option<Duration>,

    /// From this time on. Default, if --end or --step is given: an hour before --end.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) start: Option<When>,

    /// Up to this time. Default: now.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) end: Option<When>,

    /// From one value to the next. Default: about 250 values.
    #[arg(long, value_name = "DURATION", value_parser = model::parse_duration)]
    pub(super) step: Option<Duration>,
}

impl TimeArgs {
    /// Whether values over time are asked for.
    pub(super) fn is_range(&self) -> bool {
        let Self { time: _, range, start, end, step } = self;
        range.is_some() || start.is_some() || end.is_some() || step.is_some()
    }
}
