//! Groups of pushed metrics: replaced as a whole, removed, and there after a restart.

use storage::{GroupWrite, RecordOutcome, RecordWrite, Records as _};

use crate::world::World;

fn group(labels: &str, page: Option<&str>) -> RecordWrite {
    RecordWrite::Group(GroupWrite { labels: labels.to_owned(), page: page.map(str::to_owned) })
}

#[test]
fn groups_are_kept_as_they_were_written_last() {
    let mut world = World::new();
    for (labels, page) in
        [("a", Some("1")), ("b", Some("2")), ("a", Some("3")), ("b", None), ("none", None)]
    {
        assert_eq!(world.write(group(labels, page)), RecordOutcome::Done);
    }
    let kept = [("a".to_owned(), "3".to_owned())];
    assert_eq!(world.state.groups().unwrap(), kept);
    let world = world.reopen();
    assert_eq!(world.state.groups().unwrap(), kept);
}
