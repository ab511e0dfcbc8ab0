//! Jobs: a run of a pipeline that cannot forget to say how it ended.

use serde_json::{Map, Value, json};

use crate::Client;
use crate::report::{PipelineReport, PipelineState};

/// A run of a pipeline, from [`Client::job`] until it is completed or failed.
///
/// Dropped without either, by a `?` or a panic, it has failed: Pharos raises an alert.
#[derive(Debug)]
#[must_use = "a job that is dropped has failed"]
pub struct Job {
    client: Client,
    pipeline_type: String,
    metadata: Map<String, Value>,
    has_ended: bool,
}

impl Client {
    /// Begins a run of this pipeline.
    pub fn job(&self, pipeline_type: &str) -> Job {
        let job = Job {
            client: self.clone(),
            pipeline_type: pipeline_type.to_owned(),
            metadata: Map::new(),
            has_ended: false,
        };
        job.report(PipelineState::Running, None);
        job
    }
}

impl Job {
    fn report(&self, state: PipelineState, error_message: Option<&str>) {
        self.client.report_pipeline(&PipelineReport {
            pipeline_type: &self.pipeline_type,
            state,
            metadata: &self.metadata,
            error_message,
        });
    }

    /// So many percent are done.
    pub fn progress(&mut self, percent: f64) {
        self.set("progress", json!(percent));
    }

    /// The run is at this step.
    pub fn step(&mut self, name: &str) {
        self.set("step", json!(name));
    }

    /// Reports any value; all earlier ones stay: `job.set("loss", json!(0.2))`.
    pub fn set(&mut self, key: &str, value: Value) {
        self.metadata.insert(key.to_owned(), value);
        self.report(PipelineState::Running, None);
    }

    /// It has ended well.
    pub fn complete(mut self) {
        self.has_ended = true;
        self.report(PipelineState::Completed, None);
    }

    /// It has ended badly, for this reason.
    pub fn fail(mut self, reason: &str) {
        self.has_ended = true;
        self.report(PipelineState::Failed, Some(reason));
    }

    /// Runs this and reports its end: completed, or failed with the error's words.
    pub fn run<T, E: std::fmt::Display>(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = work(&mut self);
        match &outcome {
            Ok(_) => self.complete(),
            Err(cause) => self.fail(&cause.to_string()),
        }
        outcome
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.has_ended {
            let panics = std::thread::panicking();
            let reason = if panics { "panicked" } else { "ended without saying how" };
            self.report(PipelineState::Failed, Some(reason));
        }
    }
}
