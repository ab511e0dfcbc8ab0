use std::path::Path;

use expect_test::expect;
use proptest::prelude::*;

use super::{CgroupCollector, folders, keyed, v1, v2};
use crate::CollectError;
use crate::fixture::{collect, roots};

#[test]
fn version_2_takes_the_lowest_limit_on_the_way_up() {
    let (text, outcome) = collect(&mut CgroupCollector::new(roots("cgroup/v2")), 0);
    assert!(outcome.is_ok());
    expect![[r#"
        g cgroup_memory_limit_bytes 800000000
        g cgroup_memory_usage_bytes 123456789
        g cgroup_cpu_limit_cores 1.5
        c cgroup_oom_kills_total 2
        c cgroup_cpu_usage_seconds_total 12.5
        c cgroup_cpu_throttled_seconds_total 0.35
        c cgroup_cpu_throttled_periods_total 7
    "#]]
    .assert_eq(&text);
}

#[test]
fn version_1_reads_each_controllers_tree() {
    let (text, outcome) = collect(&mut CgroupCollector::new(roots("cgroup/v1")), 0);
    assert!(outcome.is_ok());
    expect![[r#"
        g cgroup_memory_limit_bytes 512000000
        g cgroup_memory_usage_bytes 7000000
        g cgroup_cpu_limit_cores 0.5
        c cgroup_oom_kills_total 4
        c cgroup_cpu_usage_seconds_total 2.5
        c cgroup_cpu_throttled_seconds_total 1.5
        c cgroup_cpu_throttled_periods_total 3
    "#]]
    .assert_eq(&text);
}

#[test]
fn without_a_limit_there_is_no_sample_of_it() {
    let (text, _) = collect(&mut CgroupCollector::new(roots("cgroup/unlimited")), 0);
    assert_eq!(text, "g cgroup_memory_usage_bytes 4096\n");
}

#[test]
fn a_machine_without_control_groups_has_nothing_to_read() {
    for tree in ["guardian/server", "processes"] {
        let (text, outcome) = collect(&mut CgroupCollector::new(roots(tree)), 0);
        assert!(matches!(outcome, Err(CollectError::Absent)), "{tree}");
        assert_eq!(text, "");
    }
}

#[test]
fn a_path_never_leads_out_of_the_mount() {
    let mount = roots("cgroup/v2").sys.join("fs/cgroup");
    let mount_only = [mount.clone()];
    for group in ["", "/", "/elsewhere", "/pod/../..", "/../cgroup", "..", "\0"] {
        assert_eq!(folders(&mount, group), mount_only, "{group:?}");
    }
    assert_eq!(folders(&mount, "/pod/app"), [mount.join("pod/app"), mount.join("pod"), mount]);
    assert_eq!(folders(Path::new("/nonexistent"), "/a").len(), 1);
}

proptest! {
    #[test]
    fn no_text_brings_the_readers_down(text: String, group in "[0-9]{0,2}:[a-z,]{0,8}:[/.a-z]{0,9}") {
        let _ = keyed(&text, "oom_kill");
        let mount = roots("cgroup/v2").sys.join("fs/cgroup");
        for groups in [&text, &group] {
            let _ = (v1::read(&mount, groups), v2::read(&mount, groups));
            prop_assert!(folders(&mount, groups).iter().all(|folder| folder.starts_with(&mount)));
        }
    }
}
