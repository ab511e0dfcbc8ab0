//! Lists: each filter, together, newest first, bounded.

use model::{Alert, Pipeline, PipelineStatus, ServiceStatus, Severity};
use storage::{AlertFilter, PipelineFilter, Records as _, ServiceFilter};

use crate::world::{T0, World, acknowledge, alert, pipeline_of, service};
use PipelineStatus::{Completed, Running};
use Severity::{Critical, Error, Info, Warning};

#[test]
fn services_by_name_status_and_number() {
    let mut world = World::new();
    for (name, status) in
        [("a", ServiceStatus::Up), ("b", ServiceStatus::Down), ("c", ServiceStatus::Up)]
    {
        world.write(service(name, status, T0));
    }
    let check = |name: Option<&str>, status: Option<ServiceStatus>, limit, expected: &str| {
        let filter = ServiceFilter { name: name.map(str::to_owned), status, limit };
        let found = world.state.services(&filter).unwrap();
        let names: String = found.into_iter().map(|service| service.name).collect();
        assert_eq!(names, expected, "{filter:?}");
    };
    check(None, None, usize::MAX, "cba");
    check(None, None, 2, "cb");
    check(None, None, 0, "");
    check(Some("b"), None, 9, "b");
    check(Some("B"), None, 9, "");
    check(Some("' OR true --"), None, 9, "");
    check(None, Some(ServiceStatus::Up), 9, "ca");
    check(None, Some(ServiceStatus::Up), 1, "c");
    check(Some("b"), Some(ServiceStatus::Up), 9, "");
    check(None, Some(ServiceStatus::Unknown), 9, "");
}

#[test]
fn pipelines_by_type_status_and_service() {
    let mut world = World::new();
    let mut ids = Vec::new();
    for (service, run_type, status) in [
        ("x", "training", Completed),
        ("x", "evaluation", Running),
        ("y", "training", Running),
        ("x", "training", Running),
    ] {
        ids.push(world.write_id(pipeline_of(service, run_type, status, T0)));
    }
    let check = |run_type: Option<&str>, status, service: Option<&str>, limit, want: &[usize]| {
        let filter = PipelineFilter {
            pipeline_type: run_type.map(str::to_owned),
            status,
            service: service.map(str::to_owned),
            limit,
        };
        let found = world.state.pipelines(&filter).unwrap();
        let found: Vec<i64> = found.iter().map(|run: &Pipeline| run.id).collect();
        let want: Vec<i64> = want.iter().map(|idx| ids[*idx]).collect();
        assert_eq!(found, want, "{filter:?}");
    };
    check(None, None, None, 9, &[3, 2, 1, 0]);
    check(None, None, None, 3, &[3, 2, 1]);
    check(Some("training"), None, None, 9, &[3, 2, 0]);
    check(None, Some(Running), None, 9, &[3, 2, 1]);
    check(None, None, Some("x"), 9, &[3, 1, 0]);
    check(Some("training"), Some(Running), Some("x"), 9, &[3]);
    check(None, None, Some("nobody"), 9, &[]);
    check(Some("training"), None, None, 0, &[]);
}

#[test]
fn alerts_by_acknowledgement_severities_and_service() {
    let mut world = World::new();
    let mut ids = Vec::new();
    for (severity, service) in [
        (Info, Some("x")),
        (Critical, Some("y")),
        (Warning, None),
        (Info, None),
        (Error, Some("x")),
    ] {
        ids.push(world.write_id(alert(severity, service, T0)));
    }
    for idx in [0, 1] {
        world.write(acknowledge(ids[idx], "ada", T0));
    }
    let check =
        |acknowledged, severities: &[Severity], service: Option<&str>, limit, want: &[usize]| {
            let filter = AlertFilter {
                acknowledged,
                severities: severities.to_vec(),
                service: service.map(str::to_owned),
                limit,
            };
            let found = world.state.alerts(&filter).unwrap();
            let found: Vec<i64> = found.iter().map(|alert: &Alert| alert.id).collect();
            let want: Vec<i64> = want.iter().map(|idx| ids[*idx]).collect();
            assert_eq!(found, want, "{filter:?}");
        };
    check(None, &[], None, 9, &[4, 3, 2, 1, 0]);
    check(Some(true), &[], None, 9, &[1, 0]);
    check(Some(false), &[], None, 9, &[4, 3, 2]);
    check(Some(false), &[], None, 2, &[4, 3]);
    check(None, &[Info], None, 9, &[3, 0]);
    check(None, &[Info, Error], None, 9, &[4, 3, 0]);
    check(None, &[Info, Error], None, 2, &[4, 3]);
    check(None, &[Info, Info], None, 9, &[3, 0]);
    check(None, &[Critical, Error, Info, Warning], None, 9, &[4, 3, 2, 1, 0]);
    check(None, &[], Some("x"), 9, &[4, 0]);
    check(Some(false), &[Info, Error], Some("x"), 9, &[4]);
    check(Some(true), &[Info, Error], Some("x"), 9, &[0]);
    check(Some(true), &[Warning], None, 9, &[]);
    check(None, &[Info, Error], None, 0, &[]);
}
