//! Imports: texts of samples, as others export them, into this store.
//!
//! `POST /api/v1/import/prometheus`, `POST /api/v1/import` and `POST /api/v1/import/csv` are where
//! VictoriaMetrics has them, so that what sends to one sends here too.

pub(crate) mod csv;
pub(crate) mod exposition;
pub(crate) mod json_lines;

use std::sync::Arc;

use axum::extract::Extension;
use model::METRIC_NAME;

use super::lines::Sink;
use crate::auth::KeyName;
use crate::error::ApiError;
use crate::meter::ImportMeter;
use crate::parameters::Parameters;
use crate::state::Shared;

/// Parameters `extra_label=name=value`.
const EXTRA_LABEL: &str = "extra_label";
/// When samples without a time are of, Unix milliseconds.
const TIMESTAMP: &str = "timestamp";
/// Labels that a request may set.
const EXTRA_LABELS_MAX: usize = 40;

/// The name of the key that a request came with, as handlers are handed it.
pub(super) type Key = Option<Extension<KeyName>>;

/// A sink for the body of a request; without a key its source is named by the format.
pub(super) fn sink(shared: &Shared, key: Key, format: &str, meter: &Arc<ImportMeter>) -> Sink {
    let source = key.map_or_else(|| format.into(), |Extension(KeyName(name))| name);
    Sink::new(shared.ingest.clone(), source, Arc::clone(meter))
}

/// The labels that a request sets in every series.
fn extra_labels(parameters: &Parameters) -> Result<Vec<(String, String)>, ApiError> {
    let refuse = |detail| Err(ApiError::unprocessable(EXTRA_LABEL, detail));
    let mut extra: Vec<(String, String)> = Vec::new();
    for text in parameters.all(EXTRA_LABEL) {
        let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let Some((name, value)) = pair else {
            return refuse(format!("expected {EXTRA_LABEL}=name=value, got {text:?}"));
        };
        if name == METRIC_NAME || extra.iter().any(|(other, _)| other == name) {
            return refuse(format!("label {name:?} cannot be set, or is set twice"));
        }
        if extra.len() == EXTRA_LABELS_MAX {
            return refuse(format!("more than {EXTRA_LABELS_MAX} labels"));
        }
        extra.push((name.to_owned(), value.to_owned()));
    }
    Ok(extra)
}

/// When samples without a time are of: as the request says, or now.
fn time_of(shared: &Shared, parameters: &Parameters) -> Result<i64, ApiError> {
    let given = parameters.parsed(TIMESTAMP, |text| {
        text.parse::<i64>().map_err(|_| format!("expected Unix milliseconds, got {text:?}"))
    })?;
    Ok(given.unwrap_or_else(|| shared.now_ms()))
}
