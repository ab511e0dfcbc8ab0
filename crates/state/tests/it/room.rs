//! Bounds on what is kept: what goes when there is no room, and when it is too old.

use std::time::Duration;

use model::{PipelineStatus, Severity};

use crate::world::{T0, World, acknowledge, alert, pipeline, pipeline_of, report};
use PipelineStatus::{Completed, Running};

#[test]
fn ended_runs_go_first_and_the_longest_ended_before_the_others() {
    let mut world = World::with(|config| config.rows_max = 3);
    let open = world.write_id(pipeline("oldest, still open", Running, T0));
    let second = world.write_id(pipeline("b", Completed, T0 + 2));
    let first = world.write_id(pipeline("a", Completed, T0 + 1));
    let ids =
        |world: &World| -> Vec<i64> { world.pipelines().into_iter().map(|run| run.id).collect() };
    assert_eq!(ids(&world), [first, second, open]);
    let c = world.write_id(pipeline("c", Running, T0 + 3));
    assert_eq!(ids(&world), [c, second, open]);
    let d = world.write_id(pipeline("d", Running, T0 + 3));
    assert_eq!(ids(&world), [d, c, open]);
    // Nothing has ended: the oldest goes after all.
    let e = world.write_id(pipeline("e", Running, T0 + 3));
    assert_eq!(ids(&world), [e, d, c]);
    assert_eq!(world.state.meter().rows_pruned.get(), 3);
}

#[test]
fn acknowledged_alerts_go_first() {
    let mut world = World::with(|config| config.rows_max = 2);
    let seen_late = world.write_id(alert(Severity::Info, None, T0));
    let unseen = world.write_id(alert(Severity::Info, None, T0));
    world.write(acknowledge(seen_late, "ada", T0 + 9));
    let third = world.write_id(alert(Severity::Info, None, T0));
    let ids =
        |world: &World| -> Vec<i64> { world.alerts().into_iter().map(|alert| alert.id).collect() };
    assert_eq!(ids(&world), [third, unseen]);
    let fourth = world.write_id(alert(Severity::Info, None, T0));
    assert_eq!(ids(&world), [fourth, third]);
    assert_eq!(world.state.meter().rows_pruned.get(), 2);
}

#[test]
fn the_bound_holds_after_a_restart_and_ids_are_not_given_twice() {
    let mut world = World::with(|config| config.rows_max = 1);
    let first = world.write_id(pipeline("a", Completed, T0));
    let mut world = world.reopen();
    let second = world.write_id(pipeline("a", Completed, T0));
    assert!(second > first);
    assert_eq!(world.pipelines().len(), 1);
}

#[test]
fn an_alert_outlives_the_run_that_raised_it() {
    let mut world = World::with(|config| config.rows_max = 1);
    world.write(storage::RecordWrite::Pipeline(storage::PipelineReport {
        error_message: Some("loss is NaN".to_owned()),
        ..report("a", PipelineStatus::Failed, T0)
    }));
    assert!(world.alerts()[0].pipeline_run.is_some());
    world.write(pipeline("b", Running, T0));
    assert_eq!(world.alerts().len(), 1);
    assert_eq!(world.alerts()[0].pipeline_run, None);
}

#[test]
fn a_unit_that_was_undone_takes_no_room() {
    let mut world = World::with(|config| config.rows_max = 1);
    let kept = world.write_id(alert(Severity::Info, None, T0));
    let broken = vec![alert(Severity::Info, None, T0), pipeline("", Running, T0)];
    assert!(world.try_write(broken).is_err());
    assert_eq!(world.alerts()[0].id, kept);
    assert_eq!(world.state.meter().rows_pruned.get(), 0);
}

#[test]
fn what_is_over_and_too_old_goes() {
    let day = Duration::from_secs(24 * 3600);
    let mut world = World::with(|config| config.retention = Some(day));
    let ended = world.write_id(pipeline("ended", Completed, T0));
    let open = world.write_id(pipeline_of("s", "open", Running, T0));
    let seen = world.write_id(alert(Severity::Info, None, T0));
    let unseen = world.write_id(alert(Severity::Info, None, T0));
    world.write(acknowledge(seen, "ada", T0));
    world.pass(day - Duration::from_secs(60));
    while world.writer.step() {}
    assert_eq!(world.pipelines()[1].id, ended);
    assert_eq!(world.alerts().len(), 2);
    world.live(Duration::from_secs(130));
    let runs: Vec<i64> = world.pipelines().iter().map(|run| run.id).collect();
    let alerts: Vec<i64> = world.alerts().iter().map(|alert| alert.id).collect();
    assert_eq!((runs, alerts), (vec![open], vec![unseen]));
    assert_eq!(world.state.meter().rows_pruned.get(), 2);
}

#[test]
fn without_a_retention_everything_is_kept() {
    let mut world = World::new();
    world.write(pipeline("ended", Completed, T0));
    world.pass(Duration::from_secs(10 * 365 * 24 * 3600));
    world.live(Duration::from_secs(70));
    assert_eq!(world.pipelines().len(), 1);
}

#[test]
fn the_alert_that_was_acknowledged_first_goes_first() {
    let mut world = World::with(|config| config.rows_max = 2);
    let late = world.write_id(alert(Severity::Info, None, T0));
    let early = world.write_id(alert(Severity::Info, None, T0));
    world.write(acknowledge(early, "ada", T0 + 1));
    world.write(acknowledge(late, "ada", T0 + 2));
    let newest = world.write_id(alert(Severity::Info, None, T0));
    let ids: Vec<i64> = world.alerts().into_iter().map(|alert| alert.id).collect();
    assert_eq!(ids, [newest, late]);
}

#[test]
fn the_id_of_a_row_that_went_is_not_given_again() {
    let mut world = World::with(|config| config.retention = Some(Duration::from_secs(60)));
    let run = world.write_id(pipeline("a", Completed, T0));
    let seen = world.write_id(alert(Severity::Info, None, T0));
    world.write(acknowledge(seen, "ada", T0));
    world.live(Duration::from_secs(130));
    assert_eq!((world.pipelines().len(), world.alerts().len()), (0, 0));
    assert!(world.write_id(pipeline("a", Running, T0)) > run);
    assert!(world.write_id(alert(Severity::Info, None, T0)) > seen);
}
