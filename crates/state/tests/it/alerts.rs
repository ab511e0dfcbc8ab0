//! What an alert is, and who has seen it.

use model::{Alert, Severity};
use storage::RecordOutcome;

use crate::world::{T0, World, acknowledge, alert};

#[test]
fn an_alert_is_kept_as_it_was_said() {
    let mut world = World::new();
    let id = world.write_id(alert(Severity::Critical, Some("db"), T0));
    let kept = Alert {
        id,
        service: Some("db".to_owned()),
        pipeline_run: None,
        title: "disk".to_owned(),
        message: "it is full".to_owned(),
        severity: Severity::Critical,
        severity_raw: "CRITICAL".to_owned(),
        raised_ms: T0,
        acknowledged: None,
    };
    assert_eq!(world.alerts(), [kept]);
}

#[test]
fn the_first_acknowledgement_stays() {
    let mut world = World::new();
    let id = world.write_id(alert(Severity::Info, None, T0));
    let outcome = world.write(acknowledge(id, "ada", T0 + 1));
    assert_eq!(outcome, RecordOutcome::Id(id));
    let outcome = world.write(acknowledge(id, "bob", T0 + 2));
    assert_eq!(outcome, RecordOutcome::Id(id));
    let acknowledged = world.alerts().remove(0).acknowledged;
    assert_eq!(acknowledged, Some(("ada".to_owned(), T0 + 1)));
}

#[test]
fn nobody_can_acknowledge_what_is_not_there_and_the_unit_goes_on() {
    let mut world = World::new();
    let unit = vec![acknowledge(99, "ada", T0), alert(Severity::Info, None, T0)];
    let outcomes = world.try_write(unit).unwrap();
    assert_eq!(outcomes[0], RecordOutcome::NotFound);
    assert!(matches!(outcomes[1], RecordOutcome::Id(_)));
    assert_eq!(world.alerts().len(), 1);
}
