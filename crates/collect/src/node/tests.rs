//! What a made-up machine becomes, pinned to the letter; and that no file can bring a collector
//! down.

#![expect(
    clippy::disallowed_methods,
    reason = "a fixture tree is laid out in a temporary directory"
)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use expect_test::expect_file;
use model::{Family, Labels, MetricKind};

use super::collectors;
use crate::{CollectError, Moment, Roots};

const TREE: &str = include_str!("../../tests/fixtures/node/tree.txt");

/// A directory with `proc`, `sys` and `root` below it, which goes with its owner.
struct Tree {
    dir: PathBuf,
}

impl Tree {
    fn empty() -> Self {
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        let name = format!("pharos-node-{}-{n}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        for tree in ["proc", "sys", "root"] {
            fs::create_dir_all(dir.join(tree)).unwrap();
        }
        Self { dir }
    }

    fn unpacked() -> Self {
        let tree = Self::empty();
        for (path, content) in files() {
            tree.put(path, content.as_bytes());
        }
        for (path, target) in links() {
            let path = tree.dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
        }
        tree
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn roots(&self) -> Roots {
        Roots {
            proc: self.dir.join("proc"),
            sys: self.dir.join("sys"),
            root: self.dir.join("root"),
        }
    }

    /// What all collectors say, and the names of those that found nothing.
    fn collect(&self) -> (Vec<Family>, Vec<&'static str>) {
        let mut families = Vec::new();
        let mut absent = Vec::new();
        for collector in &mut collectors(&self.roots()) {
            let outcome = collector.collect(moment(0), &mut families);
            if matches!(outcome, Err(CollectError::Absent)) {
                absent.push(collector.name());
            }
        }
        (families, absent)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn moment(second: u64) -> Moment {
    Moment {
        now_ms: 1_700_000_000_250 + second as i64 * 1000,
        monotonic: Duration::from_secs(second),
    }
}

/// The sections of the tree: what follows `== `, and the text below it.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    let sections = TREE.split("\n== ").skip(1);
    sections.map(|section| section.split_once('\n').unwrap_or((section, "")))
}

fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    sections().filter(|(head, _)| !head.contains(" -> "))
}

fn links() -> impl Iterator<Item = (&'static str, &'static str)> {
    sections().filter_map(|(head, _)| head.split_once(" -> "))
}

/// The families as an exposition page shows them, without help.
fn page(mut families: Vec<Family>) -> String {
    families.sort_by(|a, b| a.name.cmp(&b.name));
    let mut page = String::new();
    for family in &families {
        let kind = match family.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Untyped => "untyped",
            other => panic!("{}: no collector here makes a {other:?}", family.name),
        };
        writeln!(page, "# TYPE {} {kind}", family.name).unwrap();
        for point in &family.points {
            let labels = shown_labels(&family.name, &point.labels);
            let value = shown_value(&family.name, point.value);
            writeln!(page, "{}{labels} {value}", family.name).unwrap();
        }
    }
    page
}

/// Words of the machine that runs the test are shown as `*`.
fn shown_labels(name: &str, labels: &Labels) -> String {
    let of_test_machine = matches!(name, "node_uname_info" | "node_time_zone_offset_seconds");
    if labels.is_empty() {
        return String::new();
    }
    if of_test_machine {
        let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
        return format!("{{{}}}", names.join("=*,") + "=*");
    }
    labels.to_string()
}

fn shown_value(name: &str, value: f64) -> String {
    let of_test_machine = name == "node_time_zone_offset_seconds"
        || (name.starts_with("node_filesystem_") && name != "node_filesystem_device_error");
    if of_test_machine {
        return "*".to_owned();
    }
    if name.ends_with("_mem_bytes") {
        let pages = value / rustix::param::page_size() as f64;
        return format!("{pages} pages");
    }
    value.to_string()
}

#[test]
fn a_made_up_machine_becomes_these_families() {
    let tree = Tree::unpacked();
    let (mut families, absent) = tree.collect();
    assert_eq!(absent, [""; 0], "collectors that found nothing");
    // A sandbox may forbid the call behind it; its units are pinned beside it.
    families.retain(|family| !family.name.starts_with("node_timex_"));
    expect_file!["../../tests/fixtures/node/families.txt"].assert_eq(&page(families));
}

#[test]
fn an_empty_machine_counts_as_node_exporter_counts_it() {
    let (families, absent) = Tree::empty().collect();
    // These succeed with nothing to show; all others say that their subject is absent.
    let content: Vec<&str> = collectors(&Tree::empty().roots())
        .iter()
        .map(|collector| collector.name())
        .filter(|name| !absent.contains(name))
        .collect();
    let without_subject =
        ["cpufreq", "edac", "selinux", "textfile", "thermal_zone", "time", "timex", "uname"];
    assert_eq!(content, without_subject);
    let names: Vec<&str> = families.iter().map(|family| family.name.as_ref()).collect();
    assert!(names.contains(&"node_textfile_scrape_error"), "{names:?}");
    assert!(names.contains(&"node_selinux_enabled"), "{names:?}");
}

