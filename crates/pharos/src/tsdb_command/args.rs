//! Arguments of `pharos tsdb`, command by command.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::server_args::ServerArgs;

/// `pharos tsdb ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Tsdb {
    /// Show each block: its time range, series, samples, bytes, and the labels with most values.
    #[command(after_help = "Examples:
  pharos tsdb stats
  pharos tsdb stats --data-dir /var/lib/pharos
  pharos tsdb stats --data-dir data/snapshots/NAME

The server that owns the directory may be running. What is still in its memory is in no block.")]
    Stats(DataDirArgs),
    /// Read every byte of every block and name what is damaged: exit 0 if nothing is, 1 otherwise.
    #[command(after_help = "Examples:
  pharos tsdb verify --data-dir /var/lib/pharos
  pharos tsdb verify --data-dir data/snapshots/NAME && echo sound

The server that owns the directory may be running.")]
    Verify(DataDirArgs),
    /// Put samples from files or from another server into the data directory of a stopped server.
    Import(ImportArgs),
    /// Write samples of a stopped server's data directory, or of a snapshot, as text.
    Export(ExportArgs),
    /// Show what a block, a log segment or a data directory is made of.
    Dump(DumpArgs),
    /// Ask a running server for a snapshot, and print its name.
    Snapshot(SnapshotArgs),
    /// Make a data directory of a snapshot or a backup, after checking every block of it.
    Restore(RestoreArgs),
    /// Copy a snapshot, or a stopped server's data directory, to an object store; only what is new.
    Backup(BackupArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DataDirArgs {
    /// Where data lies.
    #[arg(long, value_name = "DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,
}

/// How samples are laid out in a file to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// Look at the file: a brace at the start is json, `# EOF` at the end is openmetrics.
    Auto,
    /// OpenMetrics 1.0: timestamps in seconds, `# EOF` at the end.
    Openmetrics,
    /// Prometheus text 0.0.4: timestamps in milliseconds.
    Prometheus,
    /// JSON lines, as VictoriaMetrics exports them.
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos tsdb import --data-dir /var/lib/pharos history.om more.jsonl
  zcat export.jsonl.gz | pharos tsdb import --data-dir data --format json -
  pharos tsdb import --data-dir data --remote-read http://prometheus:9090 \\
      --match '{job=\"node\"}' --start 2026-01-01T00:00:00Z --end 2026-02-01T00:00:00Z

The server that owns the directory must be stopped. Nothing of an import is seen before its end, and
the same import once more changes nothing. Raise the server's retention first: it removes samples
that are older, imported or not.")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) place: DataDirArgs,

    /// How the samples are laid out.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) format: ImportFormat,

    /// Collect samples up to this much memory, MiB, before a part is written.
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=65536))]
    pub(crate) memory_mib: u64,

    /// Read from this server by Prometheus' remote read, instead of from files.
    #[arg(long, value_name = "URL", conflicts_with = "files", requires = "start")]
    pub(crate) remote_read: Option<String>,

    /// Read these series; may repeat. Default: all.
    #[arg(long = "match", value_name = "SELECTOR", requires = "remote_read")]
    pub(crate) selectors: Vec<String>,

    /// From this time on, RFC 3339 or Unix seconds.
    #[arg(long, value_name = "TIME", requires = "remote_read", value_parser = model::time::parse_time)]
    pub(crate) start: Option<i64>,

    /// Up to this time. Default: now.
    #[arg(long, value_name = "TIME", requires = "remote_read", value_parser = model::time::parse_time)]
    pub(crate) end: Option<i64>,

    /// Ask the server for so much time at once.
    #[arg(long, value_name = "DURATION", default_value = "2h", value_parser = model::parse_duration)]
    pub(crate) window: Duration,

    /// Send the key in this file to the server, as a bearer token.
    #[arg(long, value_name = "FILE", requires = "remote_read")]
    pub(crate) api_key_file: Option<PathBuf>,

    /// Files to read, `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "remote_read")]
    pub(crate) files: Vec<PathBuf>,
}

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// JSON lines; carries everything.
    Json,
    /// OpenMetrics 1.0; cannot carry stale markers, start times and the bits of NaNs.
    Openmetrics,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos tsdb export --data-dir /var/lib/pharos -o everything.jsonl
  pharos tsdb export --data-dir data/snapshots/NAME --match 'up{job=\"node\"}' \\
      --start 2026-01-01T00:00:00Z
  pharos tsdb export --data-dir data --format openmetrics | gzip > history.om.gz

A running server holds its directory: take a snapshot and export that.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) place: DataDirArgs,

    /// How to write.
    #[arg(long, value_enum, default_value = "json")]
    pub(crate) format: ExportFormat,

    /// Write every NaN as null, the ends of series too: VictoriaMetrics reads no other.
    #[arg(long)]
    pub(crate) plain_nan: bool,

    /// Write these series; may repeat. Default: all.
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(crate) selectors: Vec<String>,

    /// From this time on, RFC 3339 or Unix seconds.
    #[arg(long, value_name = "TIME", value_parser = model::time::parse_time)]
    pub(crate) start: Option<i64>,

    /// Up to this time, inclusive.
    #[arg(long, value_name = "TIME", value_parser = model::time::parse_time)]
    pub(crate) end: Option<i64>,

    /// Write to this file, which must not exist. Default: standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos tsdb dump data                        the manifest, and what each file is made of
  pharos tsdb dump --all data/blk/0-1-2-3-3.blk    each series with its chunks and their encoding
  pharos tsdb dump --all data/wal/0000000007.wal   each definition and each sample")]
pub(crate) struct DumpArgs {
    /// Show every series, chunk and sample, too.
    #[arg(long)]
    pub(crate) all: bool,

    /// A block, a log segment, or a data directory.
    #[arg(value_name = "PATH", default_value = "./data")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos tsdb snapshot
  pharos tsdb snapshot --url http://monitor:8000 --api-key-file key.txt

The snapshot lies in the server's data directory, in snapshots/NAME, and takes next to no room.")]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos tsdb restore --from data/snapshots/NAME --data-dir restored
  pharos tsdb restore --from s3://bucket/prefix --data-dir restored
  pharos tsdb restore --from s3://bucket/prefix --backup 20260131T120000Z --data-dir restored

The target is absent or empty before, and whole or absent after. Credentials for s3:// come from the
usual variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL.")]
pub(crate) struct RestoreArgs {
    /// A snapshot, or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: String,

    /// Which backup of an object store. Default: the newest.
    #[arg(long, value_name = "NAME")]
    pub(crate) backup: Option<String>,

    /// The data directory to make.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,

    /// Copy damaged blocks, too: what can be read of them stays readable.
    #[arg(long)]
    pub(crate) keep_damaged: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pharos tsdb backup --from data/snapshots/NAME --to s3://bucket/prefix
  pharos tsdb backup --from /var/lib/pharos --to s3://bucket/prefix      (its server is stopped)

Blocks never change, so what an earlier backup has is not sent again. A backup is listed last, when
all of it is there. Credentials come from the usual variables: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL; for a store without TLS AWS_ALLOW_HTTP=true.")]
pub(crate) struct BackupArgs {
    /// A snapshot, or a stopped server's data directory.
    #[arg(long, value_name = "DIR", alias = "data-dir")]
    pub(crate) from: PathBuf,

    /// Where to copy to: s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,

    /// Read back what was sent and compare it, besides the checksums that the store compares.
    #[arg(long)]
    pub(crate) read_back: bool,

    /// Copy damaged blocks, too: what can be read of them stays readable.
    #[arg(long)]
    pub(crate) keep_damaged: bool,
}
