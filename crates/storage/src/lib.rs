//! The seam between writers and readers. Everything that makes samples or records sees only these
//! traits; everything that keeps them implements them; only the binary knows which engine is which.
//!
//! A sample's way through this crate: a sender hands [`Row`]s or a [`Batch`] to [`Ingest`] (the one
//! ingest path: limits, then append), which passes them to an [`Appender`]; readers ask a
//! [`Querier`].
//! Small durable records (services, pipelines, alerts) go through [`Records`].

mod alias;
mod alias_maintenance;
mod append;
mod batch;
mod cardinality;
mod ingest;
mod limits;
mod maintenance;
pub mod memory;
mod query;
mod records;
pub mod rollup;
mod rows;
mod scan;
mod series_batch;
mod spelled_batch;

pub use alias::{AliasQuerier, PUSHED_METRIC};
pub use alias_maintenance::{AliasMaintenance, with_stored_names};
pub use append::{AppendError, Appender, Commit, CommitError, CommitSender, Row};
pub use batch::{Batch, BatchAppended, Rejected, Speller};
pub use cardinality::Cardinality;
pub use ingest::{Ingest, IngestError, IngestMeter};
pub use limits::{LimitError, Limits, PUSH_AHEAD_MAX_MS, SeriesLimits, Times};
pub use maintenance::{Maintenance, MaintenanceError};
pub use query::{
    Kinds, LabelsSet, Querier, RollupSet, Select, SelectError, Series, SeriesExemplars, SeriesSet,
};
pub use records::{
    AlertFilter, AlertReport, GroupWrite, PipelineFilter, PipelineReport, RecordOutcome,
    RecordWrite, Records, RecordsCommit, RecordsError, ServiceFilter, ServiceReport,
};
pub use rollup::{KeptTier, ROLLUP_WIDTHS_MS, Remains, Rollup, RollupSeries};
pub use rows::RowsBatch;
pub use scan::{Keys, Scan, SeriesColumns, SeriesVisitor, WantedLabels, scan_series};
pub use series_batch::SeriesBatch;
pub use spelled_batch::SpelledBatch;
