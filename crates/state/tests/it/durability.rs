//! What survives: an end in good order, and a crash right after an answer.

use std::os::unix::fs::PermissionsExt as _;

use model::{PipelineStatus, ServiceStatus, Severity};
use storage::Records as _;

use crate::world::{Place, T0, World, acknowledge, alert, pipeline_of, service};

fn fill(world: &mut World) {
    world.write(service("api", ServiceStatus::Up, T0));
    world.write(pipeline_of("api", "training", PipelineStatus::Running, T0));
    let id = world.write_id(alert(Severity::Critical, Some("api"), T0));
    world.write(acknowledge(id, "ada", T0 + 1));
}

#[test]
fn a_restart_keeps_everything() {
    let mut world = World::new();
    fill(&mut world);
    let before = (world.services(), world.pipelines(), world.alerts());
    let mut world = world.reopen();
    let after = (world.services(), world.pipelines(), world.alerts());
    assert_eq!(before, after);
    assert_eq!(world.state.opened().quarantined, None);
    // The open run is found again.
    let run = before.1[0].id;
    let continued = pipeline_of("api", "training", PipelineStatus::Completed, T0);
    assert_eq!(world.write_id(continued), run);
    assert!(world.saw("api").is_none(), "the service is known");
}

#[test]
fn an_answered_write_survives_a_kill() {
    let mut world = World::new();
    for idx in 0..20 {
        let id = world.write_id(alert(Severity::Info, None, T0 + idx));
        // The files as they lie there at this moment, nothing closed or folded.
        let copy = world.place.copy().open();
        assert_eq!(copy.alerts()[0].id, id);
        assert_eq!(copy.state.opened().quarantined, None);
    }
    fill(&mut world);
    let copy = world.place.copy().open();
    assert_eq!(copy.services(), world.services());
    assert_eq!(copy.pipelines(), world.pipelines());
    assert_eq!(copy.alerts(), world.alerts());
}

#[test]
fn an_unfinished_turn_leaves_nothing() {
    let mut world = World::new();
    fill(&mut world);
    let commit = world.send(vec![alert(Severity::Info, None, T0)]);
    let copy = world.place.copy().open();
    assert_eq!(copy.alerts().len(), 1);
    drop(commit);
}

#[test]
fn an_end_in_good_order_leaves_one_file_and_its_lock() {
    let mut world = World::new();
    fill(&mut world);
    let state = world.state;
    world.writer.finish();
    state.close();
    assert_eq!(world.place.files(), ["records.db", "records.db.lock", "records.db.reserve"]);
    assert!(state.alerts(&storage::AlertFilter::default()).is_err());
}

#[test]
fn the_files_are_the_owners_alone() {
    let mut world = World::new();
    fill(&mut world);
    let files = world.place.files();
    assert_eq!(
        files,
        ["records.db", "records.db-shm", "records.db-wal", "records.db.lock", "records.db.reserve"]
    );
    for name in files {
        let metadata = std::fs::metadata(world.place.dir.path().join(&name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_folder_is_made() {
    let mut place = Place::new();
    place.config.path = place.dir.path().join("deep/er/records.db");
    let world = place.open();
    assert!(world.place.path().exists());
}
