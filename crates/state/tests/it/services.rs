//! What a service report means.

use model::{Service, ServiceStatus};
use storage::{RecordOutcome, RecordWrite, Records as _, ServiceReport};

use crate::world::{T0, World, alert, pipeline_of, service};

#[test]
fn a_report_upserts_by_name() {
    let mut world = World::new();
    world.pass(std::time::Duration::from_secs(60));
    let id = world.write_id(service("api", ServiceStatus::Up, T0));
    let again = world.write_id(service("api", ServiceStatus::Up, T0 + 10));
    let other = world.write_id(service("db", ServiceStatus::Down, T0));
    assert_eq!(id, again);
    assert!(other > id);
    let api = Service {
        id,
        name: "api".to_owned(),
        status: ServiceStatus::Up,
        last_check_ms: T0 + 10,
        last_status_change_ms: T0,
        endpoint: None,
    };
    assert_eq!(world.service("api"), api);
    assert_eq!(world.services().len(), 2);
}

#[test]
fn the_change_time_moves_only_with_the_word() {
    let mut world = World::new();
    world.pass(std::time::Duration::from_secs(60));
    let reports = [
        (ServiceStatus::Up, 1, 1),
        (ServiceStatus::Up, 2, 1),
        (ServiceStatus::Down, 3, 3),
        (ServiceStatus::Down, 4, 3),
        (ServiceStatus::Unknown, 5, 5),
        (ServiceStatus::Up, 6, 6),
    ];
    for (status, at, changed) in reports {
        world.write(service("api", status, T0 + at));
        let api = world.service("api");
        assert_eq!(api.status, status);
        assert_eq!(api.last_check_ms, T0 + at);
        assert_eq!(api.last_status_change_ms, T0 + changed, "at {at}");
    }
}

#[test]
fn no_endpoint_keeps_the_last_one() {
    let mut world = World::new();
    let report = |endpoint: Option<&str>| {
        RecordWrite::Service(ServiceReport {
            name: "api".to_owned(),
            status: ServiceStatus::Up,
            endpoint: endpoint.map(str::to_owned),
            at_ms: T0,
        })
    };
    world.write(report(Some("http://a:1")));
    world.write(report(None));
    assert_eq!(world.service("api").endpoint.as_deref(), Some("http://a:1"));
    world.write(report(Some("http://a:2")));
    assert_eq!(world.service("api").endpoint.as_deref(), Some("http://a:2"));
}

#[test]
fn naming_a_stranger_makes_it_known_as_unknown() {
    let mut world = World::new();
    world.write(alert(model::Severity::Info, Some("a"), T0));
    world.write(pipeline_of("b", "training", model::PipelineStatus::Running, T0));
    for name in ["a", "b"] {
        let service = world.service(name);
        assert_eq!(service.status, ServiceStatus::Unknown);
        assert_eq!(service.last_check_ms, T0);
    }
}

#[test]
fn naming_a_service_is_a_sign_of_life_and_no_status_report() {
    let mut world = World::new();
    world.write(service("api", ServiceStatus::Down, T0));
    world.pass(std::time::Duration::from_secs(5));
    world.write(alert(model::Severity::Info, Some("api"), T0 + 5_000));
    let api = world.service("api");
    assert_eq!(api.last_check_ms, T0 + 5_000);
    assert_eq!(api.status, ServiceStatus::Down);
    assert_eq!(api.last_status_change_ms, T0);
}

#[test]
fn a_report_from_the_future_does_not_stand_until_then() {
    let mut world = World::new();
    world.write(service("api", ServiceStatus::Up, T0 + 3_600_000));
    assert_eq!(world.service("api").last_check_ms, T0);
    world.pass(std::time::Duration::from_secs(1));
    world.write(service("api", ServiceStatus::Up, T0 + 1_000));
    assert_eq!(world.service("api").last_check_ms, T0 + 1_000);
}

#[test]
fn a_service_too_many_is_refused_and_the_known_go_on() {
    let mut world = World::with(|config| config.services_max = 2);
    world.write(service("a", ServiceStatus::Up, T0));
    world.write(service("b", ServiceStatus::Up, T0));
    let error = world.try_write(vec![service("c", ServiceStatus::Up, T0)]).unwrap_err();
    assert_eq!(error.to_string(), "refused: 2 services are known, which is the limit");
    assert!(world.state.saw_service("c", T0).is_err());
    assert_eq!(world.state.meter().refused.get(), 1);
    world.write(service("a", ServiceStatus::Down, T0));
    assert_eq!(world.service("a").status, ServiceStatus::Down);
    assert_eq!(world.services().len(), 2);
    assert_eq!(world.state.meter().services.get(), 2);
}

#[test]
fn a_limit_reached_inside_a_unit_undoes_the_unit() {
    let mut world = World::with(|config| config.services_max = 1);
    let unit = ["a", "b"].map(|name| service(name, ServiceStatus::Up, T0));
    assert!(world.try_write(unit.to_vec()).is_err());
    assert_eq!(world.services(), []);
    world.write(service("c", ServiceStatus::Up, T0));
    assert_eq!(world.services().len(), 1);
}

#[test]
fn a_name_must_be_short_and_not_empty() {
    let mut world = World::new();
    for name in [String::new(), "x".repeat(1025)] {
        assert!(world.state.saw_service(&name, T0).is_err());
        let unit = vec![service(&name, ServiceStatus::Up, T0)];
        assert!(world.try_write(unit).is_err());
    }
    let longest = "x".repeat(1024);
    let outcome = world.write(service(&longest, ServiceStatus::Up, T0));
    assert!(matches!(outcome, RecordOutcome::Id(_)));
    assert_eq!(world.services().len(), 1);
}
