use std::sync::Arc;

use expect_test::expect;
use proptest::prelude::*;

use super::{ProcessesCollector, parse_threads, state_letter, state_of};
use crate::CollectError;
use crate::fixture::{HandClock, collect, roots};

fn processes() -> ProcessesCollector {
    ProcessesCollector::new(roots("processes"), Arc::new(HandClock::default()))
}

#[test]
fn processes_are_counted_by_state() {
    let (text, outcome) = collect(&mut processes(), 0);
    assert!(outcome.is_ok());
    // 10 is cut off, 11 ended between the listing and the reading.
    expect![[r#"
        g host_processes{state="running"} 1
        g host_processes{state="sleeping"} 1
        g host_processes{state="disk_sleep"} 1
        g host_processes{state="stopped"} 0
        g host_processes{state="zombie"} 0
        g host_processes{state="idle"} 1
        g host_processes{state="unknown"} 1
        g host_processes_truncated 0
        g host_threads 345
    "#]]
    .assert_eq(&text);
}

#[test]
fn too_many_processes_are_only_counted() {
    let mut processes = processes();
    processes.states_read_max = 5;
    let (text, _) = collect(&mut processes, 0);
    assert!(text.contains(r#"host_processes{state="unknown"} 6"#), "{text}");
    assert!(text.contains(r#"host_processes{state="running"} 0"#), "{text}");
    assert!(text.contains("host_processes_truncated 1"), "{text}");
}

#[test]
fn between_two_readings_the_last_one_stands() {
    let mut processes = processes();
    let (first, _) = collect(&mut processes, 0);
    processes.states_read_max = 0;
    let (second, _) = collect(&mut processes, 8_999);
    assert_eq!(first, second);
    let (third, _) = collect(&mut processes, 9_000);
    assert!(third.contains("host_processes_truncated 1"), "{third}");
}

#[test]
fn a_missing_tree_is_an_error() {
    let mut processes = processes();
    processes.roots.proc = "/nonexistent".into();
    let (text, outcome) = collect(&mut processes, 0);
    assert!(matches!(outcome, Err(CollectError::Read { .. })));
    assert_eq!(text, "");
    let (text, outcome) = collect(&mut processes, 1_000);
    assert!(matches!(outcome, Err(CollectError::Absent)), "and it stays away");
    assert_eq!(text, "");
}

#[test]
fn every_letter_of_the_kernel_has_its_state() {
    let states = |letters: &str| letters.bytes().map(state_of).collect::<Vec<_>>();
    assert_eq!(states("RSDTtZIPX?"), [0, 1, 2, 3, 3, 4, 5, 5, 6, 6]);
}

proptest! {
    #[test]
    fn no_bytes_bring_the_reader_down(bytes: Vec<u8>, text: String) {
        let _ = state_letter(&bytes);
        let _ = parse_threads(&text);
    }
}
