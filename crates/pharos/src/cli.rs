//! The command line: what a person types. Flags are one of three layers of settings; see `config`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::check_command::Check;
use crate::config::{Durability, LogFormat, LogLevel};
use crate::push_command::PushArgs;
use crate::query_command::QueryArgs;
use crate::tsdb_command::Tsdb;

/// Settings that have a variable and no flag; all others say theirs beside the flag.
const VARIABLES: &str = "Variables without a flag:
  PHAROS_API_KEY               a key that may do everything, in place of those of the file
  PORT                         listen on this port of 127.0.0.1
  PROMETHEUS_PORT              serve /metrics alone on this port, too
  PHAROS_OTLP_GRPC_LISTEN      serve OTLP over gRPC on these addresses
  UPDATE_INTERVAL              how often the host is read; METRICS_COLLECTION_INTERVAL, if not set

A flag wins over a variable, and that over the configuration file. The file can say more; what it
may say is told where it is wrong: pharos check config FILE.";

/// Watches hosts and GPUs, services, pipelines and alerts.
#[derive(Debug, Parser)]
#[command(
    name = "pharos",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  pharos                                  watch this host, at http://127.0.0.1:8000
  pharos --listen 127.0.0.1:9100          the same, elsewhere
  pharos serve --config pharos.toml       with a configuration file
  pharos check config pharos.toml         say what is wrong with it
  pharos query 'up == 0'                  ask a running server
  pharos push room_celsius 21.5 room=lab  tell it something
  kill -HUP PID                           read the configuration file again"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Collect, store and serve (what `pharos` alone does).
    #[command(after_help = format!("Examples:
  pharos serve                                 at http://127.0.0.1:8000, data in ./data
  pharos serve --config /etc/pharos.toml
  pharos serve --retention 90d --retention-size 50GiB --data-dir /var/lib/pharos
  PHAROS_API_KEY=... pharos serve --listen 0.0.0.0:8000

{VARIABLES}"))]
    Serve(ServeArgs),
    /// Check settings, pages and expressions without starting anything.
    #[command(subcommand)]
    Check(Check),
    /// Ask a running server what a PromQL expression gives.
    Query(QueryArgs),
    /// Send samples to a running server.
    Push(PushArgs),
    /// Look at the samples on disk, and move them in and out.
    #[command(subcommand)]
    Tsdb(Tsdb),
    /// Print a completion script for a shell, for instance `pharos completion bash`.
    #[command(after_help = "Examples:
  pharos completion bash > /etc/bash_completion.d/pharos
  pharos completion zsh > ~/.zfunc/_pharos
  pharos completion fish > ~/.config/fish/completions/pharos.fish")]
    Completion {
        /// bash, zsh, fish, elvish or powershell.
        shell: Shell,
    },
    /// Print the version.
    #[command(after_help = "Examples:\n  pharos version")]
    Version,
}

/// Flags of `serve`. Each wins over the environment, which wins over the file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Listen here; may repeat. Default 127.0.0.1:8000. An address that others can reach needs a
    /// key in the configuration, or --insecure-open. OTLP over gRPC is heard on 127.0.0.1:4317 as
    /// well, see otlp.grpc_listen. [env: PHAROS_LISTEN, PORT, PHAROS_OTLP_GRPC_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,

    /// Keep data here. Default ./data. [env: PHAROS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Read this configuration file. [env: PHAROS_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Keep samples this long, for instance 24h or 7d; 0 keeps everything. Default 7d.
    /// [env: METRICS_RETENTION]
    #[arg(long, value_name = "DURATION", value_parser = model::parse_duration)]
    pub(crate) retention: Option<Duration>,

    /// Keep what 5 minutes of samples come to this long, after the samples themselves are gone; 0
    /// makes none. Default 90d. [env: PHAROS_RETENTION_5M]
    #[arg(long = "retention-5m", value_name = "DURATION", value_parser = model::parse_duration)]
    pub(crate) retention_5m: Option<Duration>,

    /// The same of each hour. Default 5y. [env: PHAROS_RETENTION_1H]
    #[arg(long = "retention-1h", value_name = "DURATION", value_parser = model::parse_duration)]
    pub(crate) retention_1h: Option<Duration>,

    /// When a sample is acknowledged: once the disk has it, or once the kernel has it, which a power
    /// cut may take the last second of. Default sync. [env: PHAROS_DURABILITY]
    #[arg(long, value_name = "WHEN", value_enum, ignore_case = true)]
    pub(crate) durability: Option<Durability>,

    /// Keep the samples on disk below this size, for instance 50GiB, by dropping the oldest; 0 sets
    /// no bound. Default 0. [env: PHAROS_RETENTION_SIZE]
    #[arg(long, value_name = "SIZE", value_parser = model::parse_byte_size)]
    pub(crate) retention_size: Option<u64>,

    /// Take no new series once this many are stored; 0 sets no bound. Default 0.
    /// [env: PHAROS_SERIES_MAX]
    #[arg(long, value_name = "N")]
    pub(crate) series_max: Option<u64>,

    /// Take no new series of a metric that has this many; 0 sets no bound. Default 0.
    /// [env: PHAROS_METRIC_SERIES_MAX]
    #[arg(long, value_name = "N")]
    pub(crate) metric_series_max: Option<u64>,

    /// Take no new series from a source that began this many: a key, or a way in such as
    /// "remote_write"; 0 sets no bound. Default 0. [env: PHAROS_SOURCE_SERIES_MAX]
    #[arg(long, value_name = "N")]
    pub(crate) source_series_max: Option<u64>,

    /// Do not read this host, and store no series of our own.
    #[arg(long)]
    pub(crate) no_collect: bool,

    /// Serve everyone who can connect, without keys, on any address.
    #[arg(long)]
    pub(crate) insecure_open: bool,

    /// How much to log. Default info. [env: LOG_LEVEL]
    #[arg(long, value_name = "LEVEL", value_enum, ignore_case = true)]
    pub(crate) log_level: Option<LogLevel>,

    /// How to log. Default: human on a terminal, json otherwise. [env: LOG_FORMAT]
    #[arg(long, value_name = "FORMAT", value_enum, ignore_case = true)]
    pub(crate) log_format: Option<LogFormat>,
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::Cli;

    /// Help is laid out for so many columns; clap breaks a longer line in an ugly place.
    const COLUMNS: usize = 100;

    /// Calls `look` with every command that does something, and its name.
    fn each_command(command: &Command, name: &str, look: &mut dyn FnMut(&Command, &str)) {
        if command.get_subcommands().next().is_none() {
            look(command, name);
        }
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            each_command(below, &format!("{name} {}", below.get_name()), look);
        }
    }

    #[test]
    fn every_command_has_examples_that_name_it() {
        let mut n_commands = 0;
        each_command(&Cli::command(), "pharos", &mut |command, name| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let (_, examples) = help.split_once("Examples:\n").unwrap_or_default();
            assert!(examples.contains(name), "{name}: {help}");
            let long = help.lines().find(|line| line.chars().count() > COLUMNS);
            assert_eq!(long, None, "a line of the help of {name} is too long");
            n_commands += 1;
        });
        assert!(n_commands > 14, "{n_commands}");
    }
}
