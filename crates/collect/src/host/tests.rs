use std::sync::Arc;

use model::{Family, Labels};
use stdx::Env;

use super::{Failure, Host};
use crate::fixture::{self, HandClock};
use crate::{CollectError, Collector, Config, Moment, Roots};

/// A collector that does as told: the last argument is what it adds before it ends as it does.
struct Scripted(&'static str, Ending, &'static [&'static str]);

#[derive(Clone, Copy)]
enum Ending {
    Well,
    Absent,
    Malformed,
    Panic,
}

impl Collector for Scripted {
    fn name(&self) -> &'static str {
        self.0
    }

    fn collect(&mut self, _moment: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        for name in self.2 {
            let mut family = Family::gauge(*name, "Help.");
            family.push(Labels::default().with("from", self.0), 1.0);
            out.push(family);
        }
        match self.1 {
            Ending::Well => Ok(()),
            Ending::Absent => Err(CollectError::Absent),
            Ending::Malformed => Err(CollectError::Malformed {
                source_name: "/proc/x".into(),
                reason: "no number".into(),
            }),
            Ending::Panic => panic!("card {} burns", 1),
        }
    }
}

fn host(collectors: Vec<Scripted>) -> Host {
    let collectors = collectors.into_iter().map(|c| Box::new(c) as _);
    Host::with_collectors(collectors.collect(), Arc::new(HandClock::default()))
}

#[test]
fn one_bad_collector_costs_only_its_own_families() {
    let mut host = host(vec![
        Scripted("first", Ending::Panic, &["lost"]),
        Scripted("second", Ending::Malformed, &["kept"]),
        Scripted("third", Ending::Absent, &[]),
        Scripted("fourth", Ending::Well, &["b", "a"]),
    ]);
    let snapshot = host.collect();
    let names: Vec<_> = snapshot.families.iter().map(|f| f.name.as_ref()).collect();
    let own = ["node_scrape_collector_duration_seconds", "node_scrape_collector_success"];
    assert_eq!(names, ["a", "b", "kept", own[0], own[1]]);
    let failure = |collector, reason: &str| Failure { collector, reason: reason.into() };
    let wanted = [
        failure("first", "panicked: card 1 burns"),
        failure("second", "cannot understand /proc/x: no number"),
    ];
    assert_eq!(snapshot.failures, wanted, "a lacking subject is no failure");
    let success: Vec<_> = snapshot.points(own[1]).iter().map(|p| p.value).collect();
    assert_eq!(success, [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(snapshot.points(own[0]).len(), 4);
    assert_eq!(snapshot.taken_ms, 1_700_000_000_000);
}

#[test]
fn a_name_has_one_entry_with_the_points_of_all() {
    let mut host = host(vec![
        Scripted("first", Ending::Well, &["z", "same"]),
        Scripted("second", Ending::Well, &["same"]),
    ]);
    let snapshot = host.collect();
    let froms: Vec<_> = snapshot.points("same").iter().map(|p| p.labels.get("from")).collect();
    assert_eq!(froms, [Some("first"), Some("second")]);
    assert_eq!(snapshot.points("z").len(), 1);
    assert!(snapshot.points("absent").is_empty());
    assert_eq!(snapshot.value("same"), None, "no point without labels");
}

#[test]
fn a_collector_that_keeps_panicking_is_retired() {
    let mut host =
        host(vec![Scripted("first", Ending::Panic, &[]), Scripted("second", Ending::Well, &["a"])]);
    let mut reason = || host.collect().failures[0].reason.clone();
    for _ in 0..3 {
        assert_eq!(reason(), "panicked: card 1 burns");
    }
    assert_eq!(reason(), "panicked 3 times and is not run any more");
    assert_eq!(host.collect().points("a").len(), 1);
}

#[test]
#[should_panic(expected = "two collectors are named twin")]
fn collectors_have_different_names() {
    let twin = || Scripted("twin", Ending::Well, &[]);
    host(vec![twin(), twin()]);
}

/// Every collector there is, on this machine: no family twice, names and labels in the grammar of
/// the exposition format, no series twice.
#[test]
fn on_this_machine_no_two_collectors_give_the_same_family() {
    let mut host = Host::new(&Config::default(), &Env::system());
    let mut all = Vec::new();
    for slot in &mut host.slots {
        // A machine may lack anything; what there is, counts.
        let _ = slot.collector.collect(fixture::moment(0), &mut all);
    }
    let mut names: Vec<_> = all.iter().map(|family| family.name.clone()).collect();
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
    for family in &all {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        assert!(family.name.bytes().all(word), "{}", family.name);
        assert!(!family.help.is_empty(), "{}", family.name);
        assert!(!family.points.is_empty(), "{} is empty", family.name);
        let mut series: Vec<_> = family.points.iter().map(|p| (&p.labels, p.suffix)).collect();
        series.sort();
        assert!(series.windows(2).all(|pair| pair[0] != pair[1]), "{}", family.name);
    }
}

/// A host of which nothing can be seen still gives what needs no file.
#[test]
fn an_empty_tree_gives_no_more_than_failures() {
    let nowhere = Roots {
        proc: "/nonexistent/proc".into(),
        sys: "/nonexistent/sys".into(),
        root: "/nonexistent".into(),
    };
    let config = Config { roots: nowhere, ..Config::default() };
    let snapshot = Host::new(&config, &Env::system()).collect();
    assert_eq!(snapshot.value("gpu_device_count"), Some(0.0));
    assert_eq!(snapshot.value("cpu_logical_count"), None);
    let panicked = |failure: &&Failure| failure.reason.contains("panicked");
    assert_eq!(snapshot.failures.iter().find(panicked), None);
}
