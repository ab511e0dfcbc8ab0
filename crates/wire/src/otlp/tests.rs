//! Whole messages, encoded by the types that OpenTelemetry generates, and what becomes of them.

mod deltas;
mod hostile;
mod json;
mod make;
mod translate;