/// Bytes without sense, the same in each run.
fn noise(n_bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..n_bytes).map(|_| next()).collect()
}

/// Ways a file can be wrong.
fn damaged(path: &str, content: &str) -> Vec<Vec<u8>> {
    let bytes = content.as_bytes();
    let n = bytes.len();
    let digits_as = |text: &str| content.replace(|c: char| c.is_ascii_digit(), text).into_bytes();
    let mut damaged = vec![Vec::new(), noise(n.max(64)), digits_as("99999999999999999999")];
    // Tables have more places to break than an attribute.
    if path.starts_with("proc/") || content.lines().count() > 1 {
        let cuts = [1, n / 3, n / 2, n - n / 4, n.saturating_sub(2)];
        damaged.extend(cuts.map(|cut| bytes[..cut.min(n)].to_vec()));
        damaged.push(digits_as("-"));
        damaged.push(content.replace([' ', '\t'], "").into());
        damaged.push(content.replace('\n', " ").into());
        damaged.push([bytes, b"\n", bytes].concat());
    }
    damaged
}

#[test]
fn no_file_brings_a_collector_down() {
    let tree = Tree::unpacked();
    for (path, content) in files() {
        for damage in damaged(path, content) {
            tree.put(path, &damage);
            let (families, _) = tree.collect();
            check_families(&families, path, &damage);
        }
        let whole = tree.dir.join(path);
        fs::remove_file(&whole).unwrap();
        tree.collect();
        fs::create_dir_all(&whole).unwrap();
        tree.collect();
        fs::remove_dir_all(&whole).unwrap();
        tree.put(path, content.as_bytes());
    }
}

/// Whatever was read, families are well-formed: valid names, each once, and each series once.
fn check_families(families: &[Family], path: &str, damage: &[u8]) {
    let what = || format!("{path} with {:?}", String::from_utf8_lossy(damage));
    let mut names = HashSet::new();
    for family in families {
        assert!(is_metric_name(&family.name), "{}: {}", what(), family.name);
        assert!(names.insert(&family.name), "{}: {} comes twice", what(), family.name);
        let mut series = HashSet::new();
        for point in &family.points {
            let new = series.insert(&point.labels);
            assert!(new, "{}: {}{} comes twice", what(), family.name, point.labels);
        }
    }
}

fn is_metric_name(name: &str) -> bool {
    name.starts_with("node_")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
}

#[test]
fn idle_time_does_not_step_back() {
    let tree = Tree::unpacked();
    let mut collectors = collectors(&tree.roots());
    let cpu = collectors.iter_mut().find(|one| one.name() == "cpu").unwrap();
    let mut idle_after = |second: u64, ticks: u32| {
        tree.put("proc/stat", format!("cpu0 0 0 0 {ticks} 0 0 0 0 0 0\n").as_bytes());
        let mut families = Vec::new();
        cpu.collect(moment(second), &mut families).unwrap();
        let idle = |labels: &Labels| labels.get("mode") == Some("idle");
        let points = &families[0].points;
        points.iter().find(|point| idle(&point.labels)).unwrap().value
    };
    assert_eq!(idle_after(1, 10_000), 100.0);
    assert_eq!(idle_after(2, 9_900), 100.0);
    assert_eq!(idle_after(3, 10_100), 101.0);
    assert_eq!(idle_after(4, 100), 1.0);
}

/// `cargo test -p collect --release -- --ignored --nocapture one_collection` prints the figures.
#[test]
#[ignore = "a measurement of this machine, not a check"]
fn one_collection_costs_little() {
    let mut collectors = collectors(&Roots::default());
    let mut run = || {
        let mut families = Vec::new();
        for collector in &mut collectors {
            let _ = collector.collect(moment(0), &mut families);
        }
        families.len()
    };
    run();
    let cpu_ticks = || {
        let stat = fs::read_to_string(Path::new("/proc/self/stat")).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        let times = fields.skip(11).take(2);
        times.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>()
    };
    const ROUNDS: u32 = 1000;
    let before = cpu_ticks();
    let n_families: usize = (0..ROUNDS).map(|_| run()).sum();
    let milliseconds = (cpu_ticks() - before) * 10.0 / f64::from(ROUNDS);
    let n_families = n_families / ROUNDS as usize;
    println!("{n_families} families in {milliseconds:.3} ms of CPU time");
}
