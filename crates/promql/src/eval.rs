//! Evaluation: a checked tree and stored series become values.
//!
//! ```text
//! tree --select--> series of each selector, once for the whole range
//!                    --windows--> functions, operators, aggregations, step by step
//!                                   --names--> scalar, text, vector or matrix
//! ```
//!
//! Every expression becomes rows: a label set with a point for each step at which it has a value.
//! Steps are walked in order and rows are kept whole, so that what is computed is easy to follow.
//! Names that a function drops stay until the very end and carry a mark meanwhile, so that
//! `sum by (__name__) (rate(x[5m]))` can still tell them apart.
//!
//! Wherever series can be evaluated one by one, that is done in one pass over columns (`fused`), to
//! the same bits.
//!
//! What is computed, in which order and with which rounding, follows the engine of Prometheus 3.

mod absent;
mod aggregate;
mod aggregate_pick;
mod annotations;
mod answer;
mod binary;
mod binary_op;
mod budget;
mod call;
mod classic;
mod collect;
mod dates;
mod engine;
mod evaluator;
mod extended;
mod format;
mod fused;
mod hash;
mod info;
mod instant;
mod kahan;
mod label_functions;
mod labels;
mod native;
mod native_extended;
mod native_rate;
mod native_shape;
mod native_sum;
mod native_totals;
mod native_trim;
mod over_time;
mod paced;
mod quantile;
mod rank;
mod rate;
mod regression;
mod row;
mod select;
mod set;
mod sort;
mod steps;
mod tiers;
mod window;

pub use annotations::{Annotation, Annotations};
pub use answer::{
    Answer, Point, QueryError, QueryValue, SampleStats, SeriesPoints, SeriesValue, Value,
};
pub use budget::{StopCheck, Stopped};
pub use engine::{Engine, Options};
