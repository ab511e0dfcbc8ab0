//! `pharos check`: whether a file, a page or an expression is right, without starting anything.

mod metrics;
mod query;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::config::Config;
use crate::exit::{self, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Check {
    /// Check a configuration file: exit 0 if it is right, 3 if not.
    #[command(after_help = "Examples:
  pharos check config
  pharos check config /etc/pharos.toml && kill -HUP \"$(pidof pharos)\"

What is wrong is shown with its line and a caret. Flags and variables are not looked at.")]
    Config {
        /// The file.
        #[arg(default_value = "pharos.toml")]
        file: PathBuf,
    },
    /// Check a page that scrapers read: exit 0 if it is right, 1 if not, 3 if it is right but unwise.
    Metrics(MetricsArgs),
    /// Check a PromQL expression: exit 0 if it is right, 3 if not.
    Query(QueryArgs),
}

/// Which hints are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lint {
    /// Everything that promtool would say.
    All,
    /// Nothing: only what is wrong counts.
    None,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curl -s http://127.0.0.1:9100/metrics | pharos check metrics
  pharos check metrics --openmetrics page.txt
  pharos check metrics --lenient --lint none page.txt     would a scrape take it?

What is wrong is said with line and column. Read are OpenMetrics 1.0 and the Prometheus text format
0.0.4, by all of their rules, also those that no scraper enforces: buckets that do not add up, a
sample that comes twice, a family in two places. Hints are those of promtool, as are the exit codes.")]
pub(crate) struct MetricsArgs {
    /// The page is OpenMetrics. Default: if its last line is `# EOF`.
    #[arg(long, conflicts_with = "text")]
    openmetrics: bool,

    /// The page is Prometheus text, whatever its last line.
    #[arg(long)]
    text: bool,

    /// Take what a scrape takes: every line can be read, but what the lines say together may be wrong.
    #[arg(long)]
    lenient: bool,

    /// Which hints to give.
    #[arg(long, value_enum, default_value = "all")]
    lint: Lint,

    /// The file; `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos check query 'sum by (job) (rate(http_requests_total[5m]))'
  pharos check query --format \"$(cat rule.promql)\"
  pharos check query --json - < rule.promql | jq .type

The language is that of Prometheus 3 with its experimental functions.")]
pub(crate) struct QueryArgs {
    /// Print the expression, laid out over several lines if it is long.
    #[arg(long, conflicts_with = "json")]
    format: bool,

    /// Print the tree as JSON, as /api/v1/parse_query answers.
    #[arg(long)]
    json: bool,

    /// The expression; `-` reads it from standard input.
    #[arg(value_name = "EXPR", default_value = "-", allow_negative_numbers = true)]
    expr: String,
}

/// Checks.
///
/// # Errors
/// What is wrong, or what could not be read.
pub(crate) fn run(check: &Check) -> Result<u8, Failure> {
    match check {
        Check::Config { file } => match Config::check_file(file) {
            Ok(_) => {
                writeln!(std::io::stdout(), "{}: valid", file.display())?;
                Ok(exit::OK)
            }
            Err(error) => Err(Failure::new(exit::INVALID, anyhow::anyhow!("{error}"))),
        },
        Check::Metrics(args) => metrics::run(args),
        Check::Query(args) => query::run(args),
    }
}
