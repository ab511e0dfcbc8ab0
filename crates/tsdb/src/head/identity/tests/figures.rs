//! Figures of a million series, printed and not judged:
//! `cargo test --release -p tsdb --lib identity::tests::figures -- --ignored --nocapture`.

use stdx::{Clock, SystemClock};

use super::*;

const N_SERIES: usize = 1_000_000;

/// Kilobytes that this process has in memory.
fn resident_kb() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Nanoseconds of the best of some runs: other work on the machine makes the others longer.
fn best_ns<T>(n_runs: usize, mut work: impl FnMut() -> T) -> (T, f64) {
    let mut run = || {
        let clock = SystemClock::new();
        let result = work();
        (result, clock.monotonic().as_nanos() as f64)
    };
    let first = run();
    (1..n_runs).fold(first, |best, _| {
        let next = run();
        if next.1 < best.1 { next } else { best }
    })
}

fn timed<T>(what: &str, n: usize, work: impl FnMut() -> T) -> T {
    let (result, took_ns) = best_ns(5, work);
    println!("{what}: {:.1} ns each of {n}, {:.2} ms", took_ns / n.max(1) as f64, took_ns / 1e6);
    result
}

/// Series in a batch.
const BATCH: usize = 500;

type Pairs = [(&'static str, String); 8];

/// Visits series in batches whose texts were just read, as those of a request are; prints the time
/// of the visits.
fn each_timed(
    what: &str,
    all: &[Pairs],
    place: impl Fn(usize) -> usize,
    mut visit: impl FnMut(&[(&str, &str)]),
) {
    let mut took_ns = Vec::new();
    for start in (0..all.len()).step_by(BATCH) {
        let borrowed = |i: usize| all[place(i)].each_ref().map(|(name, value)| (*name, &value[..]));
        let batch: Vec<[(&str, &str); 8]> = (start..start + BATCH).map(borrowed).collect();
        let texts = batch.iter().flatten().flat_map(|(_, value)| value.bytes());
        assert!(texts.map(usize::from).sum::<usize>() > 0);
        let (_, batch_ns) = best_ns(1, || batch.iter().for_each(|pairs| visit(pairs)));
        took_ns.push(batch_ns / BATCH as f64);
    }
    let mean = took_ns.iter().sum::<f64>() / took_ns.len() as f64;
    took_ns.sort_unstable_by(f64::total_cmp);
    let median = took_ns[took_ns.len() / 2];
    println!("{what}: {median:.1} ns in the median batch, {mean:.1} in the mean one");
}

/// Eight labels of about 201 bytes, as the series of a large fleet have them: 100 metrics on
/// 1 000 instances, ten interfaces each.
fn series(i: usize) -> Pairs {
    let (instance, of_instance) = (i % 1_000, i / 1_000);
    [
        (METRIC_NAME, format!("container_network_receive_bytes_{:02}_total", of_instance / 10)),
        ("cluster", "production-eu-central-1".to_owned()),
        ("datacenter", format!("frankfurt-{}", instance % 4)),
        ("environment", "production".to_owned()),
        ("instance", format!("node-{instance:04}.eu-central-1.compute.internal:9100")),
        ("interface", format!("ethernet{}", of_instance % 10)),
        ("job", ["kubernetes-nodes", "kubernetes-pods"][instance % 2].to_owned()),
        ("shard", format!("shard-{:02}", (i / 7) % 100)),
    ]
}

/// The same with one label that no other series has.
fn with_pod(i: usize) -> Pairs {
    let mut pairs = series(i);
    pairs[7] = ("uid", format!("4f5e-{:08x}-pod-{i:07}", i.wrapping_mul(0x9e37_79b9)));
    pairs
}

fn ask(identities: &Identities, name: &str, expression: &str) {
    let matcher =
        timed(&format!("  compile {expression}"), 1, || Matcher::regex(name, expression).unwrap());
    let what = format!("  {name}=~\"{expression}\"");
    let n_values = identities.label_values(name, &[]).len();
    let found = timed(&what, n_values, || identities.matching(std::slice::from_ref(&matcher)));
    println!("    {} series", found.len());
}

fn report(what: &str, all: &[Pairs]) {
    let n_bytes: usize = all.iter().flatten().map(|(name, value)| name.len() + value.len()).sum();
    println!("{what}: {} bytes of text a series", n_bytes / all.len());
    let before_kb = resident_kb();
    let mut identities = Identities::new(42);
    each_timed("  add", all, |i| i, |pairs| assert!(identities.find_or_add(pairs).is_new));
    let resident = (resident_kb() - before_kb) * 1024 / N_SERIES as i64;
    let own = identities.bytes() / N_SERIES;
    println!("  {own} bytes a series by its own account, {resident} resident");
    each_timed("  find in order", all, |i| i, |pairs| assert!(identities.find(pairs).is_some()));
    let far = |i: usize| i * 7_919 % N_SERIES;
    each_timed("  find in no order", all, far, |pairs| assert!(identities.find(pairs).is_some()));
    let near = |i: usize| i % 2_000;
    each_timed("  find one of 2 000", all, near, |pairs| assert!(identities.find(pairs).is_some()));
    let mut expected = 0;
    each_timed(
        "  find where expected",
        all,
        |i| i,
        |pairs| {
            expected = identities.find_expected(expected, pairs).unwrap() + 1;
        },
    );
    let mut again = |pairs: &[(&str, &str)]| assert!(!identities.find_or_add(pairs).is_new);
    each_timed("  find or add a known one", all, |i| i, &mut again);
    let mut slots = timed("  all", N_SERIES, || identities.matching(&[]));
    timed("  sort", N_SERIES, || identities.sort_by_labels(&mut slots.clone()));
    identities.sort_by_labels(&mut slots);
    ask(&identities, "instance", "node-0[0-4].+internal:9100");
    ask(&identities, "instance", ".*0042.*");
    ask(&identities, METRIC_NAME, "container_network_receive_bytes_(01|02|03)_total");
    ask(&identities, "uid", ".*00042.*");
    let both = [
        Matcher::equal(METRIC_NAME, "container_network_receive_bytes_07_total"),
        Matcher::regex("instance", "node-00.+").unwrap(),
        Matcher::not_equal("interface", "ethernet3"),
    ];
    let found = timed("  one metric, some instances", 1, || identities.matching(&both));
    println!("    {} series", found.len());
    timed("  cardinality", 1, || identities.cardinality(10));
    let half: Vec<u32> = slots.iter().copied().step_by(2).collect();
    let (_, took_ns) = best_ns(1, || identities.remove(&half));
    println!("  remove: {:.1} ns each of {}", took_ns / half.len() as f64, half.len());
    println!("  {} bytes held", identities.bytes());
}

#[test]
#[ignore = "prints figures"]
fn figures_of_a_million_series() {
    let fleet: Vec<_> = (0..N_SERIES).map(series).collect();
    report("a fleet", &fleet);
    drop(fleet);
    let pods: Vec<_> = (0..N_SERIES).map(with_pod).collect();
    report("a label of its own each", &pods);
}

/// What is asked of one node of many, whose series are few.
#[test]
#[ignore = "prints figures"]
fn figures_of_few_series_among_many() {
    let mut identities = Identities::new(42);
    for i in 0..200_000_usize {
        let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let pod = format!("app-{:02}-{:08x}-{:05x}", i % 20, mixed >> 32, mixed >> 12 & 0xf_ffff);
        let node = format!("node-{:04}", i / 100);
        let pairs = [(METRIC_NAME, "memory_bytes"), ("node", &node), ("pod", &pod)];
        assert!(identities.find_or_add(&pairs).is_new);
    }
    let one = Matcher::equal("node", "node-0007");
    let many = Matcher::regex("node", "node-0[0-4].*").unwrap();
    let inside = Matcher::not_regex("pod", ".*123.*").unwrap();
    let any = Matcher::not_equal("pod", "");
    let metric = Matcher::equal(METRIC_NAME, "memory_bytes");
    for (what, of_nodes) in [("a node", &one), ("a quarter of the nodes", &many)] {
        for (of, of_pods) in [("not .*123.*", &inside), ("not empty", &any)] {
            let matchers = [metric.clone(), of_pods.clone(), of_nodes.clone()];
            let found = timed(&format!("{what}, {of}"), 1, || identities.matching(&matchers));
            println!("  {} series", found.len());
        }
    }
}
