//! What a pipeline report means.

use model::{Pipeline, PipelineStatus, Severity};
use storage::{PipelineReport, RecordWrite};

use crate::world::{T0, World, pipeline, pipeline_of, report};
use PipelineStatus::{Completed, Failed, Running};

#[test]
fn a_run_goes_on_until_it_ends_and_the_next_report_begins_another() {
    let mut world = World::new();
    let run = world.write_id(pipeline("training", Running, T0));
    assert_eq!(world.write_id(pipeline("training", Running, T0 + 1)), run);
    assert_eq!(world.write_id(pipeline("training", Completed, T0 + 2)), run);
    let next = world.write_id(pipeline("training", Running, T0 + 3));
    assert!(next > run);
    let ended = Pipeline {
        id: run,
        pipeline_type: "training".to_owned(),
        service: None,
        status: Completed,
        started_ms: T0,
        ended_ms: Some(T0 + 2),
        error_message: None,
        metadata_json: None,
    };
    let pipelines = world.pipelines();
    assert_eq!(pipelines.len(), 2);
    assert_eq!(pipelines[0].id, next, "the newest first");
    assert_eq!(pipelines[0].ended_ms, None);
    assert_eq!(pipelines[1], ended);
}

#[test]
fn another_type_is_another_run() {
    let mut world = World::new();
    let training = world.write_id(pipeline("training", Running, T0));
    let evaluation = world.write_id(pipeline("evaluation", Running, T0));
    assert_ne!(training, evaluation);
    assert_eq!(world.write_id(pipeline("training", Running, T0)), training);
}

#[test]
fn a_service_has_runs_of_its_own() {
    let mut world = World::new();
    let a = world.write_id(pipeline_of("a", "training", Running, T0));
    let b = world.write_id(pipeline_of("b", "training", Running, T0));
    assert_ne!(a, b);
    assert_eq!(world.write_id(pipeline_of("a", "training", Running, T0)), a);
    assert_eq!(world.write_id(pipeline_of("b", "training", Running, T0)), b);
}

#[test]
fn without_a_service_the_newest_open_run_of_the_type_goes_on() {
    let mut world = World::new();
    let a = world.write_id(pipeline_of("a", "training", Running, T0));
    let b = world.write_id(pipeline_of("b", "training", Running, T0));
    assert_eq!(world.write_id(pipeline("training", Completed, T0)), b);
    assert_eq!(world.write_id(pipeline("training", Completed, T0)), a);
    let service = |idx: usize| world.pipelines()[idx].service.clone();
    assert_eq!(service(0).as_deref(), Some("b"), "a run keeps its service");
}

#[test]
fn with_a_service_a_run_without_one_is_another() {
    let mut world = World::new();
    let anonymous = world.write_id(pipeline("training", Running, T0));
    let named = world.write_id(pipeline_of("a", "training", Running, T0));
    assert_ne!(anonymous, named);
}

#[test]
fn an_end_without_a_beginning_is_a_run_of_no_length() {
    let mut world = World::new();
    world.write(pipeline("training", Completed, T0 + 7));
    let run = world.pipelines().remove(0);
    assert_eq!((run.started_ms, run.ended_ms), (T0 + 7, Some(T0 + 7)));
    assert_eq!(run.status, Completed);
}

#[test]
fn no_metadata_keeps_the_last() {
    let mut world = World::new();
    let with = |metadata: Option<&str>| {
        RecordWrite::Pipeline(PipelineReport {
            metadata_json: metadata.map(str::to_owned),
            ..report("training", Running, T0)
        })
    };
    world.write(with(Some(r#"{"epoch":1}"#)));
    world.write(with(None));
    let metadata = world.pipelines().remove(0).metadata_json;
    assert_eq!(metadata.as_deref(), Some(r#"{"epoch":1}"#));
    world.write(with(Some("{}")));
    let metadata = world.pipelines().remove(0).metadata_json;
    assert_eq!(metadata.as_deref(), Some("{}"));
}

#[test]
fn a_clock_set_back_does_not_end_a_run_before_it_began() {
    let mut world = World::new();
    world.write(pipeline("training", Running, T0));
    world.write(pipeline("training", Completed, T0 - 5_000));
    assert_eq!(world.pipelines()[0].ended_ms, Some(T0));
}

fn failure(service: Option<&str>, message: Option<&str>) -> RecordWrite {
    RecordWrite::Pipeline(PipelineReport {
        service: service.map(str::to_owned),
        error_message: message.map(str::to_owned),
        ..report("training", Failed, T0 + 9)
    })
}

#[test]
fn a_failure_with_a_reason_raises_an_alert_about_the_run_and_its_service() {
    let mut world = World::new();
    let run = world.write_id(pipeline_of("trainer", "training", Running, T0));
    // The report names no service: the run's own is meant.
    assert_eq!(world.write_id(failure(None, Some("loss is NaN"))), run);
    let failed = world.pipelines().remove(0);
    assert_eq!(failed.status, Failed);
    assert_eq!(failed.ended_ms, Some(T0 + 9));
    assert_eq!(failed.error_message.as_deref(), Some("loss is NaN"));
    let alerts = world.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].title, "Pipeline training failed");
    assert_eq!(alerts[0].message, "loss is NaN");
    assert_eq!(alerts[0].severity, Severity::Error);
    assert_eq!(alerts[0].severity_raw, "error");
    assert_eq!(alerts[0].pipeline_run, Some(run));
    assert_eq!(alerts[0].service.as_deref(), Some("trainer"));
    assert_eq!(alerts[0].raised_ms, T0 + 9);
    assert_eq!(alerts[0].acknowledged, None);
}

#[test]
fn a_failure_without_a_reason_raises_nothing() {
    let mut world = World::new();
    for message in [None, Some("")] {
        world.write(failure(Some("trainer"), message));
    }
    assert_eq!(world.pipelines().len(), 2);
    assert_eq!(world.alerts(), []);
}

#[test]
fn only_a_failure_raises_an_alert() {
    let mut world = World::new();
    for status in [Running, Completed] {
        world.write(RecordWrite::Pipeline(PipelineReport {
            error_message: Some("a hiccup".to_owned()),
            ..report("training", status, T0)
        }));
    }
    assert_eq!(world.alerts(), []);
    assert_eq!(world.pipelines()[0].error_message.as_deref(), Some("a hiccup"));
}
